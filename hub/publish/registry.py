"""The registry of notification types: those of the company modules that HUB_CONTRACTS names.

A registry is a value, built once at the start from the names in HUB_CONTRACTS. Nothing here is global, so that one
process can have two.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType, ModuleType

import msgspec

from contracts.frame import CONTROL_FRAMES, RESERVED_TYPES
from contracts.notification import Notification
from contracts.policy import Policy
from contracts.signal import Signal
from hub.errors import SettingsError
from hub.publish.data_rule import DataRule, make_data_rule
from hub.publish.policies import find_misplaced, make_policy

__all__ = ["TypeRegistry", "load_type_registry"]

_TAG = re.compile(r"[a-z0-9][a-z0-9_:.-]{0,63}", re.ASCII)
_Kind = type[Notification] | type[Signal]


class TypeRegistry:
    """The types of notifications and of signals that one hub knows."""

    def __init__(self, types: Iterable[_Kind], *, strict: Iterable[_Kind] = ()) -> None:
        """Take the publishable types, in the order documents list them; `strict` are those that a module calls so.

        Raises:
            SettingsError: a tag is malformed, reserved or taken twice, a class declares more than `data`, its
                policy cannot be one, or its example is not one.
        """
        held = frozenset(strict)
        table: dict[str, _Kind] = {}
        for kind in types:
            tag = _checked_tag(kind)
            if tag in table:
                raise _unusable(f"{_name(kind)} and {_name(table[tag])} have the same tag `{tag}`")
            table[tag] = kind
        notifications = {tag: kind for tag, kind in table.items() if issubclass(kind, Notification)}
        signals = {tag: kind for tag, kind in table.items() if issubclass(kind, Signal)}
        #: Tag -> class, for every type a service may publish.
        self.types: Mapping[str, type[Notification]] = MappingProxyType(notifications)
        #: Tag -> class, for every signal that a service may send.
        self.signals: Mapping[str, type[Signal]] = MappingProxyType(signals)
        #: Tag -> how its `data` is checked.
        self.data_rules: Mapping[str, DataRule] = MappingProxyType(
            {tag: _rule(kind, held=kind in held) for tag, kind in table.items()}
        )
        #: Tag -> what the hub does with all notifications of this type.
        self.policies: Mapping[str, Policy] = MappingProxyType(
            {tag: _policy(kind) for tag, kind in notifications.items()}
        )
        for tag, kind in table.items():
            _check_example(tag, kind)
        #: Every struct a subscriber may receive.
        self.frames: tuple[type[msgspec.Struct], ...] = (*notifications.values(), *signals.values(), *CONTROL_FRAMES)


def load_type_registry(modules: Sequence[str]) -> TypeRegistry:
    """Return the registry of the types in these Python modules.

    Raises:
        SettingsError: naming HUB_CONTRACTS, the module and what is wrong with it.
    """
    if not modules:
        raise _unusable("names no module, so no notification could be published")
    found: dict[_Kind, None] = {}
    strict: set[_Kind] = set()
    for name in modules:
        module = _import(name)
        types = _types_of(module)
        if not types:
            raise _unusable(f"the module `{name}` holds no notification type")
        found.update(dict.fromkeys(types))
        if _checked_strict(module.__name__, getattr(module, "strict", False)):
            # A type that comes from another of these modules is as strict as that one says.
            strict.update(kind for kind in types if kind.__module__ == name or kind.__module__ not in modules)
    return TypeRegistry(found, strict=strict)


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:  # whatever a company's module raises must name the setting that loaded it
        hint = "; is its folder on PYTHONPATH?" if isinstance(error, ModuleNotFoundError) else ""
        raise _unusable(f"the module `{name}` cannot be imported: {type(error).__name__}: {error}{hint}") from error


def _types_of(module: ModuleType) -> list[_Kind]:
    return [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type)
        and issubclass(kind, Notification | Signal)
        and kind not in {Notification, Signal}
        and not kind.__name__.startswith("_")
    ]


def _checked_tag(kind: _Kind) -> str:
    tag = kind.__struct_config__.tag
    if tag == kind.__name__ or not isinstance(tag, str):
        raise _unusable(
            f'{_name(kind)} has no tag of its own (write `class {kind.__name__}({_base(kind).__name__}, tag="...")`)'
        )
    if _TAG.fullmatch(tag) is None:
        raise _unusable(f"the tag `{tag}` of {_name(kind)} is not of the form {_TAG.pattern}")
    if tag in RESERVED_TYPES:
        raise _unusable(f"the tag `{tag}` of {_name(kind)} is reserved for the hub itself")
    if kind.__struct_config__.tag_field != "type":
        raise _unusable(f"{_name(kind)} changes the tag field, which is `type`")
    return tag


def _rule(kind: _Kind, *, held: bool) -> DataRule:
    try:
        fields = {field.name: field for field in msgspec.structs.fields(kind)}
    except Exception as error:  # an annotation that does not resolve raises NameError, TypeError and others
        raise _unusable(f"the fields of {_name(kind)} cannot be read: {error}") from error
    base = _base(kind)
    if (misplaced := find_misplaced(kind)) is not None:
        way_out = (
            "a signal is not kept, so it has no policy"
            if base is Signal
            else f"part of the policy is written without a type, or as a ClassVar (`{misplaced} = ...`)"
        )
        raise _unusable(f"{_name(kind)} declares `{misplaced}`: {way_out}")
    further = sorted(fields.keys() - set(base.__struct_fields__) - {"data"})
    if further:
        raise _unusable(f"{_name(kind)} declares `{further[0]}`; a type declares `data` and nothing else")
    # What a class or a base of its own says goes before what its module says of all.
    says_so = any("strict" in vars(base) for base in kind.__mro__[: kind.__mro__.index(base)])
    strict = _checked_strict(_name(kind), kind.strict) if says_so else held
    field = fields.get("data")
    try:
        if field is None:
            return make_data_rule(msgspec.UNSET, required=False, strict=strict)
        return make_data_rule(field.type, required=field.required, strict=strict)
    except Exception as error:  # msgspec says TypeError; a company's forward reference may say anything
        raise _unusable(f"the `data` of {_name(kind)} cannot be used: {error}") from error


def _policy(kind: type[Notification]) -> Policy:
    try:
        return make_policy(kind)
    except ValueError as error:
        raise _unusable(f"the policy of {_name(kind)} cannot be used: {error}") from error


def _check_example(tag: str, kind: _Kind) -> None:
    if kind.example is None:
        return
    try:
        told = dict(kind.example)
        known = {"title", "message", "data", "link"} if issubclass(kind, Notification) else {"data"}
        further = sorted(told.keys() - known)
        if further or ("data" in told and "data" not in kind.__struct_fields__):
            raise TypeError(f"`{(further or ['data'])[0]}` does not belong there")
        msgspec.json.decode(msgspec.json.encode({"type": tag, **told}), type=kind)
    except Exception as error:  # a company's own classes may raise anything
        raise _unusable(f"the `example` of {_name(kind)} cannot be used: {error}") from error


def _base(kind: _Kind) -> _Kind:
    return Notification if issubclass(kind, Notification) else Signal


def _checked_strict(name: str, strict: object) -> bool:
    if not isinstance(strict, bool):
        raise _unusable(f"`strict` of {name} is neither True nor False")
    return strict


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _unusable(problem: str) -> SettingsError:
    return SettingsError(f"HUB_CONTRACTS: {problem} (example: HUB_CONTRACTS=my_types)")
