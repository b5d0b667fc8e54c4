"""A publish that the edge answers past ASGI, and one that the application answers, cannot be told apart."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import re
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from hub.bounds import Bounds
from hub.errors import Overloaded, StorageUnavailable
from hub.log.port import Appended
from tests.attacks.wire import Wire
from tests.harness import ACCOUNT, USER, RunningHub, run_hub
from tests.transports.test_fallback import serve_plainly

NOTIFY = "/api/internal/notify"
BATCH = "/api/internal/notify/batch"
GOOD = {"type": "stock_alert", "title": "t", "message": "m", "user_id": USER, "account_id": ACCOUNT}
BODY = msgspec.json.encode(GOOD)
ODD = msgspec.json.encode({**GOOD, "data": {"currentStock": "three"}})
OTHER = msgspec.json.encode({**GOOD, "title": "another"})
KEY = "<key>"
ORIGIN = "https://app.avelarcompany.com.br"
#: What a response says beside what is in all of them; another server has its own way with connections.
OWN_HEADERS = frozenset(
    {"content-type", "content-length", "cache-control", "allow", "accept", "accept-encoding", "www-authenticate"}
    | {"retry-after", "vary", "access-control-allow-origin", "access-control-allow-credentials"}
    | {"access-control-expose-headers", "access-control-allow-methods", "access-control-allow-headers"}
)
ID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
EPOCH = re.compile(rb'"cursor":"[a-z0-9]{10}-')

Part = bytes | float


class Case(msgspec.Struct, frozen=True):
    """What a client sends, with pauses in seconds, and how many responses it waits for before it leaves."""

    name: str
    parts: Sequence[Part]
    responses: int = 1
    is_head: bool = False
    #: Whether the edge answers it past the application.
    direct: bool = False


def head(
    *further: str,
    method: str = "POST",
    path: str = NOTIFY,
    key: str | None = KEY,
    kind: str | None = "application/json",
    version: str = "1.1",
) -> bytes:
    """Return the head of a request to publish."""
    lines = [f"{method} {path} HTTP/{version}", "Host: hub", *further]
    lines += [] if key is None else [f"Authorization: Bearer {key}"]
    lines += [] if kind is None else [f"Content-Type: {kind}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def post(body: bytes = BODY, *further: str, **changes: Any) -> bytes:
    """Return a request to publish with its body."""
    return head(f"Content-Length: {len(body)}", *further, **changes) + body


def chunked(*chunks: bytes) -> bytes:
    """Return a request whose body comes in chunks."""
    parts = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))
    return head("Transfer-Encoding: chunked") + parts


def batch(*bodies: bytes) -> bytes:
    """Return a request to publish these together."""
    return post(b'{"notifications":[%b]}' % b",".join(bodies), path=BATCH)


def name_of(body: bytes) -> str:
    """Return the Idempotency-Key header of a body; each body of the cases has a key of its own."""
    return f"Idempotency-Key: {len(body)}"


CASES = [
    Case("one", [post()], direct=True),
    Case("a batch", [batch(BODY, ODD, b'{"type":"no"}', OTHER)], direct=True),
    Case("a slash at the end", [post(path=f"{NOTIFY}/")], direct=True),
    Case("a query", [post(path=f"{NOTIFY}?x=1")], direct=True),
    Case("everyone", [post(b'{"type":"stock_alert","title":"t","message":"m","everyone":true}')], direct=True),
    Case("another shape than declared", [post(ODD)], direct=True),
    Case("with a name", [post(BODY, name_of(BODY))], direct=True),
    Case("the same again", [post(BODY, name_of(BODY))], direct=True),
    Case("another under the same name", [post(OTHER, name_of(BODY))], direct=True),
    Case("two names", [post(BODY, "Idempotency-Key: a", "Idempotency-Key: b")]),
    Case("an empty name", [post(BODY, "Idempotency-Key: ")]),
    Case("a byte order mark", [post(b"\xef\xbb\xbf" + BODY)], direct=True),
    Case("chunked", [chunked(BODY[:10], BODY[10:])], direct=True),
    Case("a charset", [post(kind="application/json; charset=utf-8")], direct=True),
    Case("head and body apart", [post()[: -len(BODY)], 0.0, BODY], direct=True),
    Case("in slices", [part for index in range(0, 400, 40) for part in (post()[index : index + 40], 0.0)], direct=True),
    Case("a body that comes late", [post()[:-5], 0.2, BODY[-5:]]),
    Case("a body that is cut", [post()[:-5]], responses=0),
    Case("two behind each other", [post() + post(OTHER)], responses=2),
    Case("something behind it", [post() + head(method="GET", path="/health/live", key=None)], responses=2),
    Case("the last one", [post(BODY, "Connection: close")], direct=True),
    Case("of HTTP/1.0", [post(version="1.0")], direct=True),
    Case("with a wait for a Continue", [head("Expect: 100-continue", f"Content-Length: {len(BODY)}"), BODY], 2),
    Case("no JSON", [post(b"{")]),
    Case("no body", [post(b"")]),
    Case("no length", [head()]),
    Case("not UTF-8", [post(b'{"type":"\xff"}')]),
    Case("an unknown type", [post(b'{"type":"no","title":"t","message":"m","everyone":true}')]),
    Case("no target", [post(b'{"type":"stock_alert","title":"t","message":"m"}')]),
    Case("an unknown user", [post(b'{"type":"stock_alert","title":"t","message":"m","user_id":"1"}')]),
    Case("no batch", [post(path=BATCH)]),
    Case("an empty batch", [batch()]),
    Case("nothing good in a batch", [batch(b'{"type":"no"}')]),
    Case("no key", [post(key=None)]),
    Case("a wrong key", [post(key="hubk_" + "x" * 43)]),
    Case("no head beyond a wrong key", [head("Content-Length: 400", key="hubk_" + "x" * 43)]),
    Case("two keys", [post(BODY, f"Authorization: Bearer {KEY}")]),
    Case("another scheme", [post(BODY, "Authorization: Basic eDp5", key=None)]),
    Case("no type", [post(kind=None)]),
    Case("a form", [post(kind="application/x-www-form-urlencoded")]),
    Case("another charset", [post(kind="application/json; charset=latin-1")]),
    Case("two types", [post(BODY, "Content-Type: application/json")]),
    Case("compressed", [post(BODY, "Content-Encoding: gzip")]),
    Case("too large", [post(b'{"message":"%b"}' % (b"x" * 65_536))]),
    Case("too large, and said so", [head("Content-Length: 70000")]),
    Case("too large, in chunks", [chunked(*[b"x" * 10_000] * 8)]),
    Case("never complete", [head("Content-Length: 10") + b"{"]),
    Case("from an allowed page", [post(BODY, f"Origin: {ORIGIN}")]),
    Case("from another page", [post(BODY, "Origin: https://evil.example")]),
    Case("a preflight", [head(f"Origin: {ORIGIN}", "Access-Control-Request-Method: POST", method="OPTIONS", key=None)]),
    *(Case(method, [head(method=method)], is_head=method == "HEAD") for method in ("GET", "HEAD", "PUT", "OPTIONS")),
    Case("another path", [post(path=f"{NOTIFY}/other")]),
]


def count_calls(hub: RunningHub, monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Return what becomes longer with each request that the application answers."""
    calls: list[None] = []
    serve = hub.hub.cors.serve

    async def count(*arguments: Any) -> None:
        calls.append(None)
        await serve(*arguments)

    monkeypatch.setattr(hub.hub.cors, "serve", count)
    return calls


