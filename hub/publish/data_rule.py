"""How the `data` of one type is checked: against what its class declares, field by field where it differs.

What differs is reported, not refused, unless the type is strict: a notification must not be lost for the shape of
something that is only shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from hub.errors import HubError, InvalidField
from hub.errors.decoding import describe_decoding_error
from hub.publish.exactness import find_inexact

__all__ = ["NO_FIELD", "DataRule", "Mismatch", "make_data_rule"]

#: What a mismatch is counted under that belongs to no declared field.
NO_FIELD = "*"

_OBJECTS = (
    msgspec.inspect.StructType,
    msgspec.inspect.DictType,
    msgspec.inspect.TypedDictType,
    msgspec.inspect.DataclassType,
)
_object_decoder = msgspec.json.Decoder(dict[str, Any])
_parts_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Mismatch(msgspec.Struct, frozen=True):
    """A declared field that came in another shape.

    `label` is the field's name as its class declares it, or `NO_FIELD`: never a name that was sent. `path` and
    `detail` are for the publisher.
    """

    label: str
    path: str
    detail: str


class _Field(msgspec.Struct, frozen=True):
    decoder: msgspec.json.Decoder[Any]
    required: bool


class DataRule:
    """The check of one type's `data`. Immutable."""

    __slots__ = ("_decoder", "_fields", "_has_data", "required", "strict")

    def __init__(self, kind: Any, *, has_data: bool, required: bool, strict: bool) -> None:
        """Take the declared type of `data`; see `make_data_rule`."""
        #: Whether a notification of this type needs `data`.
        self.required = required
        #: Whether `data` of another shape is refused.
        self.strict = strict
        self._has_data = has_data
        #: None where any JSON object will do.
        self._decoder: msgspec.json.Decoder[Any] | None = None
        self._fields: Mapping[str, _Field] = {}
        if has_data:
            objects = _objects(kind)
            if not any(_is_free(part) for part in objects):
                self._decoder = msgspec.json.Decoder(kind)
            if len(objects) == 1 and isinstance(objects[0], msgspec.inspect.StructType):
                self._fields = {
                    field.encode_name: _Field(msgspec.json.Decoder(field.type), field.required)
                    for field in msgspec.structs.fields(objects[0].cls)
                }

    def check_missing(self) -> tuple[Mismatch, ...]:
        """Return the mismatch of a notification without `data`, where its type needs it.

        Raises:
            InvalidField: the type is strict and needs it.
        """
        return (
            (self._report(NO_FIELD, InvalidField("This type needs `data`", field="$.data")),) if self.required else ()
        )

    def check(self, raw: bytes) -> tuple[Mismatch, ...]:
        """Return the fields of `raw`, one JSON value, that are not as declared; none where all are.

        Raises:
            InvalidJson, InvalidField: it is not a JSON object, or holds an integer that would arrive changed; or the
                type is strict and the shape differs.
        """
        try:
            values = _object_decoder.decode(raw)
        except (ValueError, RecursionError) as error:
            raise describe_decoding_error(error, at="$.data") from None
        inexact = find_inexact(raw, values, at="$.data")
        if inexact is not None:
            raise InvalidField(
                "The integer is beyond 2^53 - 1 and would reach a browser as another one: send it as text",
                field=inexact,
            )
        if not self._has_data:
            return (self._report(NO_FIELD, InvalidField("This type has no `data`", field="$.data")),)
        if self._decoder is None:
            return ()
        try:
            self._decoder.decode(raw)
        except msgspec.ValidationError as error:
            return self._find_mismatches(raw, error)
        except (ValueError, RecursionError) as error:
            raise describe_decoding_error(error, at="$.data") from None
        return ()

    def _find_mismatches(self, raw: bytes, error: msgspec.ValidationError) -> tuple[Mismatch, ...]:
        """Return every declared field that differs; `error` is what the decoder said of the whole."""
        if self.strict:
            raise describe_decoding_error(error, at="$.data")
        found = []
        parts = _parts_decoder.decode(raw)
        for name, field in self._fields.items():
            path = f"$.data.{name}"
            try:
                if name in parts:
                    field.decoder.decode(parts[name])
                elif field.required:
                    raise InvalidField("The field is missing", field=path)
            except msgspec.ValidationError as problem:
                found.append(self._report(name, describe_decoding_error(problem, at=path)))
            except InvalidField as problem:
                found.append(self._report(name, problem))
        # A union, a check of the class's own or a forbidden name: no single field is the cause.
        return tuple(found) or (self._report(NO_FIELD, describe_decoding_error(error, at="$.data")),)

    def _report(self, label: str, problem: HubError) -> Mismatch:
        if self.strict:
            raise problem
        return Mismatch(label, problem.field or "$.data", problem.detail)


def make_data_rule(kind: Any, *, required: bool, strict: bool) -> DataRule:
    """Return the rule for `data` of this type annotation; `msgspec.UNSET` stands for a type without `data`.

    Raises:
        TypeError: it is not an object.
        Exception: what msgspec or the class raises for an annotation that cannot be used.
    """
    if kind is msgspec.UNSET:
        return DataRule(None, has_data=False, required=False, strict=strict)
    if not _objects(kind):
        raise TypeError("is not an object")
    return DataRule(kind, has_data=True, required=required, strict=strict)


def _objects(kind: Any) -> list[msgspec.inspect.Type]:
    described = msgspec.inspect.type_info(kind)
    parts = described.types if isinstance(described, msgspec.inspect.UnionType) else (described,)
    return [part for part in parts if isinstance(part, _OBJECTS)]


def _is_free(part: msgspec.inspect.Type) -> bool:
    return isinstance(part, msgspec.inspect.DictType) and isinstance(part.value_type, msgspec.inspect.AnyType)
