"""An example of a notification type: its own (`example`), or one made from what its `data` declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from contracts.notification import Notification
from contracts.signal import Signal

__all__ = ["make_example"]


def make_example(kind: type[Notification] | type[Signal]) -> dict[str, Any] | None:
    """Return `type`, `title`, `message` and `data` of an example, or None where none can be made.

    A signal has no `title` and no `message`.

    For a type without an example of its own, `data` is made from its schema, with the `examples` that its fields give;
    text of a pattern, for one, cannot be guessed.
    """
    tag = kind.__struct_config__.tag
    if kind.example is not None:
        return {"type": tag, **kind.example}
    words = {"title": "Title", "message": "Message"} if issubclass(kind, Notification) else {}
    content = {"type": tag, **words}
    if "data" not in kind.__struct_fields__:
        return content
    (reference,), components = msgspec.json.schema_components((kind,))
    schema = components[_name(reference)]
    try:
        return {**content, "data": _sample(schema["properties"]["data"], components)}
    except _NoSampleError:
        return None


class _NoSampleError(Exception):
    """A schema asks for something that cannot be guessed, such as text of a pattern."""


def _sample(schema: Mapping[str, Any], components: Mapping[str, Any]) -> Any:
    """Return a value that `schema` accepts."""
    if "$ref" in schema:
        return _sample(components[_name(schema)], components)
    for given in ("examples", "enum"):
        if schema.get(given):
            return schema[given][0]
    for given in ("const", "default"):
        if given in schema:
            return schema[given]
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return _sample(schema[union][0], components)
    if schema.get("type") == "object":
        required = schema.get("required", [])
        return {name: _sample(schema["properties"][name], components) for name in required}
    return _sample_scalar(schema)


def _sample_scalar(schema: Mapping[str, Any]) -> Any:
    kind = schema.get("type")
    if kind == "array" and not schema.get("minItems"):
        return []
    if kind == "string" and not schema.keys() & {"pattern", "format", "minLength", "maxLength"}:
        return "text"
    if kind in {"integer", "number"} and not schema.keys() & {"exclusiveMinimum", "exclusiveMaximum", "multipleOf"}:
        low, high = schema.get("minimum", 1), schema.get("maximum", 1)
        return low if low > 1 else min(1, high)
    if kind == "boolean":
        return True
    if kind == "null":
        return None
    raise _NoSampleError


def _name(reference: Mapping[str, Any]) -> str:
    name: str = reference["$ref"].rpartition("/")[2]
    return name