async def ask(hub: RunningHub, case: Case, told: Callable[[dict[str, str]], dict[str, str]]) -> list[object]:
    """Return the responses, without what is never the same twice."""
    answers: list[object] = []
    async with Wire(hub.port) as wire:
        for part in case.parts:
            if isinstance(part, float):
                await asyncio.sleep(part)
            else:
                await wire.send(part.replace(KEY.encode(), hub.key.encode()))
        for _ in range(case.responses):
            status, headers, body = await wire.response(head=case.is_head)
            body = EPOCH.sub(b'"cursor":"', ID.sub(b"id", body))
            answers.append((status, sorted(told(headers).items()), body))
    return answers


def log_lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what an operator reads of publishes; of faults all hubs of a process say each once."""
    return [record.getMessage() for record in caplog.records if record.name == "hub.publish"]


def own_headers(headers: dict[str, str]) -> dict[str, str]:
    """Leave out what every server writes in its own way."""
    return {name: value for name, value in headers.items() if name in OWN_HEADERS}


def all_headers(headers: dict[str, str]) -> dict[str, str]:
    """Leave out the moment."""
    return {name: value for name, value in headers.items() if name != "date"}


def be_application(hub: RunningHub) -> None:
    """Let the application of a hub answer everything."""
    for handlers in (hub.hub.direct, *hub.hub.handlers):
        cast("dict[str, object]", handlers).clear()


@contextlib.asynccontextmanager
async def run_both(folder: Path, **changes: Any) -> AsyncIterator[tuple[RunningHub, RunningHub]]:
    """Run a hub whose edge answers publishes, and one whose application answers all."""
    async with run_hub(folder / "direct", **changes) as direct, run_hub(folder / "application", **changes) as other:
        be_application(other)
        yield direct, other


async def test_both_ways_give_the_same_responses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Status, headers, bodies, what is stored, counted and logged are equal, in order and one request at a time."""
    bounds = Bounds(body_timeout_s=0.4)
    seen: dict[str, list[object]] = {}
    past: list[str] = []
    async with run_both(tmp_path, bounds=bounds) as hubs:
        for name, hub in zip(("direct", "application"), hubs, strict=True):
            calls, found = count_calls(hub, monkeypatch), seen.setdefault(name, [])
            caplog.clear()
            for case in CASES:
                before = len(calls)
                found.append((case.name, await ask(hub, case, all_headers)))
                if name == "direct" and case.responses and len(calls) == before:
                    past.append(case.name)
            await hub.wait_until(lambda hub=hub: hub.hub.metrics.problems["bad_request"] == 3)  # type: ignore[misc]  # bound
            metrics = hub.hub.metrics
            found.append((hub.hub.log.head, metrics.duplicates, metrics.published, metrics.mismatches))
            found.append((Counter(metrics.problems), sum(metrics.publish_to_disk.counts), hub.hub.bodies.held_bytes))
            found.append(log_lines(caplog))
    assert [case.name for case in CASES if case.direct] == past
    for direct, application in zip(seen["direct"], seen["application"], strict=True):
        assert direct == application


