"""A JSON Schema written so that every generator reads it the same.

JSON Schema lets much be left unsaid that generators then guess: Go makes a 32-bit float of a `number`, Java a 32-bit
integer of an `integer`, and a list without `items` is an error in OpenAPI 3.0. What is added here changes nothing that
the schema accepts.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import cleandoc
from typing import Any

__all__ = ["Schema", "map_schema", "plain_schema"]

Schema = dict[str, Any]

_SCHEMA = frozenset({"items", "additionalProperties", "not", "contains", "propertyNames", "unevaluatedProperties"})
_SCHEMAS = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_NAMED_SCHEMAS = frozenset({"properties", "$defs", "patternProperties", "dependentSchemas"})
#: Python's `$` also matches before a line feed at the end, so patterns here look ahead. JSON Schema's (ECMA-262) does
#: not, and the engines of Go and Rust know no look-ahead.
_PYTHON_END = r"$(?!\n)"
_INT32_MAX = 2**31 - 1
_JSON_TYPES = {bool: "boolean", str: "string", int: "integer"}


def map_schema(change: Callable[[Schema], Schema], schema: Any) -> Any:
    """Return the schema with `change` done to each of its parts, the innermost first; True and False stay."""
    if not isinstance(schema, dict):
        return schema
    mapped: Schema = {}
    for key, value in schema.items():
        if key in _SCHEMA:
            mapped[key] = map_schema(change, value)
        elif key in _SCHEMAS:
            mapped[key] = [map_schema(change, part) for part in value]
        elif key in _NAMED_SCHEMAS:
            mapped[key] = {name: map_schema(change, part) for name, part in value.items()}
        else:
            mapped[key] = value
    return change(mapped)


def plain_schema(schema: Schema) -> Schema:
    """Return the schema with nothing left to guess and nothing that makes generators stumble."""
    mapped: Schema = map_schema(_plain, schema)
    return mapped


def _plain(schema: Schema) -> Schema:
    plain = {
        key: value
        for key, value in schema.items()
        if not (key == "default" and value is None) and not (key == "required" and value == [])
    }
    if isinstance(plain.get("description"), str):
        # A docstring's own line breaks mean nothing; its empty lines do.
        paragraphs = cleandoc(plain["description"]).split("\n\n")
        plain["description"] = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    if isinstance(plain.get("pattern"), str) and plain["pattern"].endswith(_PYTHON_END):
        plain["pattern"] = plain["pattern"].removesuffix(_PYTHON_END) + "$"
    if "anyOf" in plain:
        plain["anyOf"] = _merge_numbers(plain["anyOf"])
    _say_type(plain)
    _say_size(plain)
    if isinstance(kind := plain.get("properties", {}).get("type"), dict) and len(kind.get("enum", ())) == 1:
        plain["properties"] = {**plain["properties"], "type": {"type": "string", "const": kind["enum"][0]}}
    return plain


def _merge_numbers(parts: list[Any]) -> list[Any]:
    """Leave out the integer of "integer or number": every integer is a number."""
    plain_number = any(isinstance(part, dict) and part.get("type") == "number" and len(part) <= 2 for part in parts)
    return [part for part in parts if not (plain_number and isinstance(part, dict) and part.get("type") == "integer")]


def _say_type(schema: Schema) -> None:
    values = schema["enum"] if "enum" in schema else [schema["const"]] if "const" in schema else []
    kinds = {_JSON_TYPES.get(type(value)) for value in values}
    if "type" not in schema and len(kinds) == 1 and None not in kinds:
        schema["type"] = kinds.pop()


def _say_size(schema: Schema) -> None:
    kind = schema.get("type")
    if kind == "integer" and "format" not in schema and "enum" not in schema and "const" not in schema:
        small = schema.get("minimum", -(2**63)) >= -_INT32_MAX and schema.get("maximum", 2**63) <= _INT32_MAX
        schema["format"] = "int32" if small else "int64"
    elif kind == "number" and "format" not in schema:
        schema["format"] = "double"
    elif kind == "array" and "items" not in schema and "prefixItems" not in schema:
        schema["items"] = {}
    elif kind == "object" and not schema.keys() & {"properties", "additionalProperties", "patternProperties"}:
        schema["additionalProperties"] = True
