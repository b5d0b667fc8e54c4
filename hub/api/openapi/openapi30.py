"""The API document once more, as OpenAPI 3.0.3 has it: many generators read no other version, or read it better.

Made from the 3.1 document, so that the two cannot differ. Where 3.0 has no word for something, the schema accepts
more, never less. `/ws` is left out: it is not HTTP, no generator makes a client of it, and progenitor (Rust) makes one
that does not compile.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub import routes
from hub.api.openapi.portable import Schema, map_schema

__all__ = ["as_openapi30"]

#: JSON Schema's words that OpenAPI 3.0 does not know.
_UNKNOWN = frozenset(
    {"$schema", "$defs", "$comment", "const", "examples", "contains", "minContains", "maxContains", "prefixItems"}
    | {"patternProperties", "dependentSchemas", "dependentRequired", "propertyNames", "if", "then", "else"}
    | {"unevaluatedProperties", "unevaluatedItems", "contentEncoding", "contentMediaType", "contentSchema"}
)
_NO_HTTP = routes.WEBSOCKET
_ABOUT = "\n`/ws` is not in this version, which is for generators of HTTP clients; the AsyncAPI document has it.\n"
_BOUNDS = (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum"))


def as_openapi30(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the OpenAPI 3.0.3 document that says what this 3.1 document says."""
    rendered: dict[str, Any] = _render(document)
    rendered["openapi"] = "3.0.3"
    info = rendered["info"]
    info["description"] += _ABOUT
    # The identifier of a licence came with 3.1.
    info["license"] = {"name": info["license"]["name"]}
    del rendered["paths"][_NO_HTTP]
    # What the hub sends came with 3.1, too.
    del rendered["webhooks"]
    components = rendered["components"]["schemas"]
    rendered["components"]["schemas"] = {name: map_schema(_older, schema) for name, schema in components.items()}
    return rendered


def _render(part: Any) -> Any:
    """Return a part of the document with each schema in it rewritten; the components' are done by their names."""
    if isinstance(part, list):
        return [_render(item) for item in part]
    if not isinstance(part, Mapping):
        return part
    return {
        key: map_schema(_older, value)
        if key == "schema"
        else value
        if key in {"example", "examples"}
        else _render(value)
        for key, value in part.items()
    }


def _older(schema: Schema) -> Schema:
    older = {key: value for key, value in schema.items() if key not in _UNKNOWN}
    if "const" in schema:
        older["enum"] = [schema["const"]]
    if schema.get("examples"):
        older["example"] = schema["examples"][0]
    if schema.get("contentEncoding") == "base64":
        older["format"] = "byte"
    if isinstance(older.get("default"), dict | list):
        # Many generators cannot read a default that is not a scalar; it does not change what is accepted.
        del older["default"]
    _fill_container(older, schema)
    for exclusive, bound in _BOUNDS:
        if exclusive in older:
            older[bound] = older[exclusive]
            older[exclusive] = True
    if isinstance(older.get("type"), list):
        older["anyOf"] = [{"type": kind} for kind in older.pop("type")]
    if "anyOf" in older:
        older = _allow_null(older)
    if "$ref" in older and len(older) > 1:
        # Beside a reference nothing is read.
        older = {"allOf": [{"$ref": older.pop("$ref")}], **older}
    kind = older.get("properties", {}).get("type", {})
    if len(kind.get("enum", ())) == 1:
        # Several generators leave the one possible value to the caller unless it is the default.
        older["properties"] = {**older["properties"], "type": {**kind, "default": kind["enum"][0]}}
    return older


def _fill_container(older: Schema, schema: Schema) -> None:
    if schema.get("type") == "array":
        older.setdefault("items", {})
    if "patternProperties" in schema or "unevaluatedProperties" in schema:
        # What these allow cannot be said.
        older["additionalProperties"] = True


def _allow_null(schema: Schema) -> Schema:
    """Return "this or null" as `nullable`, which stands beside a type."""
    parts = [part for part in schema["anyOf"] if part != {"type": "null"}]
    if len(parts) == len(schema["anyOf"]):
        return schema
    around = {key: value for key, value in schema.items() if key != "anyOf"}
    if len(parts) != 1:
        return {**around, "anyOf": parts, "nullable": True}
    if "$ref" in parts[0]:
        return {**around, "allOf": parts, "nullable": True}
    return {**parts[0], **around, "nullable": True}