async def test_another_server_gives_the_same_responses(tmp_path: Path) -> None:
    """What the hub itself says is the same under a server that knows nothing of it."""
    # How long a peer may take, and what it must not send, is each server's own matter.
    cases = [case for case in CASES if case.name not in {"no head beyond a wrong key", "never complete"}]
    (tmp_path / "other").mkdir()
    async with run_hub(tmp_path / "own") as own, serve_plainly(tmp_path / "other", "httptools") as other:
        for case in cases:
            # Before "another page" the other hub allows the same pages, by the same settings.
            assert await ask(own, case, own_headers) == await ask(other, case, own_headers), case.name
        assert own.hub.log.head == other.hub.log.head


async def test_a_log_that_fails_is_answered_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """At once or later: the same problem, the same counts, the same log line, and nothing is held any more."""
    faults = [StorageUnavailable(retry_after_s=1), Overloaded("Too many", retry_after_s=1), RuntimeError("secret")]

    def fail(fault: Exception, at_once: bool, _: object) -> asyncio.Future[Any]:
        if at_once:
            raise fault
        stored: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        stored.get_loop().call_soon(stored.set_exception, fault)
        return stored

    found: list[list[object]] = []
    async with run_both(tmp_path) as hubs:
        for hub in hubs:
            caplog.clear()
            found.append([])
            for fault, at_once in itertools.product(faults, (True, False)):
                monkeypatch.setattr(hub.hub.log, "submit", partial(fail, fault, at_once))
                for request in (post(), batch(BODY)):
                    answers = await ask(hub, Case("", [request]), all_headers)
                    assert "secret" not in str(answers)
                    found[-1].append((answers, Counter(hub.hub.metrics.problems), hub.hub.bodies.held_bytes))
            found[-1].append(log_lines(caplog))
            assert {"storage_unavailable": 4, "overloaded": 4, "internal": 4} == hub.hub.metrics.problems
    assert found[0] == found[1]


