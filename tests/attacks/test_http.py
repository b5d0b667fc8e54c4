"""Raw HTTP that no client sends: each request is answered 4xx or cut, in time, and nobody else notices.

What two parsers could read differently (request smuggling) is refused: RFC 9112 sections 3.2, 5, 6 and 7.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest

from contracts.problem import PROBLEM_TYPE_PREFIX, Problem
from tests.attacks.odd_requests import KEY, REQUESTS, WEBSOCKET, chunked, get, post
from tests.attacks.wire import Answer, Wire
from tests.harness import RunningHub, run_hub

MIB = 2**20


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[RunningHub]:
    """A hub with its shipped bounds."""
    async with run_hub(tmp_path) as hub:
        yield hub


#: The answer to a HEAD has no body.
WITHOUT_PROBLEM = {"HEAD"}


async def test_no_request_breaks_the_hub(hub: RunningHub) -> None:
    """Each request, whole and in pieces, gets an answer it may get, and a healthy client gets its own."""
    wrong = []
    for name, (sent, allowed) in REQUESTS.items():
        answers = []
        for piece in (len(sent), 1 if len(sent) < 400 else 1_000):
            async with Wire(hub.port) as wire:
                for start in range(0, len(sent), piece):
                    if not await wire.send(sent[start : start + piece]):
                        break
                    if piece == 1:
                        await asyncio.sleep(0)
                answer = await final_answer(wire, name)
                answers.append(answer.status)
                if "x-forged" in answer.headers:
                    wrong.append(f"{name}: forged a header")
                if answer.status >= 400 and not is_problem(answer) and name not in WITHOUT_PROBLEM:
                    wrong.append(f"{name}: {answer.status} without a problem: {answer.body[:80]!r}")
        # Before a body that cannot be read has arrived, its sender is told that a key is missing.
        if answers[0] not in allowed or answers[1] not in {*allowed, 401 if 400 in allowed else None}:
            wrong.append(f"{name}: {answers}")
        assert 200 == (await hub.http.get("/health/live")).status_code, name
    assert not wrong, "\n".join(wrong)


async def final_answer(wire: Wire, name: str) -> Answer:
    """Return the answer after any `100 Continue`."""
    try:
        answer = await wire.response(head=name == "HEAD")
        while answer.status == 100:
            answer = await wire.response()
    except TimeoutError:
        raise AssertionError(f"{name}: no answer in time") from None
    return answer


def is_problem(answer: Answer) -> bool:
    """Whether an error's answer says what it is, in full, as the client libraries read it."""
    try:
        problem = msgspec.json.decode(answer.body, type=Problem)
    except ValueError:
        return False
    whole = problem.title and problem.detail and problem.type == PROBLEM_TYPE_PREFIX + problem.code
    kind = answer.headers["content-type"]
    return bool(whole) and (answer.status, "application/problem+json") == (problem.status, kind)


async def test_what_hides_behind_a_request_is_not_a_request(hub: RunningHub) -> None:
    """After a body whose end is in doubt nothing more is read: the smuggled request is never answered."""
    smuggled = get(b"/smuggled")
    carriers = [
        post(b"0\r\n\r\n" + smuggled, b"Content-Length: %d" % (5 + len(smuggled)), b"Transfer-Encoding: chunked"),
        post(b"{}" + smuggled, b"Content-Length: 2", b"Content-Length: %d" % (2 + len(smuggled))),
        post(b"0\r\n\r\n" + smuggled, b"Transfer-Encoding: xchunked"),
        chunked(b"+0\r\n\r\n" + smuggled),
        get(b"/health/live", b"Host: evil") + smuggled,
        get(host=b"") + smuggled,
        get(b"/health/live", b"X: a\nY: b") + smuggled,
    ]
    for carrier in carriers:
        async with Wire(hub.port) as wire:
            await wire.send(carrier)
            answer = await wire.rest()
            assert answer.startswith(b"HTTP/1.1 400 ")
            assert 1 == answer.count(b"HTTP/1.1 "), carrier


async def test_what_stands_behind_a_refused_request_is_not_done(hub: RunningHub) -> None:
    """A publish in the same packet as a refused request is neither answered nor stored."""
    body = b'{"type":"cart_updated","title":"t","message":"m","everyone":true}'
    publish = post(body, b"Authorization: Bearer " + hub.key.encode(), b"Content-Length: %d" % len(body))
    async with Wire(hub.port) as wire:
        await wire.send(publish)
        assert 202 == (await wire.response()).status
    head = hub.hub.log.head
    async with Wire(hub.port) as wire:
        await wire.send(get(b"/health/live", b"Host: evil") + publish)
        assert 1 == (await wire.rest()).count(b"HTTP/1.1 ")
    assert 200 == (await hub.http.get("/health/live")).status_code
    assert head == hub.hub.log.head


async def test_pipelined_requests_are_answered_in_order(hub: RunningHub) -> None:
    """A hundred requests in one packet: a hundred answers, each to its own request."""
    async with Wire(hub.port) as wire:
        await wire.send(b"".join(get(b"/health/live" if number % 2 else b"/nothing") for number in range(100)))
        assert [404, 200] * 50 == [(await wire.response()).status for _ in range(100)]


