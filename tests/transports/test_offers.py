"""Requests that offer another protocol than HTTP/1.1 are served as they are (RFC 9110 section 7.8), body and all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.attacks.wire import Wire
from tests.harness import ACCOUNT, USER, RunningHub, run_hub

BODY = json.dumps(
    {"type": "cart_updated", "title": "t", "message": "m", "user_id": USER, "account_id": ACCOUNT}
).encode()
AS_A_WHOLE = b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
IN_CHUNKS = b"Transfer-Encoding: chunked\r\n\r\n7\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (BODY[:7], len(BODY) - 7, BODY[7:])
LIVE = b"GET /health/live HTTP/1.1\r\nHost: hub\r\n\r\n"

#: The offers as Java 17's HttpClient and curl 7.88 write them, and others that a server may meet.
OFFERS = {
    "Java": b"Connection: Upgrade, HTTP2-Settings\r\n"
    b"HTTP2-Settings: AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAAAAUAAEAAAAYABgAA\r\nUpgrade: h2c\r\n"
    b"User-Agent: Java-http-client/17.0.15\r\n",
    "curl": b"User-Agent: curl/7.88.1\r\nAccept: */*\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    b"HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n",
    "curl, and it waits for a 100": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    b"HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\nExpect: 100-continue\r\n",
    "a list": b"Connection: keep-alive , Upgrade\r\nUpgrade: h2c, websocket\r\n",
    "two lines and empty elements": b"Connection: , keep-alive\r\nConnection: upgrade ,\r\n"
    b"Upgrade: ,h2c\r\nUpgrade:\r\n",
    "TLS/1.0": b"Connection: upgrade\r\nUpgrade: TLS/1.0\r\n",
    "nobody knows it": b"Connection: Upgrade\r\nUpgrade: evil/9\r\n",
    "websocket, with a POST": b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
}


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[RunningHub]:
    """A hub."""
    async with run_hub(tmp_path) as hub:
        yield hub


def publish(hub: RunningHub, offer: bytes, body: bytes) -> bytes:
    """Return a publish with these further header lines; `body` begins with its framing."""
    return (
        b"POST /api/internal/notify HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer %b\r\n"
        b"Content-Type: application/json\r\n%b%b" % (hub.key.encode(), offer, body)
    )


@pytest.mark.parametrize("body", [AS_A_WHOLE, IN_CHUNKS], ids=["whole", "chunked"])
@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
async def test_the_body_is_kept(hub: RunningHub, offer: bytes, body: bytes) -> None:
    """In one packet, in two, and byte by byte: the publish is accepted, and the next request on the connection too."""
    request = publish(hub, offer, body)
    head = request.index(b"\r\n\r\n") + 4
    for pieces in (
        [request + LIVE],
        [request[:head], request[head:], LIVE],
        [bytes([byte]) for byte in request + LIVE],
    ):
        async with Wire(hub.port) as wire:
            for piece in pieces:
                await wire.send(piece)
                await asyncio.sleep(0)
            statuses = []
            while 200 not in statuses:
                statuses.append((await wire.response()).status)
            assert [202, 200] == [status for status in statuses if status != 100]


async def test_offers_in_a_row(hub: RunningHub) -> None:
    """A packet full of requests with offers, among others without: each is answered, in order."""
    offering = publish(hub, OFFERS["Java"], AS_A_WHOLE)
    get = LIVE.replace(b"Host", b"Connection: Upgrade\r\nUpgrade: x\r\nHost")
    async with Wire(hub.port) as wire:
        await wire.send(offering + LIVE + offering + get * 300 + publish(hub, b"", AS_A_WHOLE))
        statuses = [(await wire.response()).status for _ in range(304)]
    assert [202, 200, 202, *[200] * 300, 202] == statuses


async def test_an_offer_of_http_1_0_is_passed_over(hub: RunningHub) -> None:
    """An HTTP/1.0 client cannot upgrade, whatever it offers: it is told what `/ws` is for."""
    handshake = (
        b"GET /ws HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    async with Wire(hub.port) as wire:
        await wire.send(handshake)
        assert 426 == (await wire.response()).status


async def test_a_websocket_among_other_offers_is_opened(hub: RunningHub) -> None:
    """`Upgrade: h2c, websocket` with a proper key is a handshake, however the lists are written."""
    async with Wire(hub.port) as wire:
        await wire.send(
            b"GET /ws?token=%b HTTP/1.1\r\nHost: hub\r\nConnection: keep-alive,,Upgrade\r\nUpgrade: h2c\r\n"
            b"Upgrade: , WebSocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            b"Sec-WebSocket-Protocol:\r\nSec-WebSocket-Protocol: , hub.v1 ,\r\n\r\n" % hub.token().encode()
        )
        answer = await wire.response()
    assert (101, "hub.v1") == (answer.status, answer.headers["sec-websocket-protocol"])


async def test_a_request_whose_head_was_refused_is_not_read_again(hub: RunningHub) -> None:
    """An offer does not get a bad request past its judges, and what follows is not read as a request."""
    bad = publish(hub, OFFERS["Java"] + b"Host: evil\r\n", AS_A_WHOLE)
    async with Wire(hub.port) as wire:
        await wire.send(bad + LIVE)
        answers = await wire.rest()
    assert answers.startswith(b"HTTP/1.1 400 ")
    assert 1 == answers.count(b"HTTP/1.1 ")


async def test_a_body_that_nobody_asked_for_is_no_request(hub: RunningHub) -> None:
    """Answered without a `100 Continue`, a client may send the body or not; so the connection ends there."""
    asking = publish(hub, b"Expect: 100-continue\r\n", AS_A_WHOLE).replace(hub.key.encode(), b"unknown")
    head, _, _ = asking.partition(b"\r\n\r\n")
    for what_follows in (b"", BODY, LIVE):
        async with Wire(hub.port) as wire:
            await wire.send(head + b"\r\n\r\n")
            answer = await wire.response()
            assert (401, "close") == (answer.status, answer.headers["connection"])
            await wire.send(what_follows)
            assert b"" == await wire.rest()


async def test_an_expectation_of_http_1_0_is_passed_over(hub: RunningHub) -> None:
    """RFC 9110 section 10.1.1: a client of HTTP/1.0 would take the `100 Continue` for its response."""
    asking = publish(hub, b"Expect: 100-continue\r\n", AS_A_WHOLE).replace(b" HTTP/1.1", b" HTTP/1.0")
    async with Wire(hub.port) as wire:
        await wire.send(asking)
        assert (await wire.rest()).startswith(b"HTTP/1.1 202 ")


async def test_an_expectation_without_a_body_does_not_end_the_connection(hub: RunningHub) -> None:
    """Nothing is to come behind such a request, so the next one can follow."""
    async with Wire(hub.port) as wire:
        for _ in range(2):
            await wire.send(LIVE.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
            assert 200 == (await wire.response()).status
