"""Publishing: what is accepted, what is refused and how, and what an acknowledgement means."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.harness import ACCOUNT, USER, RunningHub, run_hub

NOTIFY = "/api/internal/notify"
BATCH = "/api/internal/notify/batch"
GOOD = {"type": "stock_alert", "title": "t", "message": "m", "user_id": USER, "account_id": ACCOUNT}


async def test_a_notification_is_accepted_with_a_receipt(hub: RunningHub) -> None:
    """202 and exactly id, cursor, duplicate and connections."""
    answer = await hub.publish()
    assert 202 == answer.status_code
    assert "application/json" == answer.headers["content-type"]
    receipt = answer.json()
    assert ["id", "cursor", "duplicate", "connections"] == list(receipt)
    assert (False, 0) == (receipt["duplicate"], receipt["connections"])


@pytest.mark.parametrize(
    ("changes", "status", "code", "field"),
    [
        ({"type": "no_such"}, 400, "unknown_type", "$.type"),
        ({"type": "connection_established"}, 400, "reserved_type", "$.type"),
        ({"type": 5}, 400, "invalid_field", "$.type"),
        ({"title": None}, 400, "invalid_field", "$.title"),
        ({"data": []}, 400, "invalid_field", "$.data"),
        ({"data": {"productId": "seven", "minStock": 2.5, "further": {"kept": True}}}, 202, None, None),
        ({"data": {"currentStock": {}}}, 202, None, None),
        ({"data": {"productId": 2**53}}, 400, "invalid_field", "$.data.productId"),
        ({"user_id": "", "account_id": ACCOUNT}, 400, "invalid_field", "$.user_id"),
        ({"user_id": "1\n"}, 400, "invalid_field", "$.user_id"),
        ({"user_id": None, "account_id": None}, 400, "no_target", None),
        ({"everyone": True}, 400, "conflicting_targets", "$.everyone"),
        ({"ttl_seconds": 0}, 400, "invalid_field", "$.ttl_seconds"),
        ({"surprise": 1}, 400, "invalid_field", "$.surprise"),
        ({"timestamp": "yesterday"}, 400, "invalid_field", "$.timestamp"),
        ({"account_id": None}, 422, "unknown_target", "$.user_id"),
    ],
)
async def test_bad_input_names_its_field(
    hub: RunningHub, changes: dict[str, object], status: int, code: str | None, field: str | None
) -> None:
    """Every refusal is a problem with a stable code and the path of the field."""
    answer = await hub.post(NOTIFY, {**GOOD, **changes})
    assert status == answer.status_code, answer.text
    if code is not None:
        problem = answer.json()
        assert "application/problem+json" == answer.headers["content-type"]
        assert (code, status, field) == (problem["code"], problem["status"], problem.get("field"))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b"[]", "invalid_field"),
        (b'"x"', "invalid_field"),
        (b"\xff\xfe", "invalid_json"),
        (b'{"type":"stock_alert","title":"\xff","message":"m","everyone":true}', "invalid_json"),
        (
            b'{"type":"stock_alert","title":"t","message":"m","everyone":true,"data":'
            + b'{"a":' * 40
            + b"1"
            + b"}" * 41,
            "too_deep",
        ),
        (b"[" * 30_000, None),
    ],
)
async def test_a_body_that_is_no_notification_is_a_4xx(hub: RunningHub, body: bytes, code: str | None) -> None:
    """Not JSON, not UTF-8, not an object, too deep: a 400, never a 500."""
    answer = await hub.post(NOTIFY, body)
    assert 400 == answer.status_code
    assert code is None or code == answer.json()["code"]


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin-1",
        "application/problem+json",
        "",
    ],
)
async def test_only_json_is_taken(hub: RunningHub, kind: str) -> None:
    """A form on a foreign page can send these types without asking; none is read as JSON."""
    answer = await hub.http.post(NOTIFY, content=json.dumps(GOOD), headers=hub.headers({"content-type": kind}))
    assert (415, "unsupported_media_type") == (answer.status_code, answer.json()["code"])


async def test_a_body_over_the_limit_is_refused(hub: RunningHub) -> None:
    """64 KiB for one, announced or chunked; a batch may have sixteen times as much."""
    big = json.dumps({**GOOD, "message": "x" * 70_000}).encode()
    assert (413, "body_too_large") == ((answer := await hub.post(NOTIFY, big)).status_code, answer.json()["code"])

    async def parts() -> object:
        for start in range(0, len(big), 10_000):
            yield big[start : start + 10_000]

    answer = await hub.http.post(NOTIFY, content=parts(), headers=hub.headers())  # type: ignore[arg-type]  # generator
    assert 413 == answer.status_code
    batch = {"notifications": [{**GOOD, "message": "x" * 60_000}] * 10}
    assert 202 == (await hub.post(BATCH, batch)).status_code
    assert 413 == (await hub.post(BATCH, {"notifications": [{**GOOD, "message": "x" * 60_000}] * 20})).status_code


async def ask(hub: RunningHub, path: str, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """POST past the server, the body in these messages; return the messages of the answer."""
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in hub.headers({"host": "hub"}).items()],
    }
    coming = iter(messages)
    answer: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return next(coming)

    async def send(message: Any) -> None:
        answer.append(message)

    await hub.app(scope, receive, send)
    return answer


@pytest.mark.parametrize(("path", "body"), [(NOTIFY, GOOD), (BATCH, {"notifications": [GOOD]})])
async def test_a_body_may_come_in_parts(hub: RunningHub, path: str, body: object) -> None:
    """A body in several messages, the last of them empty or with nothing but its type, is one body."""
    whole = json.dumps(body).encode()
    parts = [{"type": "http.request", "body": part, "more_body": True} for part in (whole[:5], b"", whole[5:])]
    for last in ({"type": "http.request", "body": b"", "more_body": False}, {"type": "http.request"}):
        start, sent = await ask(hub, path, [*parts, last])
        assert (202, "http.response.body") == (start["status"], sent["type"])
    assert 2 == hub.hub.log.head


@pytest.mark.parametrize("path", [NOTIFY, BATCH, "/api/internal/disconnect"])
async def test_who_leaves_in_the_body_publishes_nothing(hub: RunningHub, path: str) -> None:
    """A peer that is gone before its body is complete counts as a bad request, even if what came is whole."""
    whole = json.dumps(GOOD).encode()
    came = {"type": "http.request", "body": whole, "more_body": True}
    start, sent = await ask(hub, path, [came, {"type": "http.disconnect"}])
    assert (400, "bad_request") == (start["status"], json.loads(sent["body"])["code"])
    assert (0, 0) == (hub.hub.log.head, hub.hub.metrics.problems["internal"])


@pytest.mark.parametrize("path", [NOTIFY, BATCH, "/api/internal/disconnect", f"{NOTIFY}/", f"{BATCH}/"])
async def test_only_post_is_taken(hub: RunningHub, path: str) -> None:
    """Every other method is answered 405 before the key is asked for, and OPTIONS tells what there is."""
    for method in ("GET", "PUT", "PATCH", "DELETE", "TRACE", "HEAD"):
        answer = await hub.http.request(method, path)
        assert (405, "OPTIONS, POST") == (answer.status_code, answer.headers["allow"])
        assert "application/problem+json" == answer.headers["content-type"]
        assert answer.content == b"" if method == "HEAD" else answer.json()["code"] == "method_not_allowed"
    options = await hub.http.options(path)
    assert (204, "OPTIONS, POST", b"") == (options.status_code, options.headers["allow"], options.content)


@pytest.mark.parametrize(("path", "body"), [(f"{NOTIFY}/", GOOD), (f"{BATCH}/", {"notifications": [GOOD]})])
async def test_a_slash_at_the_end_changes_nothing(hub: RunningHub, path: str, body: object) -> None:
    """As on every route of the framework."""
    assert 202 == (await hub.post(path, body)).status_code


@pytest.mark.parametrize("path", [NOTIFY, BATCH])
async def test_an_allowed_page_may_read_the_answer(hub: RunningHub, path: str) -> None:
    """Receipts, refusals and the preflight name an allowed origin, and no other."""
    (origin,) = hub.settings.allowed_origins
    body = GOOD if path == NOTIFY else {"notifications": [GOOD]}
    allowed = {"origin": origin}
    receipt = await hub.post(path, body, headers=allowed)
    refusal = await hub.http.post(path, headers=allowed)
    other = await hub.http.get(path, headers=allowed)
    preflight = await hub.http.options(path, headers={**allowed, "access-control-request-method": "POST"})
    assert [202, 401, 405, 204] == [answer.status_code for answer in (receipt, refusal, other, preflight)]
    for answer in (receipt, refusal, other, preflight):
        assert (origin, "Origin") == (answer.headers["access-control-allow-origin"], answer.headers["vary"])
    foreign = await hub.post(path, body, headers={"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in foreign.headers


@pytest.mark.parametrize(("path", "body"), [(NOTIFY, GOOD), (BATCH, {"notifications": [GOOD]})])
async def test_a_fault_of_ours_is_a_problem_too(
    hub: RunningHub, monkeypatch: pytest.MonkeyPatch, path: str, body: object
) -> None:
    """Whatever is raised on the way of a publish is answered 500 without its text."""

    def fail(_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(hub.hub.log, "submit", fail)
    answer = await hub.post(path, body)
    assert (500, "internal") == (answer.status_code, answer.json()["code"])
    assert "secret" not in answer.text


@pytest.mark.parametrize("path", [NOTIFY, BATCH, "/api/internal/disconnect", "/api/internal/ws-stats", "/metrics"])
async def test_internal_routes_want_a_service_key(hub: RunningHub, path: str) -> None:
    """No key, a wrong one, a user's token, two headers, another scheme: 401, before the body is looked at."""
    method = "GET" if path in {"/api/internal/ws-stats", "/metrics"} else "POST"
    for value in (None, "Bearer x", f"Bearer {hub.token()}", f"Basic {hub.key}", hub.key, f"Bearer {hub.key}x"):
        headers = {} if value is None else {"authorization": value}
        answer = await hub.http.request(method, path, headers=headers)
        assert 401 == answer.status_code, value
        assert "Bearer" == answer.headers["www-authenticate"]
    two = [("authorization", f"Bearer {hub.key}"), ("authorization", "Bearer x")]
    assert 401 == (await hub.http.request(method, path, headers=two)).status_code