async def test_a_stream_behind_other_requests_is_a_whole_stream(hub: RunningHub) -> None:
    """Requests pipelined before and behind an event stream do not take its end from it."""
    stream = get(b"/sse", b"Authorization: Bearer " + hub.token().encode())
    async with Wire(hub.port) as wire:
        await wire.send(get() + stream + get(b"/nothing"))
        assert 200 == (await wire.response()).status
        await hub.wait_until(lambda: len(hub.hub.subscribers) == 1)
        await hub.publish(title="through")
        answer = await hub.post(
            "/api/internal/disconnect", {"account_id": hub.hub.subscribers.everyone()[0].account_id}
        )
        assert 1 == answer.json()["closed"]
        text = b""
        while b"HTTP/1.1 404" not in text:
            part = await wire.read(65_536)
            assert part, "the connection ended before the request behind the stream was answered"
            text += part
    body, _, _ = text.partition(b"HTTP/1.1 404")
    assert b'"through"' in body
    assert b'"code":4502' in body
    assert body.endswith(b"0\r\n\r\n")


async def test_garbage_behind_a_stream_is_not_answered_into_it(hub: RunningHub) -> None:
    """Bytes that are no request end the connection; they put nothing between the events."""
    async with Wire(hub.port) as wire:
        await wire.send(get(b"/sse", b"Authorization: Bearer " + hub.token().encode()))
        await hub.wait_until(lambda: len(hub.hub.subscribers) == 1)
        await wire.send(b"\0\0\0 nonsense \r\n\r\n")
        assert 1 == (await wire.rest()).count(b"HTTP/1.1 ")
    await hub.wait_until(lambda: len(hub.hub.subscribers) == 0)


async def test_a_query_with_too_many_fields_is_no_failure(hub: RunningHub) -> None:
    """With the credential in the header, a query of a thousand fields is a connection like any other, or a 400."""
    query = b"cursor=x&" + b"&".join(b"a%d=b" % number for number in range(1_000))
    bearer = b"Authorization: Bearer " + hub.token().encode()
    async with Wire(hub.port) as wire:
        await wire.send(get(b"/sse?" + query, bearer))
        assert (await wire.read(65_536)).startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 400 "))
    async with Wire(hub.port) as wire:
        await wire.send(get(b"/ws?" + query, *WEBSOCKET, KEY, bearer))
        assert (await wire.read(65_536)).startswith((b"HTTP/1.1 101 ", b"HTTP/1.1 400 "))
    assert 0 == hub.hub.metrics.problems["internal"]


def resident_bytes() -> int:
    """Return the memory this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.parametrize(
    ("beginning", "piece"),
    [(b"X: ", b"a" * MIB), (b"", b"X: y\r\n" * (MIB // 6)), (b"", b"X:" + b" " * 1022)],
    ids=["one line of 100 MiB", "millions of headers", "blank values"],
)
async def test_an_endless_head_is_cut_early(hub: RunningHub, beginning: bytes, piece: bytes) -> None:
    """Headers beyond the cap are answered 431 and cut within a few MiB, at no cost in memory, and nobody waits."""
    before_bytes = resident_bytes()
    sent_bytes = 0
    async with Wire(hub.port) as wire:
        await wire.send(b"GET /health/live HTTP/1.1\r\nHost: hub\r\n" + beginning)
        while sent_bytes < 100 * MIB and await wire.send(piece):
            sent_bytes += len(piece)
            asked_s = time.monotonic()
            assert 200 == (await hub.http.get("/health/live")).status_code
            assert time.monotonic() - asked_s < 1.0
    assert sent_bytes < 16 * MIB
    assert resident_bytes() - before_bytes < 32 * MIB


@pytest.mark.parametrize("count", [100, 1_000, 200_000])
async def test_too_many_headers_are_refused(hub: RunningHub, count: int) -> None:
    """What goes beyond 200 headers or 32 KiB is answered 431, however small each header is."""
    async with Wire(hub.port) as wire:
        await wire.send(get(b"/health/live", *[b"Some-Header: %06d" % number for number in range(count)]))
        # The answer may be lost where the kernel resets what it had not read.
        assert (await wire.response()).status in ({200} if count == 100 else {431, 0})


async def test_peers_that_leave_in_the_middle_are_no_failure(hub: RunningHub) -> None:
    """A connection cut anywhere in a request or an answer leaves no trace in the log and nothing registered."""
    bearer = b"Authorization: Bearer " + hub.key.encode()
    stream = get(b"/sse", b"Authorization: Bearer " + hub.token().encode())
    upgrade = get(b"/ws?token=" + hub.token().encode(), *WEBSOCKET, KEY)
    for whole in (post(b"{}" * 20, bearer, b"Content-Length: 90"), stream, upgrade, get(b"/schema/openapi.json") * 20):
        for cut in (1, len(whole) // 3, len(whole) // 2, len(whole) - 1, len(whole)):
            async with Wire(hub.port) as wire:
                await wire.send(whole[:cut])
    await hub.wait_until(lambda: len(hub.hub.subscribers) == 0)
    async with httpx.AsyncClient(base_url=hub.url) as fresh:
        assert 200 == (await fresh.get("/health/ready")).status_code
