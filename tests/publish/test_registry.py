"""The registry of notification types."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from contracts.avelarsys import ExchangeResolved, OrderCreated
from contracts.policy import Confirm, Policy
from hub.errors import SettingsError
from hub.publish.registry import load_type_registry
from hub.settings import Settings
from tests.contracts.company import ServiceOrderClosed, ServiceOrderCreated

AVELARSYS = "contracts.avelarsys"
COMPANY = "tests.contracts.company"


def test_avelarsys_is_the_default_and_no_more_than_a_module() -> None:
    """Without settings a hub knows the sixteen types of AvelarSys, in their order."""
    types = load_type_registry(Settings().contracts).types
    assert 16 == len(types)
    assert (OrderCreated, ExchangeResolved) == (types["order_created"], list(types.values())[-1])


def test_a_company_names_its_types_alone_or_beside_others() -> None:
    """Two registries live side by side, each with the types of the modules that it was given, and no others."""
    alone, both = load_type_registry([COMPANY]), load_type_registry([AVELARSYS, COMPANY, COMPANY])
    assert 6 == len(alone.types)
    assert not {"order_created", "stock_alert"} & alone.types.keys()
    assert ServiceOrderCreated is alone.types["service-order:created"] is both.types["service-order:created"]
    assert ServiceOrderClosed is both.types["service-order:closed"]
    assert [*load_type_registry([AVELARSYS]).types, *alone.types] == list(both.types)


def test_no_module_stops_the_start() -> None:
    """A hub without a single type could publish nothing, so it does not start."""
    with pytest.raises(SettingsError, match=r"HUB_CONTRACTS: names no module.*example: HUB_CONTRACTS=my_types"):
        load_type_registry([])


HEAD = "from contracts.notification import Notification\nfrom typing import Any, ClassVar\nimport msgspec\n"


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("import nowhere_to_be_found", "ModuleNotFoundError"),
        ("class Broken(", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError"),
        ("x = 1", "holds no notification type"),
        ("class Untagged(Notification): pass", "has no tag of its own"),
        ("class Numbered(Notification, tag=5): pass", "has no tag of its own"),
        ("class Shouting(Notification, tag='ORDER'): pass", "not of the form"),
        ("class Spaced(Notification, tag='a b'): pass", "not of the form"),
        ("class Lined(Notification, tag='a\\n'): pass", "not of the form"),
        ("class Long(Notification, tag='a' * 65): pass", "not of the form"),
        ("class Stolen(Notification, tag='heartbeat'): pass", "reserved for the hub"),
        ("class Known(Notification, tag='connection_established'): pass", "reserved for the hub"),
        ("class Again(Notification, tag='order_created'): pass", "the same tag"),
        ("from contracts.avelarsys import OrderCreated as _O\nclass Derived(_O): pass", "the same tag"),
        ("class A(Notification, tag='a'): pass\nclass B(Notification, tag='a'): pass", "the same tag"),
        ("class Named(Notification, tag='a', tag_field='kind'): pass", "changes the tag field"),
        ("class Wider(Notification, tag='a'):\n    urgent: bool = False", "declares `urgent`"),
        ("class Listed(Notification, tag='a'):\n    data: list[str]", "is not an object"),
        ("class Odd(Notification, tag='a'):\n    data: 'Nowhere'", "cannot be read"),
        ("class Odd(Notification, tag='a'):\n    strict = 'yes'", "neither True nor False"),
        ("class Odd(Notification, tag='a'):\n    example: ClassVar = 5", "the `example` of their_types.Odd cannot"),
        (
            "class Odd(Notification, tag='a'):\n    example: ClassVar = {'title': 't'}",
            "missing required field `message`",
        ),
        (
            "class Odd(Notification, tag='a'):\n    example: ClassVar = {'title': 't', 'message': 'm', 'data': {}}",
            "`data` does not belong there",
        ),
        (
            "class Odd(Notification, tag='a'):\n    data: dict[str, int]\n"
            "    example: ClassVar = {'title': 't', 'message': 'm', 'data': {'a': 'b'}}",
            "Expected `int`, got `str`",
        ),
        (
            "class X(msgspec.Struct, tag=True): pass\nclass Y(msgspec.Struct): pass\n"
            "class Odd(Notification, tag='a'):\n    data: X | Y",
            "cannot be used",
        ),
        ("class Odd(Notification, tag='a'):\n    ttl_seconds = 0", "`ttl_seconds`: Expected `int` >= 1"),
        (
            "class Odd(Notification, tag='a'):\n    ttl_seconds = 315_360_001",
            "`ttl_seconds`: Expected `int` <= 315360000",
        ),
        (
            "class Odd(Notification, tag='a'):\n    ttl_seconds = '60'",
            "`ttl_seconds`: Expected `int | null`, got `str`",
        ),
        ("class Odd(Notification, tag='a'):\n    ttl_seconds: int = 60", "written without a type, or as a ClassVar"),
        ("class Odd(Notification, tag='a'):\n    inbox = 1", "`inbox`: Expected `bool`"),
        ("class Odd(Notification, tag='a'):\n    collapse = None", "`collapse`: Expected `bool`"),
        ("class Odd(Notification, tag='a'):\n    mandatory = object()", "the policy of their_types.Odd cannot be used"),
        (
            "class Odd(Notification, tag='a'):\n    push = 'urgent'",
            "`push`: it is one of none, very-low, low, normal, high",
        ),
        ("class Odd(Notification, tag='a'):\n    confirm = {'within_seconds': 60}", "missing required field `by`"),
        (
            "class Odd(Notification, tag='a'):\n    confirm = {'within_seconds': 9, 'by': 'read'}",
            "`confirm`: Expected `int` >= 10 - at `confirm.within_seconds`",
        ),
        (
            "class Odd(Notification, tag='a'):\n    confirm = {'within_seconds': 60, 'by': 'read'}\n    inbox = False",
            "`confirm` by `read` needs `inbox = True`",
        ),
        (
            "class Odd(Notification, tag='a'):\n    confirm = {'within_seconds': 60, 'by': 'read'}\n"
            "    ttl_seconds = 59",
            "`confirm` waits for longer than `ttl_seconds`",
        ),
        (
            "from contracts.signal import Signal\nclass Odd(Signal, tag='a'):\n    ttl_seconds = 60",
            "a signal is not kept, so it has no policy",
        ),
    ],
)
def test_module_that_cannot_be_used_names_the_setting_and_the_cause(
    source: str, cause: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A company's mistake stops the start with HUB_CONTRACTS and what is wrong."""
    (tmp_path / "their_types.py").write_text(HEAD + source, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "their_types", raising=False)
    with pytest.raises(SettingsError, match="HUB_CONTRACTS: ") as caught:
        load_type_registry([AVELARSYS, "their_types"])
    assert cause in str(caught.value)
    sys.modules.pop("their_types", None)


