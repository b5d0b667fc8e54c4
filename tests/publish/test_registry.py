"""The registry of notification types."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from contracts.notification import NOTIFICATIONS
from hub.errors import SettingsError
from hub.publish.registry import load_type_registry
from tests.contracts.company import ServiceOrderClosed, ServiceOrderCreated

COMPANY = "tests.contracts.company"


def test_contract_without_modules_knows_the_built_in_types() -> None:
    """No module named: the sixteen types of the package, in their order."""
    assert list(NOTIFICATIONS) == list(load_type_registry().types.values())


def test_company_types_join_one_contract_and_leave_others_alone() -> None:
    """Two contracts live side by side; only the one that names the module knows its types."""
    plain, company = load_type_registry(), load_type_registry([COMPANY, COMPANY])
    assert "service-order:created" not in plain.types
    assert ServiceOrderCreated is company.types["service-order:created"]
    assert ServiceOrderClosed is company.types["service-order:closed"]
    assert len(NOTIFICATIONS) + 6 == len(company.types)


HEAD = "from contracts.notification import *\nfrom typing import Any\nimport msgspec\n"


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
        ("class Derived(OrderCreated): pass", "the same tag"),
        ("class A(Notification, tag='a'): pass\nclass B(Notification, tag='a'): pass", "the same tag"),
        ("class Named(Notification, tag='a', tag_field='kind'): pass", "changes the tag field"),
        ("class Wider(Notification, tag='a'):\n    urgent: bool = False", "declares `urgent`"),
        ("class Listed(Notification, tag='a'):\n    data: list[str]", "is not an object"),
        ("class Odd(Notification, tag='a'):\n    data: 'Nowhere'", "cannot be read"),
        ("class Odd(Notification, tag='a'):\n    strict = 'yes'", "neither True nor False"),
        (
            "class X(msgspec.Struct, tag=True): pass\nclass Y(msgspec.Struct): pass\n"
            "class Odd(Notification, tag='a'):\n    data: X | Y",
            "cannot be used",
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
        load_type_registry(["their_types"])
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
    assert not rules["order_created"].strict
    with pytest.raises(SettingsError, match="`strict` of odd_types is neither True nor False"):
        load_type_registry(["odd_types"])
    for name in ("strict_types", "plain_types", "odd_types"):
        sys.modules.pop(name, None)


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
    assert not any(rules[str(kind.__struct_config__.tag)].strict for kind in NOTIFICATIONS)
    sys.modules.pop("held_types", None)
