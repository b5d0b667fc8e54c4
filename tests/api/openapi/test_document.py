"""The API document, the frames' schema and their checked-in copies."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from schemathesis.specs.openapi.definitions import OPENAPI_31

from contracts.frame import CONTROL_FRAMES
from contracts.policy import Policy
from contracts.problem import Problem
from hub import errors
from hub.api.disconnect_body import parse_disconnect
from hub.api.openapi.asyncapi import build_asyncapi
from hub.api.openapi.components import describe_frames
from hub.api.openapi.document import build_document, encode_document, write_artefacts
from hub.api.openapi.operations import OPERATIONS
from hub.errors import HubError
from hub.language import DEFAULT_LANGUAGE, TEXTS
from hub.publish.body import parse_batch, parse_publish
from hub.publish.policies import describe_policy
from hub.publish.registry import load_type_registry
from hub.settings import Settings
from tests.contracts.frames import decode_frame

ROOT = Path(__file__).parents[3]
REGISTRY = load_type_registry(["contracts.avelarsys", "tests.contracts.company"])
DOCUMENT = build_document(REGISTRY, version="1.2.3")
FRAMES = describe_frames(REGISTRY, TEXTS[DEFAULT_LANGUAGE])
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]


def check(value: object, schema: dict[str, Any]) -> None:
    """Raise where `value` is not what `schema`, a part of the document, says."""
    resource = Resource.from_contents(DOCUMENT, default_specification=DRAFT202012)
    registry: Registry[Any] = Registry().with_resource("urn:document", resource)
    whole = json.loads(json.dumps(schema).replace('"#/', '"urn:document#/'))
    Draft202012Validator(whole, registry=registry).validate(value)


def test_document_is_valid_openapi() -> None:
    """The document is what the OpenAPI 3.1 schema says a document is, and its schemas are JSON Schemas."""
    Draft202012Validator(OPENAPI_31).validate(DOCUMENT)
    for schema in [*SCHEMAS.values(), FRAMES]:
        Draft202012Validator.check_schema(schema)


def test_every_reference_leads_somewhere() -> None:
    """No schema is referred to that is not there, in either document."""
    for document, prefix, names in [
        (DOCUMENT, "#/components/schemas/", set(SCHEMAS)),
        (FRAMES, "#/$defs/", set(FRAMES["$defs"])),
    ]:
        references = set(re.findall(r'"(#/[^"]+)"', json.dumps(document)))
        assert {prefix + name for name in names} >= references


def test_every_type_has_an_example_that_is_valid() -> None:
    """Each type's example passes its schema and the hub's own checks, a company's type too."""
    body = DOCUMENT["paths"]["/api/internal/notify"]["post"]["requestBody"]["content"]["application/json"]
    examples = {example["summary"]: example["value"] for example in body["examples"].values()}
    assert list(REGISTRY.types) == list(examples)
    for tag, example in examples.items():
        check(example, body["schema"])
        assert tag == parse_publish(msgspec.json.encode(example), REGISTRY, now_s=0).type


def test_every_frame_has_an_example_that_is_valid() -> None:
    """Each frame's example passes both schemas and decodes as what it is an example of."""
    assert len(REGISTRY.types) + len(REGISTRY.signals) + len(CONTROL_FRAMES) == len(SCHEMAS["Frame"]["oneOf"])
    for reference in SCHEMAS["Frame"]["discriminator"]["mapping"].values():
        name = reference.rpartition("/")[2]
        (example,) = SCHEMAS[name]["examples"]
        check(example, SCHEMAS["Frame"])
        Draft202012Validator(FRAMES).validate(example)
        assert name == type(decode_frame(REGISTRY, msgspec.json.encode(example))).__name__


