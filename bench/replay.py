"""How long a client that was away waits for what it missed, and what that costs."""

from __future__ import annotations

import socket
import statistics
import time
from collections.abc import Iterator, Sequence

from bench.figure import Budget, Figures
from bench.hub import HUB_PUBLISH_PATH
from bench.notice import ACCOUNT, batch_body, user_id
from bench.plan import Plan
from bench.process import read_cpu_s
from bench.request import post_all
from bench.running import Contestant, Running
from bench.transport import TRANSPORTS

__all__ = ["MISSED", "catch_up", "measure_replay", "request_stream"]

MISSED = 1_000
BATCH = 1_000
OTHERS = 1_000
TRIES = 5
DEADLINE_S = 60.0
#: What the peers keep besides: one for another user between each two.
PEERS_RECORDS = 2 * MISSED


def measure_replay(figures: Figures, contestants: Sequence[Contestant], plan: Plan) -> None:
    """Let one user miss 1,000 notifications, spread over those for others."""
    for transport in TRANSPORTS:
        for contestant in contestants:
            if not contestant.is_core or transport not in contestant.transports:
                continue
            try:
                _measure_one(figures, contestant, transport, plan)
            except (RuntimeError, OSError) as error:
                figures.warn(f"{contestant.name}, {TRANSPORTS[transport]}, replay: {error}")


def _measure_one(figures: Figures, contestant: Contestant, transport: str, plan: Plan) -> None:
    who, name = contestant.name, TRANSPORTS[transport]
    with contestant.start(transport, 2) as running:
        if running.leave is None or running.person is None:
            return
        path = running.leave()
        of = _fill_hub(running, plan) if who == "hub" else _fill_peer(running)
        what = f"{name}: replay of {MISSED:,} missed (hub: of {plan.replay_records:,})"
        waits_ms, costs_ms = [], []
        for _ in range(TRIES):
            before_s = read_cpu_s(running.pid)
            waits_ms.append(catch_up(running.port, transport, path) * 1e3)
            # The rest of the work, such as the end of the connection, belongs to it too.
            time.sleep(0.2)
            costs_ms.append((read_cpu_s(running.pid) - before_s) * 1e3)
    for wait_ms, cost_ms in zip(waits_ms, costs_ms, strict=True):
        figures.row(what, "ms").add(who, wait_ms)
        figures.row(f"{what}, server CPU", "ms", Budget(6)).add(who, cost_ms)
    print(
        f"    {who}, {name}: replay of {MISSED:,} out of {of:,}: {statistics.median(waits_ms):.1f} ms,"
        f" CPU {statistics.median(costs_ms):.1f} ms",
        flush=True,
    )


def _fill_hub(running: Running, plan: Plan) -> int:
    """Give user 0 its 1,000 out of the plan's, all of one account; return how many were published."""
    assert running.batch is not None
    batches = max(1, plan.replay_records // BATCH)
    every = BATCH * batches // MISSED

    def bodies() -> Iterator[tuple[str, bytes]]:
        for _ in range(batches):
            users = (0 if index % every == 0 else 2 + index % OTHERS for index in range(BATCH))
            targets = [{"account_id": ACCOUNT, "user_id": user_id(user)} for user in users]
            yield f"{HUB_PUBLISH_PATH}/batch", batch_body(targets)

    post_all(running.port, bodies(), running.batch.headers)
    return batches * BATCH


def _fill_peer(running: Running) -> int:
    assert running.person is not None
    both = [running.person.to(user) for user in (0, 2)]
    post_all(running.port, [(to.path, to.body) for to in both * MISSED], running.person.headers)
    return PEERS_RECORDS


def catch_up(port: int, transport: str, path: str) -> float:
    """Return the seconds from the connect to the last notification that was missed.

    Raises:
        RuntimeError: the stream ended before.
    """
    start_s = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as client:
        client.sendall(request_stream(port, transport, path))
        seen, tail = 0, b""
        while seen < MISSED:
            data = client.recv(262_144)
            if not data:
                raise RuntimeError(f"the stream ended after {seen} of {MISSED} notifications")
            tail += data
            seen += tail.count(b'"ts":')
            tail = tail[-4:]
        return time.perf_counter() - start_s


def request_stream(port: int, transport: str, path: str) -> bytes:
    """Return the request of a client that speaks `hub.v1`, as the hub's own clients do; the others pass over it."""
    upgrade = (
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: hub.v1\r\n"
    )
    extra = upgrade if transport == "ws" else "Accept: text/event-stream\r\n"
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{extra}\r\n".encode()
