"""A connection that the edge hands to a handler past ASGI, and one that the application serves, are the same bytes."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import msgspec
import pytest

from hub.delivery.subscribers import Subscriber
from tests.attacks.wire import Wire
from tests.edge.test_direct import be_application, run_both
from tests.harness import ACCOUNT, USER, RunningHub, run_hub

#: What is never the same twice: ids, epochs of a log, moments, and pings, which come at moments.
CHANGING = re.compile(
    rb'(?<="connectionId":")[\w-]+|(?<=")[a-z0-9]{10}(?=-)|(?<=id: )[a-z0-9]{10}(?=-)|\d{4}-\d\d-\d\dT[\d:.]+Z'
    rb"|(?<=\r\ndate: )[^\r]+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\x89\x08.{8}",
    re.DOTALL,
)
UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
NEW = f"{UPGRADE}Sec-WebSocket-Protocol: hub.v1\r\n"
#: A client's close frame, masked with zeros: 1000.
CLOSE = b"\x88\x82\0\0\0\0\x03\xe8"
DEFLATED = f"{UPGRADE}Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"


class Case(msgspec.Struct, frozen=True):
    """A request with `{token}` and `{cursor}` in it, and what its client says once it is served.

    `direct`: a handler serves it. `heard`: whether the hub has done what was said.
    """

    name: str
    target: str
    fields: str = ""
    method: str = "GET"
    version: str = "1.1"
    says: Sequence[object] = ()
    heard: Callable[[Subscriber], bool] = lambda _: True
    served: bool = True
    direct: bool = True


CASES = [
    Case("hub.v1", "/ws?token={token}", NEW),
    Case("a slash at the end", "/ws/?token={token}", NEW),
    Case("a deployed frontend", "/ws?token={token}", UPGRADE),
    Case("a deployed frontend that compresses", "/ws?token={token}", DEFLATED),
    Case("a token in the header", "/ws", f"{NEW}Authorization: Bearer {{token}}\r\n"),
    Case("a page", "/ws?token={token}", f"{NEW}Origin: https://app.avelarcompany.com.br\r\n"),
    Case("what was missed", "/ws?token={token}&cursor={cursor}", NEW),
    Case("a cursor of another log", "/ws?token={token}&cursor=aaaaaaaaaa-5", NEW),
    Case("signals in the query", "/ws?token={token}&signals=orders:updated", NEW),
    Case(
        "signals later",
        "/ws?token={token}",
        NEW,
        says=[{"type": "listen", "signals": ["a:b"]}, {"type": "listen", "signals": ["orders:updated"]}],
        heard=lambda subscriber: subscriber.signals == {"orders:updated"},
    ),
    Case(
        "another token",
        "/ws?token={token}",
        NEW,
        says=[{"type": "auth", "token": "{later}"}, {"type": "listen", "signals": ["c:d"]}],
        heard=lambda subscriber: subscriber.signals == {"c:d"},
    ),
    Case("something else said by an old client", "/ws?token={token}", UPGRADE, says=[{"type": "no"}]),
    Case("an event stream", "/sse?token={token}"),
    Case("an event stream with a slash", "/sse/?token={token}"),
    Case("an event stream that missed something", "/sse?token={token}", "Last-Event-ID: {cursor}\r\n"),
    Case("an event stream of HTTP/1.0", "/sse?token={token}", version="1.0"),
    Case("an event stream of a page", "/sse?token={token}", "Origin: https://app.avelarcompany.com.br\r\n"),
    Case("an event stream with a body", "/sse?token={token}", "Content-Length: 0\r\n"),
    Case("a token of another secret", "/ws?token={forged}", NEW, served=False),
    Case("a token of another secret, old", "/ws?token={forged}", UPGRADE, served=False),
    Case("no token", "/ws", NEW, served=False),
    Case("another page", "/ws?token={token}", f"{UPGRADE}Origin: https://evil.example\r\n", served=False),
    Case("no cursor", "/ws?token={token}&cursor=x", NEW, served=False),
    Case("no signal", "/ws?token={token}&signals=*", NEW, served=False),
    Case("no place in the hub", "/ws?token={other}", NEW, served=False),
    Case("no token for a stream", "/sse", served=False),
    Case("a stream for another page", "/sse?token={token}", "Origin: https://evil.example\r\n", served=False),
    Case("no cursor of a stream", "/sse?token={token}", "Last-Event-ID: x\r\n", served=False),
    Case("no place for a stream", "/sse?token={other}", served=False),
    Case("a head of a stream", "/sse?token={token}", method="HEAD", served=False),
    Case("a post to a stream", "/sse?token={token}", method="POST", served=False),
    Case("options of a stream", "/sse", "Origin: https://app.avelarcompany.com.br\r\n", "OPTIONS", served=False),
]


def text_frame(said: object) -> bytes:
    """Return a client's frame with this JSON, masked with zeros."""
    text = msgspec.json.encode(said)
    return b"\x81\xfe" + len(text).to_bytes(2, "big") + bytes(4) + text


