"""`data` of another shape than declared: delivered as it came, named in the receipt, counted; refused where strict."""

from __future__ import annotations

import json
from pathlib import Path

from tests.harness import ACCOUNT, USER, RunningHub, run_hub

NOTIFY = "/api/internal/notify"
BATCH = "/api/internal/notify/batch"
ITEMS = '[{"productId":5,"quantity":2}]'
#: An order as a database's driver hands it over: JSON as text, a truth value for a code.
ODD = {"orderId": 7, "orderCode": True, "items": ITEMS, "total": "1234.50", "other": {"kept": None}}
ORDER = {"type": "order_created", "title": "t", "message": "m", "user_id": USER, "account_id": ACCOUNT}


async def metric_lines(hub: RunningHub) -> list[str]:
    """Return what /metrics says of mismatches."""
    text = (await hub.http.get("/metrics", headers=hub.headers())).text
    return [line for line in text.splitlines() if line.startswith("hub_contract_mismatches_total")]


async def test_the_receipt_names_what_was_passed_on_in_another_shape(hub: RunningHub) -> None:
    """202, the data as it was sent, each field that differs in `warnings`, and none of the values."""
    async with hub.websocket() as websocket:
        answer = await hub.post(NOTIFY, {**ORDER, "data": ODD})
        assert 202 == answer.status_code
        warnings = answer.json()["warnings"]
        assert ["$.data.orderCode", "$.data.items"] == [warning["field"] for warning in warnings]
        assert "Expected `array | null`, got `str`" == warnings[1]["detail"]
        assert "productId" not in answer.text
        assert ODD == (await websocket.frame())["data"]


async def test_no_warning_is_no_member(hub: RunningHub) -> None:
    """A receipt without warnings is what it was before there were any."""
    answer = await hub.post(NOTIFY, {**ORDER, "data": {"items": [], "total": "1234.50"}})
    assert {"id", "cursor", "duplicate", "connections"} == answer.json().keys()


async def test_a_repeat_is_warned_again_and_counted_once(hub: RunningHub) -> None:
    """The second receipt under one key has the same warnings; the counter counts what was stored."""
    first, second = [
        (await hub.post(NOTIFY, {**ORDER, "data": ODD}, headers={"idempotency-key": "k"})).json() for _ in range(2)
    ]
    assert (False, True) == (first["duplicate"], second["duplicate"])
    assert first["warnings"] == second["warnings"]
    assert [
        'hub_contract_mismatches_total{field="items",type="order_created"} 1.0',
        'hub_contract_mismatches_total{field="orderCode",type="order_created"} 1.0',
    ] == await metric_lines(hub)


async def test_each_receipt_of_a_batch_has_its_own_warnings(hub: RunningHub) -> None:
    """Paths start at the notification, as in a receipt of one."""
    items = [{**ORDER, "data": {"items": []}}, {**ORDER, "data": {"items": ITEMS}}, {**ORDER, "data": 5}]
    results = (await hub.post(BATCH, {"notifications": items})).json()["results"]
    assert "warnings" not in results[0]["receipt"]
    assert ["$.data.items"] == [warning["field"] for warning in results[1]["receipt"]["warnings"]]
    assert ("invalid_field", "$.notifications[2].data") == (
        results[2]["problem"]["code"],
        results[2]["problem"]["field"],
    )


async def test_no_key_that_was_sent_becomes_a_label(tmp_path: Path) -> None:
    """However many odd keys come, `/metrics` has the declared names alone."""
    async with run_hub(tmp_path, contracts=("contracts.avelarsys", "tests.contracts.company")) as hub:
        for number in range(20):
            data = {f"12345678{number:03}": number, "stops": []}
            answer = await hub.post(NOTIFY, {**ORDER, "type": "service-order:moved", "data": data})
            assert 202 == answer.status_code
        assert ['hub_contract_mismatches_total{field="*",type="service-order:moved"} 20.0'] == await metric_lines(hub)


async def test_a_strict_type_refuses_another_shape(tmp_path: Path) -> None:
    """Where the company's module says `strict`, 400 names the field and nothing is stored or counted."""
    async with run_hub(tmp_path, contracts=("contracts.avelarsys", "tests.contracts.company")) as hub:
        for data, field in (({"serviceOrderId": []}, "$.data.serviceOrderId"), (None, "$.data")):
            answer = await hub.post(NOTIFY, {**ORDER, "type": "service-order:paid", "data": data})
            problem = answer.json()
            assert (400, "invalid_field", field) == (answer.status_code, problem["code"], problem["field"])
        assert (0, []) == (hub.hub.log.head, await metric_lines(hub))
        answer = await hub.post(NOTIFY, {**ORDER, "type": "service-order:paid", "data": {"serviceOrderId": 1}})
        assert 202 == answer.status_code


async def test_a_number_that_is_none_is_no_json(hub: RunningHub) -> None:
    """NaN is not JSON (RFC 8259 section 6): 400 that says so, whatever the field."""
    body = json.dumps({**ORDER, "data": {"total": float("nan")}}).encode()
    answer = await hub.post(NOTIFY, body)
    assert (400, "invalid_json") == (answer.status_code, answer.json()["code"])
