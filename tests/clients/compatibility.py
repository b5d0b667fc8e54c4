"""What a change of the two documents breaks for clients that were built from the ones before.

What clients send may be accepted more widely and never less; what they receive may hold more and never less. A new type
of notification breaks nobody, since clients pass over types they do not know; a type that goes does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

__all__ = ["find_api_breaks", "find_frame_breaks"]

Schema = dict[str, Any]
#: Who has to understand the value: the hub what clients send, or clients what they receive.
Way = Literal["sent", "received"]

#: Bounds by how they may move: a request's upper bound must not fall, its lower bound must not rise.
_UPPER = ("maxLength", "maxItems", "maximum")
_LOWER = ("minLength", "minItems", "minimum")


def find_api_breaks(old: Schema, new: Schema) -> list[str]:
    """Return what breaks clients of the OpenAPI document `old`, a sentence each."""
    return sorted(set(_compare_operations(old, new)))


def find_frame_breaks(old: Schema, new: Schema) -> list[str]:
    """Return what breaks subscribers built from the JSON Schema `old`, a sentence each."""
    return sorted(set(_Comparison(old, new, "received").compare(old, new, "frame")))


def _compare_operations(old: Schema, new: Schema) -> Iterator[str]:
    for path, methods in old["paths"].items():
        for method, before in methods.items():
            after = new["paths"].get(path, {}).get(method)
            where = f"{method.upper()} {path}"
            if after is None:
                yield f"{where}: is gone"
                continue
            if before["operationId"] != after["operationId"]:
                yield f"{where}: its name changed"
            yield from _compare_parameters(before, after, where)
            yield from _compare_bodies(old, new, before, after, where)
            yield from _compare_responses(old, new, before, after, where)


def _compare_parameters(before: Schema, after: Schema, where: str) -> Iterator[str]:
    known = {(one["in"], one["name"]): one for one in before.get("parameters", [])}
    for parameter in after.get("parameters", []):
        earlier = known.pop((parameter["in"], parameter["name"]), {})
        if parameter.get("required") and not earlier.get("required"):
            yield f"{where} {parameter['name']}: is required now"
    yield from (f"{where} {name}: is gone" for _, name in known)


def _compare_bodies(old: Schema, new: Schema, before: Schema, after: Schema, where: str) -> Iterator[str]:
    if "requestBody" not in after:
        return
    if "requestBody" not in before:
        yield f"{where} body: is required now"
        return
    kinds = after["requestBody"]["content"]
    for kind, media in before["requestBody"]["content"].items():
        if kind in kinds:
            yield from _Comparison(old, new, "sent").compare(media["schema"], kinds[kind]["schema"], f"{where} body")
        else:
            yield f"{where} body: {kind} is gone"


def _compare_responses(old: Schema, new: Schema, before: Schema, after: Schema, where: str) -> Iterator[str]:
    for status, response in before["responses"].items():
        if status not in after["responses"]:
            # An error that can no longer happen breaks nobody.
            if status < "400":
                yield f"{where} {status}: is gone"
            continue
        kinds = after["responses"][status].get("content", {})
        for kind, media in response.get("content", {}).items():
            if kind not in kinds:
                yield f"{where} {status}: {kind} is gone"
            elif "schema" in media:
                comparison = _Comparison(old, new, "received")
                yield from comparison.compare(media["schema"], kinds[kind].get("schema", {}), f"{where} {status}")


def _portable(pattern: str) -> str:
    """Return a pattern without two ways to write the same: JSON Schema's `$` is the very end, `\\u001f` is `\\x1f`."""
    return re.sub(r"\\u00([0-9a-f]{2})", r"\\x\1", pattern.replace(r"$(?!\n)", "$"))


class _Comparison:
    def __init__(self, old: Schema, new: Schema, way: Way) -> None:
        self._old = old
        self._new = new
        self._way = way
        #: References under comparison, so that a schema that holds itself ends.
        self._open: set[tuple[str, str]] = set()

    def compare(self, old: Schema, new: Schema, where: str) -> Iterator[str]:
        before = self._alternatives(old, self._old)
        after = self._alternatives(new, self._new)
        if "any" in before or "any" in after:
            if self._narrows(before, after):
                yield f"{where}: was anything"
            return
        for name, schema in before.items():
            if name in after:
                yield from self._compare_same(schema, after[name], f"{where} {name}" if len(before) > 1 else where)
            elif not (name == "integer" and "number" in after and (self._way == "sent" or "number" in before)):
                yield f"{where}: {name} is gone"
        if self._way == "received":
            # A tag is of a type of notification, and those may be added.
            added = [name for name in after if name not in before and not name.startswith("`")]
            if not ("number" in before and added == ["integer"]):
                yield from (f"{where}: may be {name} now" for name in added)

    def _narrows(self, before: dict[str, Schema], after: dict[str, Schema]) -> bool:
        return ("any" not in after) if self._way == "sent" else ("any" not in before)

    def _alternatives(self, schema: Schema, root: Schema) -> dict[str, Schema]:
        """Return the kinds of value a schema allows, by name."""
        if "$ref" in schema:
            found: Any = root
            for part in schema["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            return self._alternatives(found, root)
        members = schema.get("oneOf") or schema.get("anyOf")
        if members:
            return {name: one for member in members for name, one in self._alternatives(member, root).items()}
        if "const" in schema or "enum" in schema:
            return {f"{value!r}": {} for value in schema.get("enum", [schema.get("const")])}
        kinds = schema.get("type", "any")
        tag = schema.get("properties", {}).get("type", {}).get("const")
        if tag is not None:
            return {f"`{tag}`": schema}
        return dict.fromkeys([kinds] if isinstance(kinds, str) else kinds, schema)

    def _compare_same(self, old: Schema, new: Schema, where: str) -> Iterator[str]:
        pair = (str(id(old)), str(id(new)))
        if pair in self._open:
            return
        self._open.add(pair)
        yield from self._compare_bounds(old, new, where)
        yield from self._compare_fields(old, new, where)
        if "items" in old or "items" in new:
            yield from self.compare(old.get("items", {}), new.get("items", {}), f"{where}[]")
        self._open.discard(pair)

    def _compare_bounds(self, old: Schema, new: Schema, where: str) -> Iterator[str]:
        if self._way == "received":
            return
        for name in _UPPER:
            if name in new and new[name] < old.get(name, float("inf")):
                yield f"{where}: {name} fell"
        for name in _LOWER:
            if name in new and new[name] > old.get(name, float("-inf")):
                yield f"{where}: {name} rose"
        if "pattern" in new and _portable(new["pattern"]) != _portable(old.get("pattern", "")):
            yield f"{where}: has another pattern"

    def _compare_fields(self, old: Schema, new: Schema, where: str) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        required_before, required_after = set(old.get("required", [])), set(new.get("required", []))
        for name, schema in before.items():
            if name in after:
                yield from self.compare(schema, after[name], f"{where}.{name}")
            else:
                yield f"{where}.{name}: is gone"
        if self._way == "sent":
            yield from (f"{where}.{name}: is required now" for name in required_after - required_before)
            if new.get("additionalProperties") is False and old.get("additionalProperties") is not False:
                yield f"{where}: takes no further fields now"
        else:
            yield from (
                f"{where}.{name}: may be missing now" for name in required_before - required_after if name in after
            )
