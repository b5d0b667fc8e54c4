"""How long a client that was away waits for what it missed, and what that costs."""

from __future__ import annotations

import http.client
import socket
import time
from typing import Any

import msgspec

from bench.fanout import TRANSPORTS
from bench.figure import Figures
from bench.hub import HUB_PUBLISH_PATH, HubFolder
from bench.notice import ACCOUNT, batch_body, publish_body, user_id
from bench.plan import Plan
from bench.process import read_cpu_s

__all__ = ["measure_replay"]

MISSED = 1_000
BATCH = 1_000
OTHERS = 1_000
TRIES = 5
DEADLINE_S = 20.0


def measure_replay(figures: Figures, plan: Plan) -> None:
    """Let one user miss 1,000 notifications, spread over a log that is mostly other people's."""
    with HubFolder(users=OTHERS + 1) as folder, folder.serve() as (port, pid):
        headers = dict(line.split(": ", 1) for line in folder.publish_headers)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        receipt = _post(connection, HUB_PUBLISH_PATH, publish_body({"account_id": ACCOUNT}), headers)
        batches = max(1, plan.replay_records // BATCH)
        mine = MISSED // batches
        for _ in range(batches):
            targets = [
                {"account_id": ACCOUNT, "user_id": user_id(0 if index % (BATCH // mine) == 0 else 1 + index % OTHERS)}
                for index in range(BATCH)
            ]
            _post(connection, f"{HUB_PUBLISH_PATH}/batch", batch_body(targets), headers)
        connection.close()
        query = f"?token={folder.token(0)}&cursor={receipt['cursor']}"
        what = f"replay of {MISSED:,} missed out of {batches * BATCH:,}"
        for _ in range(TRIES):
            for transport, name in TRANSPORTS.items():
                before_s = read_cpu_s(pid)
                took_s = _catch_up(port, transport, query)
                # The rest of the work, such as the end of the connection, belongs to it too.
                time.sleep(0.2)
                cpu_s = read_cpu_s(pid) - before_s
                figures.row(f"{name}: {what}", "ms").add("hub", took_s * 1e3)
                figures.row(f"{name}: {what}, server CPU", "ms").add("hub", cpu_s * 1e3)
                print(f"    hub, {name}: {what}: {took_s * 1e3:.1f} ms, CPU {cpu_s * 1e3:.1f} ms", flush=True)


def _post(connection: http.client.HTTPConnection, path: str, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
    connection.request("POST", path, body.replace(b"@TS@", b"1"), headers)
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != http.client.ACCEPTED:
        raise RuntimeError(f"the hub answered {answer.status}: {content[:300]!r}")
    return msgspec.json.decode(content, type=dict[str, Any])


def _catch_up(port: int, transport: str, query: str) -> float:
    """Return the seconds from the connect to the last notification that was missed."""
    upgrade = (
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
    route, extra = ("/ws", upgrade) if transport == "ws" else ("/sse", "Accept: text/event-stream\r\n")
    request = f"GET {route}{query} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{extra}\r\n"
    start_s = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as client:
        client.sendall(request.encode())
        seen, tail = 0, b""
        while seen < MISSED:
            data = client.recv(262_144)
            if not data:
                raise RuntimeError(f"the stream ended after {seen} of {MISSED} notifications")
            tail += data
            seen += tail.count(b'"ts":')
            tail = tail[-4:]
        return time.perf_counter() - start_s