async def test_a_repeat_with_the_same_key_is_answered_from_the_first(hub: RunningHub) -> None:
    """Same Idempotency-Key, same body: the same id and cursor, `duplicate`, and one delivery."""
    async with hub.websocket() as websocket:
        key = {"idempotency-key": "order-17"}
        first, *others = [(await hub.publish(headers=key, timestamp="2026-01-01T00:00:00Z")).json() for _ in range(3)]
        assert not first["duplicate"]
        for other in others:
            assert {**first, "duplicate": True} == other
        await hub.publish(title="next")
        assert [first["id"]] == [(await websocket.frame())["id"]]
        assert "next" == (await websocket.frame())["title"]
        other_body = await hub.publish(headers=key, title="something else")
        assert (422, "idempotency_conflict") == (other_body.status_code, other_body.json()["code"])


async def test_parallel_repeats_store_one(hub: RunningHub) -> None:
    """Fifty at once with one key: one record, one id."""
    answers = await asyncio.gather(*(hub.publish(headers={"idempotency-key": "k"}) for _ in range(50)))
    receipts = [answer.json() for answer in answers]
    assert 1 == len({receipt["id"] for receipt in receipts})
    assert 1 == sum(not receipt["duplicate"] for receipt in receipts)
    assert 1 == hub.hub.log.head


