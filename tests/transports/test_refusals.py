"""One failure has one answer, whichever door it came to: the same problem and the same headers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.attacks.wire import Answer, Wire
from tests.harness import RunningHub, run_hub

HANDSHAKE = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
ORIGIN = b"https://app.avelarcompany.com.br"
#: What differs for a reason: a refused handshake ends its connection, a length follows the body, a date the clock.
APART = {"connection", "content-length", "date", "vary"}


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[RunningHub]:
    """A hub."""
    async with run_hub(tmp_path) as hub:
        yield hub


async def ask(hub: RunningHub, path: bytes, *lines: bytes, method: bytes = b"GET", handshake: bool = False) -> Answer:
    """Return the answer to a request, or to a handshake, with these header lines."""
    head = b"".join(line + b"\r\n" for line in (b"Host: hub", *lines))
    async with Wire(hub.port) as wire:
        await wire.send(b"%b %b HTTP/1.1\r\n%b%b\r\n" % (method, path, head, HANDSHAKE if handshake else b""))
        return await wire.response(head=method == b"HEAD")


def told(answer: Answer) -> tuple[int, dict[str, str], bytes]:
    """Return what must be the same."""
    return answer.status, {name: value for name, value in answer.headers.items() if name not in APART}, answer.body


async def test_no_credential_is_answered_alike_everywhere(hub: RunningHub) -> None:
    """WebSocket, events, polling: 401, the problem and `WWW-Authenticate`."""
    answers = [
        await ask(hub, b"/ws", handshake=True),
        *[await ask(hub, path) for path in (b"/sse", b"/poll")],
        await ask(hub, b"/api/ticket", b"Content-Length: 0", method=b"POST"),
    ]
    assert [told(answers[0])] * 4 == [told(answer) for answer in answers]
    assert (401, "Bearer", "no-store") == (
        answers[0].status,
        answers[0].headers["www-authenticate"],
        answers[0].headers["cache-control"],
    )


async def test_a_restart_is_answered_alike_everywhere(hub: RunningHub) -> None:
    """WebSocket, events, polling: 503, the problem and the same `Retry-After`."""
    hub.hub.connections.draining = True
    answers = [await ask(hub, b"/ws", handshake=True), await ask(hub, b"/sse"), await ask(hub, b"/poll")]
    assert [told(answers[0])] * 3 == [told(answer) for answer in answers]
    assert (503, "5") == (answers[0].status, answers[0].headers["retry-after"])


async def test_a_page_may_read_why(hub: RunningHub) -> None:
    """The origin of an allowed page is named on every refusal, a handshake's too; another's is not."""
    for path, handshake in ((b"/ws", True), (b"/ws", False), (b"/sse", False), (b"/poll", False)):
        answer = await ask(hub, path, b"Origin: " + ORIGIN, handshake=handshake)
        assert ORIGIN.decode() == answer.headers["access-control-allow-origin"]
        answer = await ask(hub, path, b"Origin: https://evil.example", handshake=handshake)
        assert (403, "origin_not_allowed") == (answer.status, json.loads(answer.body)["code"])
        assert "access-control-allow-origin" not in answer.headers


async def test_a_plain_request_for_ws_is_told_what_it_is(hub: RunningHub) -> None:
    """RFC 9110 section 15.5.22: 426 with `Upgrade`; RFC 6455 section 4.4: and with the version, on a wrong one too."""
    plain = await ask(hub, b"/ws")
    old = await ask(
        hub, b"/ws", b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 8", b"Sec-WebSocket-Key: x"
    )
    for answer in (plain, old):
        assert (426, "upgrade_required") == (answer.status, json.loads(answer.body)["code"])
        assert ("websocket", "13") == (answer.headers["upgrade"], answer.headers["sec-websocket-version"])
        assert "upgrade" in answer.headers["connection"]
    assert (426, b"") == ((head := await ask(hub, b"/ws", method=b"HEAD")).status, head.body)
    assert (405, "GET, HEAD, OPTIONS") == (
        (post := await ask(hub, b"/ws", method=b"PUT")).status,
        post.headers["allow"],
    )
    assert 204 == (await ask(hub, b"/ws", method=b"OPTIONS")).status


async def test_a_handshake_elsewhere_is_not_found(hub: RunningHub) -> None:
    """Where there is no WebSocket the problem says so, in full."""
    answer = await ask(hub, b"/other", handshake=True)
    assert (404, "not_found") == (answer.status, json.loads(answer.body)["code"])


async def test_a_head_is_answered_like_a_get(hub: RunningHub) -> None:
    """The same status and headers, no body, and no stream is opened."""
    bearer = b"Authorization: Bearer " + hub.token().encode()
    key = b"Authorization: Bearer " + hub.key.encode()
    for path, line in (
        (b"/health/live", b"X: y"),
        (b"/health/ready", b"X: y"),
        (b"/schema", b"X: y"),
        (b"/schema/openapi.json", b"X: y"),
        (b"/metrics", key),
        (b"/api/internal/ws-stats", key),
        (b"/poll", bearer),
        (b"/sse", b"X: y"),
        (b"/nothing", b"X: y"),
        (b"/api/internal/notify", b"X: y"),
    ):
        read, head = await ask(hub, path, line), await ask(hub, path, line, method=b"HEAD")
        assert (read.status, b"") == (head.status, head.body), path
        assert {*read.headers} == {*head.headers}, path
        assert read.headers["content-type"] == head.headers["content-type"], path
    stream = await ask(hub, b"/sse", bearer, method=b"HEAD")
    assert (200, "text/event-stream; charset=utf-8") == (stream.status, stream.headers["content-type"])
    assert 0 == len(hub.hub.subscribers)
    assert 0 == hub.hub.metrics.connects.total()


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        (b"DELETE", b"/health/live", "GET, HEAD, OPTIONS"),
        (b"GET", b"/api/internal/notify", "OPTIONS, POST"),
        (b"GET", b"/api/internal/disconnect", "OPTIONS, POST"),
        (b"POST", b"/schema", "GET, HEAD, OPTIONS"),
        (b"PUT", b"/ws", "GET, HEAD, OPTIONS"),
        (b"POST", b"/sse", "GET, HEAD, OPTIONS"),
        (b"POST", b"/poll", "GET, HEAD, OPTIONS"),
        (b"CONNECT", b"hub:443", "GET, HEAD, OPTIONS"),
        (b"FOO", b"/health/live", "GET, HEAD, OPTIONS"),
        (b"get", b"/health/live", "GET, HEAD, OPTIONS"),
    ],
)
async def test_another_method_is_told_which_are_allowed(
    hub: RunningHub, method: bytes, path: bytes, allow: str
) -> None:
    """RFC 9110 section 15.5.6: 405 with `Allow`, on every route; a HEAD is allowed wherever a GET is."""
    answer = await ask(hub, path, b"Content-Length: 0", method=method)
    assert (405, allow, "method_not_allowed") == (
        answer.status,
        answer.headers["allow"],
        json.loads(answer.body)["code"],
    )


async def test_options_names_the_methods(hub: RunningHub) -> None:
    """RFC 9110 section 9.3.7: `Allow` names the same methods as a 405 does, for the whole server too."""
    for path, allow in (
        (b"*", "GET, HEAD, OPTIONS"),
        (b"/", "GET, HEAD, OPTIONS"),
        (b"/health/live", "GET, HEAD, OPTIONS"),
        (b"/metrics", "GET, HEAD, OPTIONS"),
        (b"/api/ticket", "OPTIONS, POST"),
        (b"/api/internal/notify", "OPTIONS, POST"),
        *[(path, "GET, HEAD, OPTIONS") for path in (b"/ws", b"/sse", b"/poll")],
    ):
        answer = await ask(hub, path, method=b"OPTIONS")
        assert (204, allow) == (answer.status, answer.headers["allow"]), path


async def test_a_stray_refusal_of_the_parser_has_its_own_code(hub: RunningHub) -> None:
    """A URL that is too long, headers that are, a coding nobody knows: each is told by its own status and code."""
    long = b"a" * 40_000
    for request, expected in (
        (b"GET /%b HTTP/1.1\r\nHost: hub\r\n\r\n" % long, (414, "uri_too_long")),
        (b"GET / HTTP/1.1\r\nHost: hub\r\nX: %b\r\n\r\n" % long, (431, "headers_too_large")),
        (
            b"POST / HTTP/1.1\r\nHost: hub\r\nTransfer-Encoding: br, chunked\r\n\r\n0\r\n\r\n",
            (501, "unsupported_transfer_coding"),
        ),
        (b"nonsense\r\n\r\n", (400, "bad_request")),
    ):
        async with Wire(hub.port) as wire:
            await wire.send(request)
            answer = await wire.response()
            assert (*expected, "close") == (
                answer.status,
                json.loads(answer.body)["code"],
                answer.headers["connection"],
            )
            assert b"" == await wire.rest()