def test_examples_of_other_bodies_are_valid() -> None:
    """A batch and a disconnect can be copied from the document as they stand."""
    batch, disconnect = (
        DOCUMENT["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        for path in ("/api/internal/notify/batch", "/api/internal/disconnect")
    )
    check(batch["example"], batch["schema"])
    check(disconnect["example"], disconnect["schema"])
    assert not any(
        isinstance(result, Problem) for result in parse_batch(msgspec.json.encode(batch["example"]), REGISTRY, now_s=0)
    )
    assert parse_disconnect(msgspec.json.encode(disconnect["example"])).revoke


def test_requests_refuse_what_the_hub_refuses() -> None:
    """A member that no request has, or that only the hub sets, is refused by the schema too."""
    request = {"type": "cart_updated", "title": "a", "message": "b", "everyone": True}
    check(request, SCHEMAS["PublishRequest"])
    for more in ({"id": "x"}, {"cursor": "x"}, {"priority": 1}, {"user_id": "a\nb"}, {"title": None}, {"type": "gap"}):
        with pytest.raises(jsonschema.ValidationError):
            check({**request, **more}, SCHEMAS["PublishRequest"])


def test_unions_name_their_discriminator() -> None:
    """Generators that need a discriminator find one, with every tag."""
    for name in ("PublishRequest", "Notification", "Frame"):
        discriminator = SCHEMAS[name]["discriminator"]
        assert "type" == discriminator["propertyName"]
        assert [part["$ref"] for part in SCHEMAS[name]["oneOf"]] == list(discriminator["mapping"].values())
    assert "service-order:created" in SCHEMAS["PublishRequest"]["discriminator"]["mapping"]


def test_every_operation_has_its_own_id_and_its_problems() -> None:
    """Ids are unique, and each failure answers with a problem whose example has its stable code."""
    assert len(OPERATIONS) == len({operation.id for operation in OPERATIONS})
    for operation in OPERATIONS:
        described = DOCUMENT["paths"][operation.path][operation.method]
        for failure in operation.failures:
            content = described["responses"][str(failure.status)]["content"]
            example = content["application/problem+json"]["examples"][failure.code]["value"]
            check(example, SCHEMAS["Problem"])
            assert failure.code == example["code"]
    told = {failure for operation in OPERATIONS for failure in operation.failures}
    # These end a live connection, stop the start, or answer a route or method there is none of, or a bad head.
    elsewhere = {errors.SettingsError, errors.MethodNotAllowed} | {
        errors.UriTooLong,
        errors.HeadersTooLarge,
        errors.UnsupportedTransferCoding,
    }
    assert {getattr(errors, name) for name in errors.__all__} - {HubError} == told | elsewhere


def test_every_operation_of_the_design_is_there() -> None:
    """The document leaves no route out."""
    assert {
        "get /ws",
        "get /sse",
        "get /poll",
        "get /streams/me",
        "post /api/internal/notify",
        "post /api/internal/notify/batch",
        "post /api/internal/signal",
        "get /api/internal/ws-stats",
        "post /api/internal/disconnect",
        "get /api/internal/observe",
        "post /api/internal/connections",
        "post /api/internal/explain",
        "get /api/internal/notifications/{id}",
        "post /api/ticket",
        "post /api/internal/forget",
        "get /api/inbox",
        "post /api/inbox",
        "get /api/preferences",
        "put /api/preferences",
        "get /api/push",
        "put /api/push",
        "delete /api/push",
        "get /api/internal/push",
        "post /api/ack",
        "get /api/internal/webhooks",
        "post /api/internal/webhooks/{id}/repeat",
        "put /api/internal/relay",
        "get /console",
        "get /console/console.js",
        "get /console/console.css",
        "get /health/live",
        "get /health/ready",
        "get /metrics",
        "get /",
        "get /schema",
        "get /schema/openapi.json",
        "get /schema/openapi-3.0.json",
        "get /schema/asyncapi.json",
        "get /schema/frames.json",
    } == {f"{operation.method} {operation.path}" for operation in OPERATIONS}


def test_two_builds_are_the_same_bytes() -> None:
    """The document depends on the types and the version alone."""
    again = build_document(load_type_registry(["contracts.avelarsys", "tests.contracts.company"]), version="1.2.3")
    assert encode_document(DOCUMENT) == encode_document(again)


def test_checked_in_copies_say_what_the_code_says(tmp_path: Path) -> None:
    """`openapi/` is up to date; `make openapi` writes it again."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    written = write_artefacts(tmp_path, version=version)
    assert ["openapi.json", "openapi-3.0.json", "asyncapi.json", "frames.schema.json"] == [
        path.name for path in written
    ]
    for path in written:
        assert path.read_bytes() == (ROOT / "openapi" / path.name).read_bytes(), f"run `make openapi` ({path.name})"
    known = json.loads((tmp_path / "frames.schema.json").read_bytes())["discriminator"]["mapping"]
    registry = load_type_registry(Settings().contracts)
    assert len(registry.types) + len(registry.signals) + len(CONTROL_FRAMES) == len(known)


def test_documents_say_the_policy_of_each_type() -> None:
    """Programs find a type's policy in `x-policy`, people in its description; for publishers and for subscribers."""
    asyncapi = build_asyncapi(REGISTRY, version="1.2.3", texts=TEXTS[DEFAULT_LANGUAGE])
    for tag, policy in REGISTRY.policies.items():
        name = DOCUMENT["components"]["schemas"]["Notification"]["discriminator"]["mapping"][tag].rpartition("/")[2]
        places = [
            SCHEMAS[name],
            SCHEMAS[f"Publish{name}"],
            FRAMES["$defs"][name],
            asyncapi["components"]["schemas"][name],
        ]
        for schema in places:
            assert policy == msgspec.convert(schema["x-policy"], Policy)
            assert all(sentence in schema["description"] for sentence in describe_policy(policy))
            assert (policy == Policy()) == (not describe_policy(policy))