async def test_what_a_shutdown_overtakes_is_answered_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A publish that waits for the disk, and one whose body does not come, get 503 when the grace is over."""
    said: list[list[object]] = []
    for is_direct in (True, False):
        async with run_hub(tmp_path / str(is_direct), bounds=Bounds(grace_s=1)) as hub:
            if not is_direct:
                be_application(hub)
            monkeypatch.setattr(hub.hub.log, "submit", lambda _: asyncio.get_running_loop().create_future())
            async with Wire(hub.port) as whole, Wire(hub.port) as part:
                await whole.send(post().replace(KEY.encode(), hub.key.encode()))
                await part.send(post()[:-5].replace(KEY.encode(), hub.key.encode()))
                await hub.wait_until(lambda hub=hub: len(hub.server.server_state.tasks) == 2)  # type: ignore[misc]  # bound
                hub.server.should_exit = True
                answers = [await wire.response() for wire in (whole, part)]
                said.append([(answer.status, json.loads(answer.body)["code"], answer.headers) for answer in answers])
                assert not [await wire.rest() for wire in (whole, part) if await wire.rest()]
    for one in (*said[0], *said[1]):
        cast("tuple[int, str, dict[str, str]]", one)[2].pop("date")
    assert said[0] == said[1]
    assert [(503, "draining")] * 2 == [cast("tuple[int, str, object]", one)[:2] for one in said[0]]


async def test_a_publisher_that_leaves_is_not_waited_for(tmp_path: Path) -> None:
    """What was whole when its sender left is stored, and what is held for it is free again."""
    async with run_hub(tmp_path) as hub:
        for _ in range(20):
            async with Wire(hub.port) as wire:
                await wire.send(post().replace(KEY.encode(), hub.key.encode()))
        await hub.wait_until(lambda: not hub.server.server_state.tasks and not hub.hub.bodies.held_bytes)
        await hub.wait_until(lambda: not hub.server.server_state.connections)
        assert 20 == hub.hub.log.head


async def test_a_publisher_that_leaves_before_the_disk_has_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its body counts as held until the log has answered, stored or not, and is released once."""
    async with run_hub(tmp_path) as hub:
        loop = asyncio.get_running_loop()
        asked: list[asyncio.Future[Any]] = []

        def submit(_: object) -> asyncio.Future[Any]:
            asked.append(loop.create_future())
            return asked[-1]

        monkeypatch.setattr(hub.hub.log, "submit", submit)
        for number in (1, 2):
            async with Wire(hub.port) as wire:
                # Reset, and not only ended: a peer that asks no more may still listen.
                no_linger = struct.pack("ii", 1, 0)
                wire._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)
                await wire.send(post().replace(KEY.encode(), hub.key.encode()))
                await hub.wait_until(lambda number=number: len(asked) == number)  # type: ignore[misc]  # bound
        await hub.wait_until(lambda: not hub.server.server_state.connections)
        assert 2 * len(BODY) == hub.hub.bodies.held_bytes
        asked[0].set_result([Appended(position=1, id="n", duplicate=False)])
        asked[1].set_exception(StorageUnavailable(retry_after_s=1))
        await hub.wait_until(lambda: not hub.server.server_state.tasks)
        assert 0 == hub.hub.bodies.held_bytes


async def test_a_handler_that_fails_leaves_the_request_to_the_application(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault in the handler itself is no reason to answer nothing."""

    def fail(headers: object, body: bytes) -> None:
        raise RuntimeError("a fault of ours")

    async with run_hub(tmp_path) as hub:
        calls = count_calls(hub, monkeypatch)
        cast("dict[str, object]", hub.hub.direct)[NOTIFY] = fail
        assert 202 == (await hub.publish()).status_code
        assert 1 == len(calls)
