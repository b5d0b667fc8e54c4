"""The OpenAPI 3.0 rendering: valid, the same in all that it says, and without what generators guess about."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from jsonschema import Draft4Validator
from schemathesis.specs.openapi.definitions import OPENAPI_30

from hub.api.openapi.document import build_document
from hub.api.openapi.openapi30 import as_openapi30
from hub.api.openapi.portable import Schema, plain_schema
from hub.publish.registry import load_type_registry

DOCUMENT = build_document(load_type_registry(["contracts.avelarsys", "tests.contracts.company"]), version="1.2.3")
RENDERED = as_openapi30(DOCUMENT)
SCHEMAS: dict[str, Any] = RENDERED["components"]["schemas"]


def every_schema(schema: Any) -> Iterator[Schema]:
    """Yield a schema and all its parts."""
    if isinstance(schema, dict):
        yield schema
        for key, value in schema.items():
            if key in {"properties", "$defs"}:
                for part in value.values():
                    yield from every_schema(part)
            elif key in {"items", "additionalProperties"}:
                yield from every_schema(value)
            elif key in {"anyOf", "oneOf", "allOf"}:
                for part in value:
                    yield from every_schema(part)


def as_draft4(schema: Schema) -> Schema:
    """Return an OpenAPI 3.0 schema as the JSON Schema that it means, for a validator."""
    text = json.dumps(schema)
    whole = {**json.loads(text), "components": {"schemas": SCHEMAS}}

    def null(part: Any) -> Any:
        if isinstance(part, list):
            return [null(item) for item in part]
        if not isinstance(part, dict):
            return part
        plain = {key: null(value) for key, value in part.items() if key not in {"nullable", "discriminator"}}
        return {"anyOf": [plain, {"type": "null"}]} if part.get("nullable") else plain

    meant: Schema = null(whole)
    return meant


def test_rendering_is_valid_openapi() -> None:
    """The rendering is what the OpenAPI 3.0 schema says a document is, company types included."""
    Draft4Validator(OPENAPI_30).validate(RENDERED)
    assert "3.0.3" == RENDERED["openapi"]


def test_nothing_is_left_out() -> None:
    """Each operation but `/ws`, each answer, parameter and schema of the one document is in the other."""
    assert DOCUMENT["paths"].keys() - {"/ws"} == RENDERED["paths"].keys()
    assert DOCUMENT["components"]["schemas"].keys() == SCHEMAS.keys()
    for path in RENDERED["paths"]:
        methods = DOCUMENT["paths"][path]
        for method, operation in methods.items():
            other = RENDERED["paths"][path][method]
            assert operation.keys() == other.keys()
            assert operation["responses"].keys() == other["responses"].keys()
            assert [one["name"] for one in operation.get("parameters", [])] == [
                one["name"] for one in other.get("parameters", [])
            ]
    for name, schema in DOCUMENT["components"]["schemas"].items():
        assert schema.get("properties", {}).keys() == SCHEMAS[name].get("properties", {}).keys()
        assert schema.get("required") == SCHEMAS[name].get("required")


def test_it_accepts_the_same_examples() -> None:
    """Every example of the 3.1 document passes the rendering, and so does a null where one is allowed."""
    for name, schema in DOCUMENT["components"]["schemas"].items():
        for example in schema.get("examples", []):
            Draft4Validator(as_draft4(SCHEMAS[name])).validate(example)
    free = {"type": "cart_updated", "title": "a", "message": "b", "data": None, "user_id": None, "everyone": True}
    publish = Draft4Validator(as_draft4(SCHEMAS["PublishRequest"]))
    publish.validate(free)
    for wrong in ({"title": None}, {"type": "gap"}, {"id": "x"}, {"ttl_seconds": 0}, {"user_id": ""}):
        assert not publish.is_valid({**free, **wrong}), wrong


@pytest.mark.parametrize("document", [DOCUMENT, RENDERED], ids=["3.1", "3.0"])
def test_nothing_is_left_to_guess(document: dict[str, Any]) -> None:
    """Numbers have a size, lists say of what, constants have a type, and patterns are ones every engine knows."""
    for name, component in document["components"]["schemas"].items():
        for schema in every_schema(component):
            if schema.get("type") in {"integer", "number"}:
                assert schema["format"] in {"int32", "int64", "double"}, name
            if schema.get("type") == "array":
                assert "items" in schema or "prefixItems" in schema, name
            if schema.keys() & {"const", "enum"}:
                assert "type" in schema, name
            assert not re.search(r"\(\?|\\u", schema.get("pattern", "")), name


def test_a_request_knows_its_type() -> None:
    """A request's only possible `type` is its default, so that no caller has to write it."""
    for tag, reference in SCHEMAS["PublishRequest"]["discriminator"]["mapping"].items():
        kind = SCHEMAS[reference.rpartition("/")[2]]["properties"]["type"]
        assert {"type": "string", "enum": [tag], "default": tag} == kind


def render(schema: Schema) -> Schema:
    """Return one schema as 3.0 has it."""
    rendered: Schema = as_openapi30({**DOCUMENT, "components": {"schemas": {"A": schema}}})["components"]["schemas"][
        "A"
    ]
    return rendered


class Odd(msgspec.Struct):
    """What a company may declare, and 3.0 has other words for."""

    pair: tuple[int, str]
    above: float
    raw: bytes
    either: int | str | None = None
    many: list[int] = []


def test_other_words() -> None:
    """Tuples, exclusive bounds, bytes, defaults that are lists and references with a text become what 3.0 knows."""
    (_, found) = msgspec.json.schema_components([Odd], ref_template="#/components/schemas/{name}")
    odd = plain_schema(found["Odd"])
    odd["properties"]["above"]["exclusiveMinimum"] = 0
    odd["properties"]["there"] = {"$ref": "#/components/schemas/Odd", "description": "another"}
    odd["properties"]["kinds"] = {"type": ["string", "null"]}
    made = render(odd)["properties"]
    assert ("array", {}) == (made["pair"]["type"], made["pair"]["items"] or {})
    assert (0, True) == (made["above"]["minimum"], made["above"]["exclusiveMinimum"])
    assert "byte" == made["raw"]["format"]
    assert (2, True) == (len(made["either"]["anyOf"]), made["either"]["nullable"])
    assert "default" not in made["many"]
    assert {"allOf": [{"$ref": "#/components/schemas/Odd"}], "description": "another"} == made["there"]
    assert {"type": "string", "nullable": True} == made["kinds"]


def test_fields_called_like_words() -> None:
    """A property that is called `default`, `const`, `examples` or `type` is a property."""
    names = ["default", "const", "examples", "type", "required", "items", "pattern"]
    schema = {"type": "object", "properties": {name: {"type": "string"} for name in names}, "required": names}
    plain = plain_schema(schema)
    assert names == list(plain["properties"])
    assert names == list(render(plain)["properties"])