async def serve(hub: RunningHub, case: Case, cursor: str, later: str) -> bytes:
    """Return all bytes of a connection: it is greeted, says something, gets a notification and is ended by the hub."""
    values = {"token": hub.token(), "later": later, "cursor": cursor, "forged": f"{hub.token()[:-4]}AAAA"}
    values["other"] = hub.token("00000000002")
    lines = f"{case.method} {case.target} HTTP/{case.version}\r\nHost: hub\r\n{case.fields}".format(**values)
    close = "" if "Upgrade" in case.fields else "Connection: close\r\n"
    async with Wire(hub.port) as wire, Wire(hub.port) as holder:
        if "other" in case.target:
            await holder.send(f"GET /sse?token={hub.token()} HTTP/1.1\r\nHost: hub\r\n\r\n".encode())
            await hub.wait_until(lambda: len(hub.hub.subscribers) == 1)
        await wire.send(f"{lines}{close}\r\n".encode())
        if case.served:
            await hub.wait_until(lambda: len(hub.hub.subscribers) == 1)
            (subscriber,) = hub.hub.subscribers.everyone()
            for said in case.says:
                await wire.send(
                    text_frame(msgspec.json.decode(msgspec.json.encode(said).replace(b"{later}", later.encode())))
                )
            await hub.wait_until(lambda: case.heard(subscriber))
            await hub.publish(title=case.name)
            tasks, is_direct = hub.server.server_state.tasks, case.direct and bool(hub.hub.handlers.websockets)
            await hub.wait_until(lambda: is_direct == (not tasks))
            await hub.post("/api/internal/disconnect", {"account_id": ACCOUNT})
            await hub.wait_until(lambda: len(hub.hub.subscribers) == 0)
            if "Upgrade" in case.fields:
                await wire.send(CLOSE)
        received = await wire.rest()
    await hub.wait_until(lambda: len(hub.hub.subscribers) == 0)
    return CHANGING.sub(b"", received)


async def test_both_ways_send_the_same_bytes(tmp_path: Path) -> None:
    """Handshakes, greetings, replays, notifications, refusals and ends, and what is counted of them."""
    found: list[list[object]] = []
    async with run_both(tmp_path, max_connections=1, max_connections_per_user=1) as hubs:
        for hub in hubs:
            cursor = (await hub.publish()).json()["cursor"]
            later = hub.token(ttl_s=7_200)
            found.append([(case.name, await serve(hub, case, cursor, later)) for case in CASES])
            metrics = hub.hub.metrics
            counters = (metrics.connects, metrics.closes, metrics.refusals, metrics.resumes, metrics.deliveries)
            found[-1] += [Counter(each) for each in counters]
            found[-1] += [metrics.replayed, [sum(each.counts) for each in metrics.handshake.values()]]
    for direct, application in zip(*found, strict=True):
        assert direct == application


