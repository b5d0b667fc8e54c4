"""Raw HTTP that no client sends: each request is answered 4xx or cut, in time, and nobody else notices.

What two parsers could read differently (request smuggling) is refused: RFC 9112 sections 3.2, 5, 6 and 7.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from hub.api import request as api_request
from hub.transports import http_protocol
from tests.attacks.wire import Answer, Wire
from tests.harness import RunningHub, run_hub

MIB = 2**20
OK = frozenset({200})
BAD = frozenset({400})
REFUSED = frozenset({400, 401, 403, 404, 405, 408, 411, 413, 414, 415, 417, 426, 431, 501, 505})
#: Served or refused: both are right, a 5xx or silence is not.
ANY = REFUSED | OK | {201, 204}


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[RunningHub]:
    """A hub with its shipped bounds."""
    async with run_hub(tmp_path) as hub:
        yield hub


def get(
    target: bytes = b"/health/live", *lines: bytes, version: bytes = b"HTTP/1.1", host: bytes = b"Host: hub"
) -> bytes:
    """Return a GET with these further header lines."""
    head = [b"GET " + target + b" " + version, *([host] if host else []), *lines]
    return b"\r\n".join(head) + b"\r\n\r\n"


def post(body: bytes, *lines: bytes) -> bytes:
    """Return a publish without a credential, with these header lines and this body."""
    head = [b"POST /api/internal/notify HTTP/1.1", b"Host: hub", b"Content-Type: application/json", *lines]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def chunked(body: bytes) -> bytes:
    """Return a publish with a chunked body as given."""
    return post(body, b"Transfer-Encoding: chunked")


WEBSOCKET = (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13")
KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
REQUESTS: dict[str, tuple[bytes, frozenset[int]]] = {
    "plain": (get(), OK),
    "no Host": (get(host=b""), BAD),
    "two Hosts": (get(b"/health/live", b"Host: evil"), BAD),
    "the same Host twice": (get(b"/health/live", b"Host: hub"), BAD),
    "empty Host": (get(host=b"Host:"), ANY),
    "Host with a path": (get(host=b"Host: hub/evil"), ANY),
    "HTTP/1.0 without Host": (get(version=b"HTTP/1.0", host=b""), OK),
    "HTTP/0.9": (b"GET /health/live\r\n\r\n", BAD),
    "HTTP/1.2": (get(version=b"HTTP/1.2"), BAD),
    "HTTP/9.9": (get(version=b"HTTP/9.9"), BAD),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", BAD),
    "no version": (b"GET /health/live \r\nHost: hub\r\n\r\n", BAD),
    "other protocol": (get(version=b"RTSP/1.0"), ANY),
    "TLS client hello": (bytes.fromhex("16030100c8010000c40303") + bytes(200), BAD),
    "lower-case method": (b"get /health/live HTTP/1.1\r\nHost: hub\r\n\r\n", BAD),
    "unknown method": (b"FROB /health/live HTTP/1.1\r\nHost: hub\r\n\r\n", BAD),
    "method with NUL": (b"GE\0T /health/live HTTP/1.1\r\nHost: hub\r\n\r\n", BAD),
    "long method": (b"G" * 40_000, BAD | {431}),
    "TRACE": (get().replace(b"GET", b"TRACE"), REFUSED),
    "HEAD": (get().replace(b"GET", b"HEAD"), ANY),
    "leading line breaks": (b"\r\n\r\n" + get(), OK),
    "leading space": (b" " + get(), BAD),
    # Where the body ends
    "length and chunked": (post(b"0\r\n\r\n", b"Content-Length: 5", b"Transfer-Encoding: chunked"), BAD),
    "chunked and length": (post(b"0\r\n\r\n", b"Transfer-Encoding: chunked", b"Content-Length: 5"), BAD),
    "two lengths": (post(b"{}", b"Content-Length: 2", b"Content-Length: 1"), BAD),
    "the same length twice": (post(b"{}", b"Content-Length: 2", b"Content-Length: 2"), BAD),
    "length as a list": (post(b"{}", b"Content-Length: 2, 2"), BAD),
    "negative length": (post(b"{}", b"Content-Length: -2"), BAD),
    "length with a plus": (post(b"{}", b"Content-Length: +2"), BAD),
    "hexadecimal length": (post(b"{}", b"Content-Length: 0x2"), BAD),
    "length with a space": (post(b"{}", b"Content-Length: 2 2"), BAD),
    "empty length": (post(b"", b"Content-Length:"), REFUSED),
    "length beyond 64 bits": (post(b"{}", b"Content-Length: 99999999999999999999"), BAD),
    "length of 2^63": (post(b"{}", b"Content-Length: 9223372036854775808"), REFUSED),
    "length in Arabic digits": (post(b"{}", "Content-Length: ٢".encode()), BAD),
    "chunked twice": (post(b"0\r\n\r\n", b"Transfer-Encoding: chunked, chunked"), REFUSED),
    "chunked not last": (post(b"0\r\n\r\n", b"Transfer-Encoding: chunked, identity"), BAD),
    "unknown coding": (post(b"0\r\n\r\n", b"Transfer-Encoding: xchunked"), BAD),
    "coding with a tab": (post(b"0\r\n\r\n", b"Transfer-Encoding:\x0bchunked"), BAD),
    "coding with a space before the colon": (post(b"0\r\n\r\n", b"Transfer-Encoding : chunked"), BAD),
    "gzip then chunked": (post(b"0\r\n\r\n", b"Transfer-Encoding: gzip, chunked"), REFUSED),
    "chunked in HTTP/1.0": (chunked(b"0\r\n\r\n").replace(b"HTTP/1.1", b"HTTP/1.0"), REFUSED),
    "chunk size 0x5": (chunked(b"0x5\r\nhello\r\n0\r\n\r\n"), BAD),
    "chunk size +5": (chunked(b"+5\r\nhello\r\n0\r\n\r\n"), BAD),
    "chunk size -1": (chunked(b"-1\r\nhello\r\n0\r\n\r\n"), BAD),
    "chunk size G": (chunked(b"G\r\nhello\r\n0\r\n\r\n"), BAD),
    "empty chunk size": (chunked(b"\r\nhello\r\n0\r\n\r\n"), BAD),
    "chunk size beyond 64 bits": (chunked(b"1" + b"0" * 16 + b"\r\nhello\r\n0\r\n\r\n"), BAD),
    "chunk longer than it says": (chunked(b"3\r\nhello\r\n0\r\n\r\n"), BAD),
    "chunk ended by LF": (chunked(b"5\nhello\n0\n\n"), BAD),
    "chunk with extension": (chunked(b'2;a="b"\r\n{}\r\n0\r\n\r\n'), REFUSED),
    "chunk extension with LF": (chunked(b"2;a\nb\r\n{}\r\n0\r\n\r\n"), BAD),
    "chunk extension of 64 KiB": (chunked(b"2;" + b"a" * 65_536 + b"\r\n{}\r\n0\r\n\r\n"), REFUSED),
    "trailer that is a credential": (chunked(b"2\r\n{}\r\n0\r\nAuthorization: Bearer x\r\n\r\n"), REFUSED),
    "trailer that is a length": (chunked(b"2\r\n{}\r\n0\r\nContent-Length: 9\r\n\r\n"), REFUSED),
    "body in a GET": (get(b"/health/live", b"Content-Length: 2") + b"{}", OK),
    "expectation": (post(b"{}", b"Content-Length: 2", b"Expect: 100-continue"), REFUSED),
    "unknown expectation": (post(b"{}", b"Content-Length: 2", b"Expect: miracles"), REFUSED),
    # Headers
    "folded header": (get(b"/health/live", b"X: a\r\n b"), BAD | OK),
    "folded first header": (get(host=b" Host: hub"), BAD),
    "folded length": (post(b"{}", b"Content-Length:\r\n 2"), REFUSED),
    "header without colon": (get(b"/health/live", b"nonsense"), BAD),
    "header without name": (get(b"/health/live", b": x"), BAD),
    "space before the colon": (get(b"/health/live", b"X : y"), BAD),
    "space in the name": (get(b"/health/live", b"X Y: z"), BAD),
    "NUL in the name": (get(b"/health/live", b"X\0: y"), BAD),
    "NUL in the value": (get(b"/health/live", b"X: a\0b"), BAD),
    "bare CR in the value": (get(b"/health/live", b"X: a\rb"), BAD),
    "bare LF after a header": (get(b"/health/live", b"X: a\nY: b"), BAD),
    "control in the value": (get(b"/health/live", b"X: a\x01b"), BAD),
    "delete in the value": (get(b"/health/live", b"X: a\x7fb"), BAD),
    "latin-1 in the value": (get(b"/health/live", b"X: \xe9"), OK),
    "UTF-8 in the name": (get(b"/health/live", "Ключ: x".encode()), BAD),
    "LF alone": (get().replace(b"\r\n", b"\n"), BAD),
    "CR alone": (get().replace(b"\r\n", b"\r"), BAD),
    "CR CR LF": (get().replace(b"\r\n", b"\r\r\n"), BAD),
    "500 headers": (get(b"/health/live", *[b"X: y"] * 500), OK),
    "two credentials": (
        post(b"{}", b"Content-Length: 2", b"Authorization: Bearer a", b"Authorization: Bearer b"),
        REFUSED,
    ),
    "underscore for dash": (post(b"{}", b"Content_Length: 9", b"Content-Length: 2"), REFUSED),
    # Targets
    "absolute form": (get(b"http://hub/health/live"), OK),
    "absolute form of another host": (get(b"http://evil/health/live"), ANY),
    "absolute form without a path": (get(b"http://hub"), ANY),
    "absolute form with a login": (get(b"http://a:b@hub/health/live"), ANY),
    "absolute form, other scheme": (get(b"gopher://hub/health/live"), ANY),
    "authority form": (b"CONNECT hub:443 HTTP/1.1\r\nHost: hub\r\n\r\n", REFUSED),
    "authority form of a GET": (get(b"hub:443"), REFUSED),
    "asterisk form": (b"OPTIONS * HTTP/1.1\r\nHost: hub\r\n\r\n", ANY),
    "asterisk form of a GET": (get(b"*"), REFUSED),
    "empty target": (b"GET  HTTP/1.1\r\nHost: hub\r\n\r\n", BAD),
    "relative target": (get(b"health/live"), BAD),
    "space in the target": (get(b"/health/live x"), BAD),
    "tab in the target": (get(b"/health/\tlive"), BAD),
    "NUL in the target": (get(b"/health/live\0"), BAD),
    "raw UTF-8 in the target": (get("/health/ключ".encode()), REFUSED),
    "fragment": (get(b"/health/live#x"), ANY),
    "encoded NUL": (get(b"/health/live%00"), REFUSED),
    "encoded line break": (get(b"/health/live%0d%0aX-Forged:%20yes"), REFUSED),
    "encoded slash": (get(b"/health%2flive"), ANY),
    "encoded unicode": (get(b"/%e2%80%ae/%f0%9f%92%a9"), REFUSED),
    "encoded broken UTF-8": (get(b"/%ff%fe/%c0%af"), REFUSED),
    "encoded surrogate": (get(b"/%ed%a0%80"), REFUSED),
    "broken encoding": (get(b"/%zz/%/%4"), REFUSED),
    "double slash": (get(b"//health/live"), ANY),
    "two slashes and a host": (get(b"//evil/health/live"), REFUSED),
    "traversal": (get(b"/../../../../etc/passwd"), REFUSED),
    "encoded traversal": (get(b"/schema/%2e%2e/%2e%2e/%2e%2e/etc/passwd"), REFUSED),
    "double-encoded traversal": (get(b"/schema/%252e%252e/etc/passwd"), REFUSED),
    "backslash traversal": (get(b"/schema/..\\..\\etc\\passwd"), REFUSED),
    "placeholder": (get(b"/{path:path}"), REFUSED),
    "path of 30 KiB": (get(b"/" + b"a" * 30_000), REFUSED),
    "path of 10,000 segments": (get(b"/a" * 10_000), REFUSED),
    "query of 30 KiB": (get(b"/health/live?" + b"a=b&" * 7_500), OK),
    "query of 30 KiB for a stream": (get(b"/sse?" + b"token=b&" * 3_700), REFUSED),
    "query of 30 KiB without a token for a stream": (get(b"/sse?" + b"a=b&" * 7_500), REFUSED),
    "question marks": (get(b"/health/live" + b"?" * 20_000), OK),
    # Upgrades
    "h2c": (
        get(
            b"/health/live",
            b"Connection: Upgrade, HTTP2-Settings",
            b"Upgrade: h2c",
            b"HTTP2-Settings: AAMAAABkAAQAAP__",
        ),
        OK,
    ),
    "unknown upgrade": (get(b"/health/live", b"Connection: Upgrade", b"Upgrade: evil/9"), OK),
    "websocket at another path": (get(b"/health/live", *WEBSOCKET, KEY), REFUSED),
    "websocket without a credential": (get(b"/ws", *WEBSOCKET, KEY), REFUSED),
    "websocket without a key": (get(b"/ws", *WEBSOCKET), REFUSED),
    "websocket with a bad key": (get(b"/ws", *WEBSOCKET, b"Sec-WebSocket-Key: x"), REFUSED),
    "websocket with two keys": (get(b"/ws", *WEBSOCKET, KEY, KEY), REFUSED),
    "websocket of version 8": (get(b"/ws", *WEBSOCKET[:2], b"Sec-WebSocket-Version: 8", KEY), REFUSED),
    "websocket without a version": (get(b"/ws", *WEBSOCKET[:2], KEY), REFUSED),
    "websocket by POST": (get(b"/ws", *WEBSOCKET, KEY).replace(b"GET", b"POST"), REFUSED),
    "websocket in HTTP/1.0": (get(b"/ws", *WEBSOCKET, KEY, version=b"HTTP/1.0"), REFUSED),
    "websocket with a body": (get(b"/ws", *WEBSOCKET, KEY, b"Content-Length: 2") + b"{}", REFUSED),
    "websocket with chunks": (get(b"/ws", *WEBSOCKET, KEY, b"Transfer-Encoding: chunked") + b"0\r\n\r\n", REFUSED),
    "websocket with 500 headers": (get(b"/ws", *WEBSOCKET, KEY, *[b"X: y"] * 500), REFUSED),
    "websocket with a header of 9 KiB": (get(b"/ws", *WEBSOCKET, KEY, b"X: " + b"y" * 9_000), REFUSED),
    "websocket with a query of 9 KiB": (get(b"/ws?token=" + b"x" * 9_000, *WEBSOCKET, KEY), REFUSED | {414}),
    "websocket without upgrade": (get(b"/ws"), REFUSED),
    "websocket with 1,000 subprotocols": (
        get(b"/ws", *WEBSOCKET, KEY, b"Sec-WebSocket-Protocol: " + b"a," * 1_000 + b"b"),
        REFUSED,
    ),
    "websocket with an odd subprotocol": (get(b"/ws", *WEBSOCKET, KEY, b'Sec-WebSocket-Protocol: ,;"='), REFUSED),
    "websocket with odd extensions": (
        get(b"/ws", *WEBSOCKET, KEY, b'Sec-WebSocket-Extensions: permessage-deflate; =;"\\'),
        REFUSED,
    ),
    "websocket with latin-1": (get(b"/ws?token=\xe9", *WEBSOCKET, KEY), REFUSED),
    "websocket with a foreign origin": (get(b"/ws", *WEBSOCKET, KEY, b"Origin: https://evil.example"), REFUSED),
    "websocket with raw latin-1 header": (get(b"/ws", *WEBSOCKET, KEY, b"X: \xe9\xff"), REFUSED),
    "websocket with two Hosts": (get(b"/ws", *WEBSOCKET, KEY, b"Host: evil"), BAD),
    "stream by POST": (get(b"/sse").replace(b"GET", b"POST"), REFUSED),
    "stream with two last event ids": (get(b"/sse", b"Last-Event-ID: a", b"Last-Event-ID: b"), REFUSED),
}

#: The handshake is refused by the library; the answer to a HEAD has no body.
WITHOUT_PROBLEM = {"HEAD", *(name for name in REQUESTS if name.startswith("websocket"))}


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
                if answer.status >= 400 and not is_problem(answer.body) and name not in WITHOUT_PROBLEM:
                    wrong.append(f"{name}: {answer.status} without a problem: {answer.body[:80]!r}")
        # Who goes on sending what was refused may lose the answer to a reset.
        if answers[0] not in allowed or answers[1] not in {*allowed, 0 if 400 in allowed else None}:
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


def is_problem(body: bytes) -> bool:
    """Whether an error's body says what it is."""
    try:
        problem = json.loads(body)
    except ValueError:
        return False
    return bool(problem.get("code")) and not {"traceback", "extra"} & problem.keys()


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