@pytest.mark.parametrize("key", ["", "x" * 256, "é"])
async def test_an_idempotency_key_is_a_short_name(hub: RunningHub, key: str) -> None:
    """Empty, too long or not ASCII: refused, naming the header."""
    headers = [*hub.headers().items(), ("idempotency-key", key.encode())]
    answer = await hub.http.post(NOTIFY, content=json.dumps(GOOD), headers=headers)  # type: ignore[arg-type]  # bytes
    assert (400, "Idempotency-Key") == (answer.status_code, answer.json()["field"])


async def test_a_batch_has_a_result_for_each(hub: RunningHub) -> None:
    """Good ones are stored in order, bad ones get their problem with the path inside the batch."""
    async with hub.websocket() as websocket:
        items = [{**GOOD, "title": "0"}, {**GOOD, "type": "no_such"}, {**GOOD, "title": 5}, {**GOOD, "title": "3"}]
        answer = await hub.post(BATCH, {"notifications": items})
        assert 202 == answer.status_code
        results = answer.json()["results"]
        assert [0, 1, 2, 3] == [result["index"] for result in results]
        assert ["receipt", "problem", "problem", "receipt"] == [list(result)[1] for result in results]
        assert "$.notifications[1].type" == results[1]["problem"]["field"]
        assert "$.notifications[2].title" == results[2]["problem"]["field"]
        assert ["0", "3"] == [frame["title"] for frame in await websocket.frames(2)]


