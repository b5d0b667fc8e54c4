"""The documents made from the registry of types: OpenAPI 3.1 and 3.0, AsyncAPI 3, and the frames' JSON Schema.

Pure: the same types and version give the same bytes, so that the copies in `openapi/` can be
compared with what the code says.
"""

from __future__ import annotations

import sys
from importlib.metadata import version as installed_version
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from hub.api.openapi.asyncapi import build_asyncapi
from hub.api.openapi.components import POLICY, Schema, describe_frames, describe_http
from hub.api.openapi.examples import stream_example
from hub.api.openapi.openapi30 import as_openapi30
from hub.api.openapi.operations import OPERATIONS, WEBHOOKS, Operation, Response
from hub.errors import HubError
from hub.errors.problem import describe_problem
from hub.language import DEFAULT_LANGUAGE, TEXTS, Language
from hub.publish.registry import TypeRegistry, load_type_registry
from hub.settings import Settings

__all__ = ["build_document", "build_documents", "encode_document", "write_artefacts"]

_ABOUT = """\
Services publish typed notifications. Their subscribers get them over WebSocket or Server-Sent Events, in order and
once, including those that came while a subscriber was offline.

Every failure is a problem (RFC 9457) with a stable `code`. Times are RFC 3339 in UTC.
"""
_TAGS = {
    "Publish": "For services: publish notifications.",
    "Receive": "For frontends: get notifications, live and since the last cursor.",
    "Operate": "For operators and monitoring.",
    "Describe": "The documents of this API.",
}
_SECURITY = {
    "serviceKey": {"type": "http", "scheme": "bearer", "description": "A service's key, made by `hub key`."},
    "userToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A user's token, from the issuer of the settings.",
    },
    "urlToken": {
        "type": "apiKey",
        "in": "query",
        "name": "token",
        "description": "A one-use ticket, or a user's token, if the client cannot set a header.",
    },
}
_PUSH_ENDPOINT = "https://push.example.com/v2/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV"
_BODY_EXAMPLES: dict[str, dict[str, Any]] = {
    "AckRequest": {"cursor": "k3v9q2m7xa-1z8"},
    "DisconnectRequest": {"user_id": "user-1", "account_id": "account-1", "revoke": True},
    "RelayReport": {
        "instance": "9f2c5d0e81b3a467",
        "waiting_rows": 12,
        "dead_rows": 0,
        "oldest_waiting_seconds": 0.4,
        "published": 4711,
        "interval_seconds": 15,
    },
    "ConnectionsRequest": {"user_id": "user-1", "account_id": "account-1"},
    "ForgetRequest": {"user_id": "user-1", "account_id": "account-1"},
    "InboxChange": {"read": ["0b6f2c52-9d0e-4c39-9f0a-0d6f3a4c1e77"]},
    "PushSubscription": {
        "endpoint": _PUSH_ENDPOINT,
        "expirationTime": None,
        # Of RFC 8291, appendix A.
        "keys": {
            "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            "auth": "BTBZMqHH6r4Tts7J_aSIgg",
        },
    },
    "PushUnsubscribe": {"endpoint": _PUSH_ENDPOINT},
}
#: Headers that come with every problem of a status.
_PROBLEM_HEADERS = {
    401: {"WWW-Authenticate": {"description": "`Bearer`", "schema": {"type": "string"}}},
    415: {
        "Accept": {"description": "`application/json`, if that was wrong", "schema": {"type": "string"}},
        "Accept-Encoding": {"description": "`identity`, if that was wrong", "schema": {"type": "string"}},
    },
    426: {
        "Upgrade": {"description": "`websocket`", "schema": {"type": "string"}},
        "Sec-WebSocket-Version": {"description": "`13`", "schema": {"type": "string"}},
    },
    503: {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}},
}


