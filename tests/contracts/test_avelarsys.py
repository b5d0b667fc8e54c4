"""AvelarSys's notification types, which a hub without settings knows; and the places that they were in before."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import msgspec
import pytest

from contracts import avelarsys
from contracts.avelarsys import OrderCreated, OrderData, StockAlert, StockData
from contracts.frame import RESERVED_TYPES, ConnectionEstablished
from contracts.notification import Notification
from contracts.policy import Policy
from hub.publish.registry import load_type_registry

IN_USE = {
    "order_created",
    "payment_confirmed",
    "order_updated",
    "stock_alert",
    "cart_updated",
    "product_added",
    "product_updated",
    "product_deleted",
    "transaction_created",
    "profile_updated",
    "return_requested",
    "return_responded",
    "replacement_sent",
    "defective_received",
    "exchange_validated",
    "exchange_resolved",
}


NOTIFICATIONS = [kind for kind in vars(avelarsys).values() if isinstance(kind, type) and issubclass(kind, Notification)]
NOTIFICATIONS.remove(Notification)


def test_types_are_the_seventeen_in_use() -> None:
    """Sixteen types can be published and the seventeenth is a control frame."""
    assert {kind.__struct_config__.tag for kind in NOTIFICATIONS} == IN_USE
    assert ConnectionEstablished.__struct_config__.tag == "connection_established"
    assert "connection_established" in RESERVED_TYPES


@pytest.mark.parametrize("kind", NOTIFICATIONS)
def test_type_survives_a_round_trip(kind: type[Notification]) -> None:
    """Every type decodes to what was encoded, with its tag as `type`, and says when it is sent."""
    notification = kind(title="Título", message="Mensagem", timestamp="2026-11-22T14:03:07.125Z", id="n1", cursor="c")
    text = msgspec.json.encode(notification)
    assert kind.__struct_config__.tag == msgspec.json.decode(text)["type"]
    assert notification == msgspec.json.decode(text, type=kind)
    assert (kind.__doc__ or "").startswith("Sent to ")


def test_unset_fields_stay_off_the_wire() -> None:
    """A field that was not set is not sent, not even as null."""
    text = msgspec.json.encode(OrderCreated(title="a", message="b", data=OrderData(order_id=7)))
    expected = {"type": "order_created", "title": "a", "message": "b", "data": {"orderId": 7}}
    assert expected == msgspec.json.decode(text)


@pytest.mark.parametrize("total", ["R$ 1.234,50", 1234.5, 1234, None])
def test_total_is_a_number_or_text(total: object) -> None:
    """A total that is sometimes a number and sometimes text is taken as it comes."""
    data = msgspec.convert({"orderId": "A-1", "total": total}, OrderData)
    assert total == data.total
    assert data.order_id == "A-1"


def test_field_of_the_wrong_type_is_refused_with_its_path() -> None:
    """A known field of the wrong type is named by its path."""
    body = b'{"type":"stock_alert","title":"a","message":"b","data":{"currentStock":"many"}}'
    with pytest.raises(msgspec.ValidationError, match=r"\$\.data\.currentStock"):
        msgspec.json.decode(body, type=StockAlert)


@pytest.mark.parametrize("number", [2**53, -(2**53), 10**30])
def test_id_beyond_a_javascript_number_is_refused(number: int) -> None:
    """An id that would arrive as another number is not let through."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"productId":%d}' % number, type=StockData)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        *(("contracts.notification", kind.__name__) for kind in NOTIFICATIONS),
        *(("contracts.data", name) for name in ("OrderData", "OrderUpdateData", "ProductData", "StockData")),
    ],
)
def test_old_place_of_a_name_works_and_tells_the_new_one(module: str, name: str) -> None:
    """What was imported from the old place is the same class, with a warning that names the new place."""
    with pytest.warns(DeprecationWarning, match=f"{name} has moved to contracts.avelarsys"):
        found = getattr(import_module(module), name)
    assert getattr(avelarsys, name) is found


def test_the_tuple_of_all_types_is_at_its_old_place() -> None:
    """`NOTIFICATIONS` lists the same types in the same order."""
    with pytest.warns(DeprecationWarning, match="contracts.avelarsys"):
        found = import_module("contracts.notification").NOTIFICATIONS
    assert tuple(NOTIFICATIONS) == found


@pytest.mark.parametrize(
    ("module", "name"),
    [("contracts.notification", "OrderData"), ("contracts.data", "OrderCreated"), ("contracts.data", "Nothing")],
)
def test_what_never_was_there_is_an_attribute_error(module: str, name: str) -> None:
    """The old places have no more names than they had."""
    with pytest.raises(AttributeError, match=name):
        getattr(import_module(module), name)


def test_nothing_around_the_types_names_a_company() -> None:
    """Hub and protocol are for any company: code, messages and examples say no more than the module's own name."""
    root = Path(__file__).parents[2]
    own = {"contracts/avelarsys.py", "contracts/moved.py"}
    named = []
    for path in [path for room in ("hub", "contracts") for path in (root / room).rglob("*.*")]:
        place = path.relative_to(root).as_posix()
        if path.suffix in {".py", ".html", ".js", ".css"} and place not in own:
            text = path.read_text(encoding="utf-8").replace("contracts.avelarsys", "")
            named += [f"{place}: {word}" for word in re.findall(r"(?i)avelar\w*|avadmin|stocktech|wppconnect", text)]
    assert [] == named


def test_page_of_the_types_has_their_policies() -> None:
    """The table in docs/reference/types.md is what the hub does, type by type; no type is confirmed by default."""
    policies = load_type_registry([avelarsys.__name__]).policies
    page = (Path(__file__).parents[2] / "docs/reference/types.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert [_row_of(tag, policy) for tag, policy in policies.items()] == rows
    assert {None} == {policy.confirm for policy in policies.values()}


def _row_of(tag: str, policy: Policy) -> str:
    kept = "as kept" if policy.ttl_seconds is None else f"{policy.ttl_seconds // 3600} hours"
    words = (
        kept,
        *("yes" if part else "no" for part in (policy.inbox, policy.collapse, policy.mandatory)),
        policy.push,
    )
    return f"| `{tag}` | {' | '.join(words)} |"