async def test_a_repeated_batch_stores_nothing_twice(hub: RunningHub) -> None:
    """Each notification of a batch has the batch's key and its index for a key of its own."""
    body = {"notifications": [{**GOOD, "title": str(number)} for number in range(5)]}
    headers = hub.headers({"idempotency-key": "night run"})
    first = (await hub.http.post(BATCH, content=json.dumps(body), headers=headers)).json()["results"]
    again = (await hub.http.post(BATCH, content=json.dumps(body), headers=headers)).json()["results"]
    assert [r["receipt"]["id"] for r in first] == [r["receipt"]["id"] for r in again]
    assert all(result["receipt"]["duplicate"] for result in again)
    assert 5 == hub.hub.log.head
    # One of them is another notification now: it alone is refused, and the problem says where it stands.
    body["notifications"][3]["title"] = "other"
    mixed = (await hub.http.post(BATCH, content=json.dumps(body), headers=headers)).json()["results"]
    assert [True, True, True, False, True] == ["receipt" in result for result in mixed]
    problem = mixed[3]["problem"]
    assert (422, "idempotency_conflict", "$.notifications[3]") == (problem["status"], problem["code"], problem["field"])
    assert 5 == hub.hub.log.head


@pytest.mark.parametrize(
    "batch",
    [{}, {"notifications": []}, {"notifications": {}}, {"notifications": [1] * 1001}, {"notifications": [], "x": 1}],
)
async def test_a_batch_that_is_none_is_refused_whole(hub: RunningHub, batch: dict[str, object]) -> None:
    """An envelope that cannot be taken apart is one problem."""
    answer = await hub.post(BATCH, batch)
    assert (400, "invalid_field") == (answer.status_code, answer.json()["code"])


async def test_what_was_acknowledged_survives_a_restart(tmp_path: Path) -> None:
    """A cursor from before a restart is served after it; the epoch is the log's, not the process's."""
    async with run_hub(tmp_path) as hub:
        cursor = (await hub.publish(title="1")).json()["cursor"]
        await hub.publish(title="2")
        secret = hub.settings.jwt_secret
    async with run_hub(tmp_path, jwt_secret=secret) as hub, hub.events(last_event_id=cursor) as events:
        assert "replayed" == events.hello["data"]["resume"]
        assert "2" == (await events.frame())["title"]


async def test_a_key_reaches_what_it_was_granted(tmp_path: Path) -> None:
    """A key bound to an account, a type and no operation but publishing can do just that."""
    import hashlib

    key = "hubk_" + "k" * 43
    tmp_path.mkdir(exist_ok=True)
    file = tmp_path / "granted.json"
    entry = {
        "name": "wpp",
        "sha256": hashlib.sha256(key.encode()).hexdigest(),
        "accounts": [ACCOUNT],
        "types": ["stock_alert"],
        "operations": ["publish"],
    }
    file.write_text(json.dumps({"keys": [entry]}))
    async with run_hub(tmp_path, service_keys_file=file) as hub:
        hub.key = key
        assert 202 == (await hub.publish()).status_code
        refused = [
            await hub.publish(everyone=True),
            await hub.publish(account_id="98765432000110"),
            await hub.publish(type="order_created"),
            await hub.http.get("/api/internal/ws-stats", headers=hub.headers()),
            await hub.post("/api/internal/disconnect", {"account_id": ACCOUNT}),
        ]
        assert [(403, "forbidden")] * 5 == [(answer.status_code, answer.json()["code"]) for answer in refused]