@pytest.mark.parametrize("count", [1_000, 200_000])
async def test_too_many_headers_are_refused(hub: RunningHub, count: int) -> None:
    """What goes beyond 32 KiB is answered 431, however small each header is."""
    async with Wire(hub.port) as wire:
        await wire.send(get(b"/health/live", *[b"Some-Header: %06d" % number for number in range(count)]))
        # The answer may be lost where the kernel resets what it had not read.
        assert (await wire.response()).status in ({200} if count < 1_300 else {431, 0})


SILENCES = {
    "nothing at all": (b"", b""),
    "half a request line": (b"GET /hea", b""),
    "half a header": (get()[:-3], b""),
    "a byte now and then": (b"GET /health/live HTTP/1.1\r\nX: ", b"a"),
    "a header now and then": (b"GET /health/live HTTP/1.1\r\n", b"X: y\r\n"),
    "line breaks now and then": (b"", b"\r\n"),
    "a second request that stops": (get() + b"GET /health", b""),
    "a second request, a byte now and then": (get() + b"GET /health/live HTTP/1.1\r\nX: ", b"a"),
    "line breaks after a request": (get(), b"\r\n"),
    "a body nobody reads, half": (post(b"{", b"Content-Length: 99"), b""),
    "a body nobody reads, now and then": (post(b"{", b"Content-Length: 99999"), b" "),
    "a body nobody reads, late": (post(b"", b"Content-Length: 2"), b"{}"),
    "a body of a GET, now and then": (get(b"/health/live", b"Content-Length: 99999"), b"a"),
    "chunks now and then": (chunked(b""), b"1\r\na\r\n"),
    "half an upgrade": (get(b"/ws", *WEBSOCKET, KEY)[:-2], b""),
}