async def test_messages_behind_one_that_waits_keep_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are heard after it, a few of them are kept, and a packet beyond the bound ends the connection."""
    async with run_hub(tmp_path) as hub:
        renew, may_renew = hub.hub.connections.renew, asyncio.Event()

        async def renew_later(subscriber: Subscriber, token: str) -> None:
            await may_renew.wait()
            await renew(subscriber, token)

        monkeypatch.setattr(hub.hub.connections, "renew", renew_later)
        later = text_frame({"type": "auth", "token": hub.token(ttl_s=7_200)})
        async with hub.websocket() as websocket, hub.websocket() as flooding:
            first, second = hub.hub.subscribers.everyone()
            listening = [text_frame({"type": "listen", "signals": [f"a:{number}"]}) for number in range(12)]
            websocket.connection.transport.write(b"".join([later, *listening, later]))
            flooding.connection.transport.write(later + text_frame({"type": "listen", "signals": ["x" * 9_000]}) * 4)
            assert 1006 == await flooding.wait_closed()
            await hub.wait_until(lambda: len(hub.hub.subscribers) == 1)
            assert not first.signals
            may_renew.set()
            assert ["auth_accepted"] * 2 == [(await websocket.frame())["type"] for _ in range(2)]
            assert {"a:11"} == first.signals
            assert not second.signals


@pytest.mark.parametrize("target", ["/ws", "/sse"])
async def test_a_handler_that_fails_leaves_the_connection_to_the_application(
    tmp_path: Path, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it has begun; afterwards the connection ends, and nothing of it stays."""

    def fail(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    async with run_hub(tmp_path) as hub:
        for handlers in (hub.hub.handlers.websockets, hub.hub.handlers.streams):
            cast("dict[str, object]", handlers).update(dict.fromkeys(handlers, fail))
        async with hub.websocket() if target == "/ws" else hub.events():
            assert hub.server.server_state.tasks
    async with run_hub(tmp_path) as hub:
        monkeypatch.setattr(hub.hub.connections, "serve_nowait", fail)
        async with Wire(hub.port) as wire:
            fields = NEW if target == "/ws" else ""
            await wire.send(f"GET {target}?token={hub.token()} HTTP/1.1\r\nHost: hub\r\n{fields}\r\n".encode())
            assert b"connection_established" in await wire.rest()
        await hub.wait_until(lambda: not hub.server.server_state.connections)
        assert 0 == len(hub.hub.subscribers)


async def test_a_replay_has_a_task_as_long_as_it_lasts(hub: RunningHub) -> None:
    """Nobody waits for a connection that is live: it has no task, whatever it missed before."""
    cursor = (await hub.publish()).json()["cursor"]
    for number in range(300):
        await hub.publish(title=str(number), user_id=USER, account_id=ACCOUNT)
    async with hub.websocket(cursor=cursor) as websocket, hub.events(last_event_id=cursor) as events:
        assert [str(number) for number in range(300)] == [(await websocket.frame())["title"] for _ in range(300)]
        assert "299" == (await events.frames(300))[-1]["title"]
        await hub.wait_until(lambda: not hub.hub.delivery.catch_up._tasks)
        assert not hub.server.server_state.tasks


async def test_application_mode_serves_messages_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the application serves, a message waits for the replay before it, and the same bound holds."""
    async with run_hub(tmp_path) as hub:
        be_application(hub)
        may_serve = asyncio.Event()

        async def serve_later(_: Subscriber) -> None:
            await may_serve.wait()

        monkeypatch.setattr(hub.hub.connections, "serve", serve_later)
        async with hub.websocket() as websocket:
            websocket.connection.transport.write(text_frame({"type": "listen", "signals": ["x" * 9_000]}) * 4)
            assert 1006 == await websocket.wait_closed()
            await hub.wait_until(lambda: len(hub.hub.subscribers) == 0)
        may_serve.set()