def build_document(registry: TypeRegistry, *, version: str, language: Language = DEFAULT_LANGUAGE) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of a hub with these types, which speaks `language`."""
    components = describe_http(registry, TEXTS[language])
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _describe(operation, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Notification hub",
            "version": version,
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/", "description": "The hub that serves this document"}],
        "tags": [{"name": name, "description": sentence} for name, sentence in _TAGS.items()],
        "paths": paths,
        "webhooks": WEBHOOKS,
        "components": {"schemas": components, "securitySchemes": _SECURITY},
    }


def build_documents(
    registry: TypeRegistry, *, version: str, language: Language = DEFAULT_LANGUAGE
) -> dict[str, dict[str, Any]]:
    """Return every document of a hub with these types, by the name of its file."""
    document = build_document(registry, version=version, language=language)
    texts = TEXTS[language]
    return {
        "openapi.json": document,
        "openapi-3.0.json": as_openapi30(document),
        "asyncapi.json": build_asyncapi(registry, version=version, texts=texts),
        "frames.schema.json": describe_frames(registry, texts),
    }


def encode_document(document: dict[str, Any]) -> bytes:
    """Return a document as it is served and checked in: two spaces, one line feed at the end."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def write_artefacts(
    folder: Path,
    *,
    version: str | None = None,
    registry: TypeRegistry | None = None,
    language: Language = DEFAULT_LANGUAGE,
) -> list[Path]:
    """Write every document of `registry` into `folder`; return the paths.

    Unless given, `registry` has the types of a hub without settings, and `version` is that of the installed hub.
    """
    registry = registry or load_type_registry(Settings().contracts)
    version = version or installed_version("notification-hub")
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, document in build_documents(registry, version=version, language=language).items():
        path = folder / name
        path.write_bytes(encode_document(document))
        written.append(path)
    return written


def _describe(operation: Operation, components: dict[str, Schema]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.description,
        "security": [{scheme: []} for scheme in operation.security],
    }
    if operation.parameters:
        described["parameters"] = [dict(parameter) for parameter in operation.parameters]
    if operation.body is not None:
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": _body(operation.body, components)},
        }
    responses = {str(response.status): _response(response, components) for response in operation.responses}
    # Stable, so that failures of one status keep the order of their table.
    failures = sorted(dict.fromkeys(operation.failures), key=lambda failure: failure.status)
    for status, kinds in groupby(failures, key=lambda failure: failure.status):
        responses[str(status)] = _problem(status, list(kinds))
    described["responses"] = dict(sorted(responses.items()))
    return described


def _body(name: str, components: dict[str, Schema]) -> dict[str, Any]:
    media: dict[str, Any] = {"schema": {"$ref": f"#/components/schemas/{name}"}}
    mapping = components["PublishRequest"]["discriminator"]["mapping"]
    examples = {
        tag: components[reference.rpartition("/")[2]]["examples"][0]
        for tag, reference in mapping.items()
        if "examples" in components[reference.rpartition("/")[2]]
    }
    if name == "PublishRequest":
        media["examples"] = {_key(tag): {"summary": tag, "value": value} for tag, value in examples.items()}
    elif name == "SignalRequest":
        sent = components["SignalRequest"].get("discriminator", {"mapping": {}})["mapping"]
        media["examples"] = {
            _key(tag): {"summary": tag, "value": value}
            for tag, reference in sent.items()
            for value in components[reference.rpartition("/")[2]].get("examples", ())
        }
    elif name == "PreferencesRequest":
        optional = [
            tag
            for tag, reference in mapping.items()
            if not components[reference.rpartition("/")[2]][POLICY]["mandatory"]
        ]
        media["example"] = {"muted": optional[:1]}
    elif name == "BatchRequest":
        media["example"] = {"notifications": list(examples.values())[:2]}
    elif name == "ExplainRequest":
        media["examples"] = {
            _key(tag): {"summary": tag, "value": {**value, "explain_user_id": "user-1"}}
            for tag, value in list(examples.items())[:1]
        }
    else:
        media["example"] = _BODY_EXAMPLES[name]
    return media


def _key(tag: str) -> str:
    # OpenAPI allows letters, digits, dots, dashes and underscores in a name; a tag may have colons.
    return tag.replace(":", ".")


def _response(response: Response, components: dict[str, Schema]) -> dict[str, Any]:
    described: dict[str, Any] = {"description": response.description}
    if response.headers:
        described["headers"] = dict(response.headers)
    if response.schema is not None:
        schema = (
            {"$ref": f"#/components/schemas/{response.schema}"} if isinstance(response.schema, str) else response.schema
        )
        if response.media_type == "text/event-stream":
            schema = {"examples": [stream_example(components)], **schema}
        described["content"] = {response.media_type: {"schema": schema}}
    return described


def _problem(status: int, kinds: list[type[HubError]]) -> dict[str, Any]:
    examples = {
        kind.code: {"summary": kind.title, "value": msgspec.to_builtins(describe_problem(kind()))} for kind in kinds
    }
    described: dict[str, Any] = {"description": "; ".join(kind.title for kind in kinds)}
    if status in _PROBLEM_HEADERS:
        described["headers"] = _PROBLEM_HEADERS[status]
    schema = {"$ref": "#/components/schemas/Problem"}
    described["content"] = {"application/problem+json": {"schema": schema, "examples": examples}}
    return described


if __name__ == "__main__":
    write_artefacts(Path(sys.argv[1] if len(sys.argv) > 1 else "openapi"))