async def test_silent_and_slow_peers_are_not_kept(hub: RunningHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends nothing, or a byte now and then, is gone after the deadline, in every state of a connection."""
    monkeypatch.setattr(http_protocol, "HEAD_TIMEOUT_S", 0.5)
    hub.server.config.timeout_keep_alive = 1
    kept = [
        name
        for name, left in zip(
            SILENCES, await asyncio.gather(*map(linger, [hub] * len(SILENCES), SILENCES.values())), strict=True
        )
        if not left
    ]
    assert [] == kept


async def linger(hub: RunningHub, silence: tuple[bytes, bytes]) -> bool:
    """Send the beginning, then a drop every 50 ms; whether the hub ended the connection in three seconds."""
    beginning, drop = silence
    deadline_s = time.monotonic() + 3
    async with Wire(hub.port) as wire:
        await wire.send(beginning)
        ended = asyncio.create_task(wire.rest())
        while not ended.done() and time.monotonic() < deadline_s:
            if drop:
                await wire.send(drop)
            await asyncio.wait({ended}, timeout=0.05)
        left = ended.done()
        ended.cancel()
        return left


async def test_half_a_body_is_answered_408(hub: RunningHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that does not come, or drips, is answered 408 in its time, and the connection is closed."""
    monkeypatch.setattr(api_request, "BODY_TIMEOUT_S", 0.4)
    bearer = b"Authorization: Bearer " + hub.key.encode()
    for head in (
        post(b"{", bearer, b"Content-Length: 90"),
        chunked(b"1\r\n{\r\n").replace(b"Host", bearer + b"\r\nHost"),
    ):
        for drips in (False, True):
            async with Wire(hub.port) as wire:
                await wire.send(head)
                answered = asyncio.create_task(wire.response())
                while not answered.done():
                    await asyncio.wait({answered}, timeout=0.1)
                    if drips and not answered.done():
                        await wire.send(b"1\r\n \r\n" if b"chunked" in head else b" ")
                answer = await answered
                assert (408, "close") == (answer.status, answer.headers["connection"])
                assert "request_timeout" == json.loads(answer.body)["code"]
                assert b"" == await wire.rest()


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
