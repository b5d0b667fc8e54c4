"""The AsyncAPI 3 document: what goes over the hub's connections and streams, which OpenAPI has no words for.

Made from the same structs as the other documents. It tells the hub's side: the hub sends frames, and receives `auth`.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

from contracts.closing import CloseCode, may_return
from contracts.frame import CONTROL_FRAMES
from hub import routes
from hub.api.openapi.asyncapi_streams import (
    OBSERVE_CHANNEL,
    STREAM_QUERY,
    describe_observation_messages,
    describe_stream_messages,
    stream_channel,
)
from hub.api.openapi.components import describe_frames, describe_page
from hub.api.openapi.portable import Schema, map_schema
from hub.language import Texts
from hub.publish.registry import TypeRegistry

__all__ = ["build_asyncapi"]

_ABOUT = """\
Subscribers get notifications as frames, over WebSocket (`/ws`), Server-Sent Events (`/sse`) or polling (`/poll`). All
three carry the same bytes with the same cursor, so a client may switch from one to another.

A frame is one JSON object with a `type`. Types may be added, so a client ignores a `type` that it does not know.
`/streams/me` has the same notifications in the format of the open protocol Durable Streams, and `/api/internal/observe`
is the event stream of operators. Publishing is HTTP, and the OpenAPI document describes it.
"""
_BINDING = "0.3.0"
_CURSOR: Schema = {
    "type": "string",
    "description": "The last cursor that the client has processed; everything for the user since then comes first. If "
    "the log can no longer serve this cursor, a `gap` frame comes first.",
}
_TOKEN: Schema = {
    "type": "string",
    "description": "A one-use ticket, or a user's token, if the client cannot set a header.",
}
_SIGNALS: Schema = {
    "type": "string",
    "description": "The types of signals that the client wants, separated by commas; without it, it gets none.",
}
_PROTOCOL: Schema = {
    "type": "string",
    "enum": ["hub.v1"],
    "description": "The client knows every control frame, and gets those that tell of the user's state, such as "
    "`inbox`.",
}
_QUERY: Schema = {"type": "object", "properties": {"token": _TOKEN, "cursor": _CURSOR, "signals": _SIGNALS}}
_STREAM_QUERY: Schema = {"type": "object", "properties": {**_QUERY["properties"], "protocol": _PROTOCOL}}
_POLL_QUERY: Schema = {"type": "object", "properties": {"token": _TOKEN, "cursor": _CURSOR, "protocol": _PROTOCOL}}
_LAST_EVENT_ID: Schema = {
    "type": "object",
    "properties": {
        "Last-Event-ID": {"type": "string", "description": "The cursor, as `EventSource` sends it; wins over `cursor`."}
    },
}
_SECURITY = {
    "userToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A user's token, from the issuer of the settings.",
    },
    "serviceKey": {"type": "http", "scheme": "bearer", "description": "A service's key, made by `hub key`."},
    "urlToken": {
        "type": "httpApiKey",
        "in": "query",
        "name": "token",
        "description": "A one-use ticket, or a user's token, if the client cannot set a header.",
    },
    "subprotocolToken": {
        "type": "httpApiKey",
        "in": "header",
        "name": "Sec-WebSocket-Protocol",
        "description": "`hub.bearer.<base64url of the token>`, offered together with `hub.v1`, only over `/ws`.",
    },
}
_CODES = [
    {"code": int(code), "name": code.name.lower(), "client": "come back" if may_return(code) else "stop"}
    for code in CloseCode
]
_CODE_LINES = "\n".join(
    f"- `{row['code']}` {row['name']}: {'stop' if row['client'] == 'stop' else 'reconnect'}" for row in _CODES
)
#: Control frames that one transport has no use for: a WebSocket ends with a close code, a stream's client cannot send
#: `auth`, and a page is not a connection.
_NOT_OVER_WEBSOCKET = frozenset({"closing"})
_NOT_OVER_STREAM = frozenset({"auth_accepted"})
_POLLED_CONTROL = frozenset({"gap", "inbox", "preferences"})


def build_asyncapi(registry: TypeRegistry, *, version: str, texts: Texts) -> dict[str, Any]:
    """Return the AsyncAPI 3.0 document of a hub that knows this registry."""
    frames = describe_frames(registry, texts)
    schemas = {name: _draft7(schema) for name, schema in frames["$defs"].items()}
    mapping = {tag: reference.rpartition("/")[2] for tag, reference in frames["discriminator"]["mapping"].items()}
    control = {str(kind.__struct_config__.tag) for kind in CONTROL_FRAMES}
    unpolled = control | registry.signals.keys()
    messages = {
        name: _message(tag, name, schemas[name], kind=_kind_of(schemas[name], control=tag in control))
        for tag, name in mapping.items()
    }
    messages["Auth"] = _message("auth", "Auth", schemas["Auth"], kind="control")
    messages["Listen"] = _message("listen", "Listen", schemas["Listen"], kind="control")
    messages["Ack"] = _message("ack", "Ack", schemas["Ack"], kind="control")
    schemas["Page"] = _draft7(
        describe_page({"oneOf": [_schema(n) for t, n in mapping.items() if _is_polled(t, unpolled)]})
    )
    notifications = [name for tag, name in mapping.items() if tag not in unpolled]
    streamed = describe_stream_messages(map(_schema, notifications), _find_example(notifications, schemas))
    for name, (schema, example) in streamed.items():
        schemas[name] = _draft7(schema)
        messages[name] = _plain_message(name, schema, example)
    events, observed = describe_observation_messages(registry)
    schemas |= {name: _draft7(schema) for name, schema in observed.items()}
    messages |= {name: _message(tag, name, schemas[name], kind="observation") for tag, name in events.items()}
    messages["Page"] = {
        "name": "page",
        "title": "Page",
        "summary": "What came since a cursor, and the cursor for the next request.",
        "payload": _schema("Page"),
    }
    over_websocket = [name for tag, name in mapping.items() if tag not in _NOT_OVER_WEBSOCKET]
    over_stream = [name for tag, name in mapping.items() if tag not in _NOT_OVER_STREAM]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Notification hub",
            "version": version,
            "description": _ABOUT,
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "websocket": _server("wss", "Where `/ws` is; `ws` in development."),
            "http": _server("https", "Where `/sse` and `/poll` are; `http` in development."),
        },
        "channels": {
            "ws": _websocket([*over_websocket, "Auth", "Listen", "Ack"]),
            "sse": _stream(over_stream),
            "poll": _poll(),
            "streams": {**stream_channel(), "messages": _references([*streamed])},
            "observe": {**OBSERVE_CHANNEL, "messages": _references([*events.values()])},
        },
        "operations": _operations(over_websocket, over_stream, [*streamed], [*events.values()]),
        "components": {"schemas": dict(sorted(schemas.items())), "messages": messages, "securitySchemes": _SECURITY},
    }


def _server(protocol: str, description: str) -> dict[str, Any]:
    return {"host": "hub.example.com", "protocol": protocol, "description": description}


def _message(tag: str, name: str, schema: Mapping[str, Any], *, kind: str) -> dict[str, Any]:
    message: dict[str, Any] = {
        "name": tag,
        "title": name,
        "summary": schema.get("description", ""),
        "tags": [{"name": kind}],
        "payload": _schema(name),
    }
    if schema.get("examples"):
        message["examples"] = [{"name": tag.replace(":", "."), "payload": schema["examples"][0]}]
    return message


def _plain_message(name: str, schema: Mapping[str, Any], example: Any) -> dict[str, Any]:
    """Return a message that is not told from others by a `type`."""
    return {
        "name": name[0].lower() + name[1:],
        "title": name,
        "summary": schema["description"],
        "payload": _schema(name),
        "examples": [{"name": name, "payload": example}],
    }


def _find_example(names: list[str], schemas: Mapping[str, Schema]) -> Mapping[str, Any]:
    """Return an example of the first notification that has one."""
    return next((example for name in names for example in schemas[name].get("examples", ())), {})


def _kind_of(schema: Mapping[str, Any], *, control: bool) -> str:
    if control:
        return "control"
    return "signal" if "missed" in schema.get("properties", {}) else "notification"


def _websocket(messages: list[str]) -> dict[str, Any]:
    return {
        "address": routes.WEBSOCKET,
        "title": "WebSocket",
        "description": "One frame in each text message; the first is `connection_established`. A client that offers "
        "subprotocol `hub.v1` gets heartbeats that it can see, may send `auth` with a newer token, and is refused with "
        "a close code that it can read; every other client is refused before the accept, with a problem.\n\n"
        f"Close codes, and what a client does after them (reconnect with the last cursor, or stop):\n{_CODE_LINES}",
        "servers": [{"$ref": "#/servers/websocket"}],
        "messages": _references(messages),
        "bindings": {"ws": {"method": "GET", "query": _QUERY, "bindingVersion": "0.1.0"}},
        "x-subprotocols": ["hub.v1"],
        "x-close-codes": _CODES,
    }


def _stream(messages: list[str]) -> dict[str, Any]:
    return {
        "address": routes.EVENT_STREAM,
        "title": "Server-Sent Events",
        "description": "`text/event-stream`: each event's `data` is one frame, and its `id` is the cursor. The stream "
        "ends after a `closing` frame, whose `code` is the close code that it replaces, or when the hub restarts.",
        "servers": [{"$ref": "#/servers/http"}],
        "messages": _references(messages),
    }


def _poll() -> dict[str, Any]:
    return {
        "address": routes.POLL,
        "title": "Polling",
        "description": "The last resort, for a network that passes neither of the others: a page of frames for each "
        "request. After a page with frames request again at once, after an empty one wait.",
        "servers": [{"$ref": "#/servers/http"}],
        "messages": _references(["Page"]),
    }


def _operations(frames: list[str], events: list[str], streamed: list[str], observed: list[str]) -> dict[str, Any]:
    bearers = [{"$ref": f"#/components/securitySchemes/{name}"} for name in ("userToken", "urlToken")]
    by_subprotocol = {"$ref": "#/components/securitySchemes/subprotocolToken"}
    return {
        "sendOverWebSocket": {
            "action": "send",
            "channel": {"$ref": "#/channels/ws"},
            "summary": "The hub sends the user's notifications, and its own control frames.",
            "security": [*bearers, by_subprotocol],
            "messages": _of_channel("ws", frames),
        },
        "receiveAuth": {
            "action": "receive",
            "channel": {"$ref": "#/channels/ws"},
            "summary": "A `hub.v1` client continues with a newer token of the same user and account.",
            "description": "The response is `auth_accepted`; a refused token closes the connection.",
            "messages": _of_channel("ws", ["Auth"]),
            "reply": {"channel": {"$ref": "#/channels/ws"}, "messages": _of_channel("ws", ["AuthAccepted"])},
        },
        "receiveListen": {
            "action": "receive",
            "channel": {"$ref": "#/channels/ws"},
            "summary": "A `hub.v1` client says which signals it wants, in place of those it asked for before.",
            "messages": _of_channel("ws", ["Listen"]),
        },
        "receiveAck": {
            "action": "receive",
            "channel": {"$ref": "#/channels/ws"},
            "summary": "A `hub.v1` client has taken everything of this connection up to a cursor.",
            "description": "It counts where a service awaits a confirmation. There is no response.",
            "messages": _of_channel("ws", ["Ack"]),
        },
        "sendOverEventStream": {
            "action": "send",
            "channel": {"$ref": "#/channels/sse"},
            "summary": "The hub sends the same as events.",
            "security": bearers,
            "messages": _of_channel("sse", events),
            "bindings": {"http": {"method": "GET", "query": _STREAM_QUERY, "bindingVersion": _BINDING}},
        },
        "answerPoll": {
            "action": "send",
            "channel": {"$ref": "#/channels/poll"},
            "summary": "The hub responds to a request with a page.",
            "security": bearers,
            "messages": _of_channel("poll", ["Page"]),
            "bindings": {"http": {"method": "GET", "query": _POLL_QUERY, "bindingVersion": _BINDING}},
        },
        "sendOverDurableStream": {
            "action": "send",
            "channel": {"$ref": "#/channels/streams"},
            "summary": "The hub sends the user's notifications to a reader of Durable Streams.",
            "security": bearers,
            "messages": _of_channel("streams", streamed),
            "bindings": {"http": {"method": "GET", "query": STREAM_QUERY, "bindingVersion": _BINDING}},
        },
        "sendObservations": {
            "action": "send",
            "channel": {"$ref": "#/channels/observe"},
            "summary": "The hub tells an operator what it does.",
            "description": "The service key has the operation `observe`, and is not limited to some accounts.",
            "security": [{"$ref": "#/components/securitySchemes/serviceKey"}],
            "messages": _of_channel("observe", observed),
            "bindings": {"http": {"method": "GET", "bindingVersion": _BINDING}},
        },
    }


def _is_polled(tag: str, unpolled: Set[str]) -> bool:
    return tag in _POLLED_CONTROL or tag not in unpolled


def _schema(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _references(names: list[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in names}


def _of_channel(channel: str, names: list[str]) -> list[dict[str, str]]:
    return [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in names]


def _draft7(schema: Schema) -> Schema:
    """Return a schema as AsyncAPI has it: draft 7, with references into this document."""
    drafted: Schema = map_schema(_older, schema)
    return drafted


def _older(schema: Schema) -> Schema:
    older = dict(schema)
    if "prefixItems" in older:
        rest = older.pop("items", True)
        older.update(items=older.pop("prefixItems"), additionalItems=rest)
    if "$ref" in older:
        older["$ref"] = older["$ref"].replace("#/$defs/", "#/components/schemas/")
        if len(older) > 1:
            # Beside a reference nothing is read.
            older = {"allOf": [{"$ref": older.pop("$ref")}], **older}
    if "discriminator" in older:
        # Here it is the name of a property, and without a mapping.
        older["discriminator"] = older["discriminator"]["propertyName"]
    return older