def test_private_base_is_no_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A base whose name starts with an underscore needs no tag."""
    source = "class _Base(Notification):\n    data: dict[str, Any]\nclass Real(_Base, tag='real'): pass"
    (tmp_path / "based_types.py").write_text(HEAD + source, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    registry = load_type_registry(["based_types"])
    assert registry.data_rules["real"].required
    sys.modules.pop("based_types", None)


def test_strict_is_said_of_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`strict = True` beside the types holds for all of the module that say nothing else, and for no other's."""
    types = "class A(Notification, tag='{0}a'): pass\nclass B(Notification, tag='{0}b'):\n    strict = {1}\n"
    (tmp_path / "strict_types.py").write_text(HEAD + "strict = True\n" + types.format("s", "False"), encoding="utf-8")
    (tmp_path / "plain_types.py").write_text(HEAD + types.format("p", "True"), encoding="utf-8")
    (tmp_path / "odd_types.py").write_text(HEAD + "strict = 'no'\n" + types.format("o", "True"), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    rules = load_type_registry(["strict_types", "plain_types"]).data_rules
    assert [True, False, False, True] == [rules[tag].strict for tag in ("sa", "sb", "pa", "pb")]
    with pytest.raises(SettingsError, match="`strict` of odd_types is neither True nor False"):
        load_type_registry(["odd_types"])
    for name in ("strict_types", "plain_types", "odd_types"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("order", [1, -1])
def test_another_module_s_types_stay_as_lenient_as_that_one_says(
    order: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A strict module that imports a type makes it strict only where the type's own module is not named beside it."""
    (tmp_path / "borrowing.py").write_text("from contracts.avelarsys import StockAlert\nstrict = True\n", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert load_type_registry(["borrowing"]).data_rules["stock_alert"].strict
    both = load_type_registry([AVELARSYS, "borrowing"][::order])
    assert not any(rule.strict for rule in both.data_rules.values())
    sys.modules.pop("borrowing", None)


def test_strict_is_said_of_one_type_or_of_a_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`strict = True` holds for the class that says it and those derived from it; all others are lenient."""
    source = (
        "class _Held(Notification):\n    strict = True\n"
        "class A(_Held, tag='a'): pass\n"
        "class B(_Held, tag='b'):\n    strict = False\n"
        "class C(Notification, tag='c'):\n    strict = True\n    data: dict[str, int]\n"
    )
    (tmp_path / "held_types.py").write_text(HEAD + source, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    rules = load_type_registry(["held_types"]).data_rules
    assert [True, False, True] == [rules[tag].strict for tag in "abc"]
    sys.modules.pop("held_types", None)


def test_type_without_a_policy_has_one_that_changes_nothing() -> None:
    """What a company's types did before there were policies, they do now."""
    assert {Policy()} == set(load_type_registry([COMPANY]).policies.values())


def test_policy_is_declared_beside_the_type_and_inherited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A type's class variables are its policy; those of a base hold for all of its types that say nothing else."""
    source = (
        "from contracts.policy import Confirm\n"
        "class _Urgent(Notification):\n    mandatory = True\n    push = 'high'\n"
        "class A(_Urgent, tag='a'): confirm: ClassVar[Confirm | None] = Confirm(within_seconds=60, by='read')\n"
        "class B(_Urgent, tag='b'):\n    mandatory = False\n    confirm = {'within_seconds': 10, 'by': 'delivered'}\n"
        "class C(Notification, tag='c'):\n    ttl_seconds = 60\n    inbox = False\n    collapse = True\n"
    )
    (tmp_path / "policed_types.py").write_text(HEAD + source, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    policies = load_type_registry(["policed_types"]).policies
    assert {
        "a": Policy(mandatory=True, push="high", confirm=Confirm(within_seconds=60, by="read")),
        "b": Policy(push="high", confirm=Confirm(within_seconds=10, by="delivered")),
        "c": Policy(ttl_seconds=60, inbox=False, collapse=True),
    } == policies
    sys.modules.pop("policed_types", None)


def test_a_signal_has_no_policy() -> None:
    """Nothing is kept of a signal, so the registry has no policy for it."""
    registry = load_type_registry([AVELARSYS])
    assert registry.signals.keys().isdisjoint(registry.policies)
    assert registry.types.keys() == registry.policies.keys()
