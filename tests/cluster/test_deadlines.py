"""Deadlines of two nodes that are killed: each has one outcome, of which the service is told under one id."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from tests.cluster.test_hubs import make_stream
from tests.deadlines.stage import BOTH, SECRET
from tests.faults.process import HubProcess, wait_ready
from tests.harness import ACCOUNT
from tests.nats_servers import shared_server
from tests.outbound.endpoint import Endpoint, Received, open_endpoint, respond_with

DEADLINE_S = 60.0
#: The machine's clock is ahead by as much after the restart, so that all of it is over.
WITHIN_S, AHEAD_S = 600, "601"


class HeldEndpoint:
    """A service's endpoint that takes everything, as soon as it is let go."""

    def __init__(self) -> None:
        self.is_open = asyncio.Event()
        #: Ids and bodies of the webhooks of each notification, and the events.
        self.webhooks: dict[str, set[tuple[str, bytes]]] = defaultdict(set)
        self.events: set[str] = set()
        #: The notifications of which it has taken any.
        self.taken: set[str] = set()

    async def respond(self, received: Received, writer: asyncio.StreamWriter) -> None:
        """Take a webhook."""
        body = json.loads(received.body)
        notification_id = body["data"]["notification"]["id"]
        self.webhooks[notification_id].add((received.fields["webhook-id"], received.body))
        self.events.add(body["type"])
        await self.is_open.wait()
        await respond_with(204, keep=True)(received, writer)
        self.taken.add(notification_id)


class Node:
    """A process of one of the nodes, and a client of it."""

    def __init__(self, process: HubProcess) -> None:
        self.process = process
        url = f"http://127.0.0.1:{process.port}"
        self.http = httpx.AsyncClient(base_url=url, timeout=30, headers={"authorization": f"Bearer {process.key}"})

    async def start(self) -> None:
        """Start it, and return once it takes work."""
        await self.process.start()
        await wait_ready(self.http)

    async def restart(self) -> None:
        """Kill it and start it again."""
        await self.process.kill()
        await self.start()

    async def ask(self, path: str, **query: str) -> dict[str, Any]:
        """Return what it tells the service."""
        response = await self.http.get(path, params=query)
        assert 200 == response.status_code, response.text
        found: dict[str, Any] = response.json()
        return found


@contextlib.asynccontextmanager
async def run_nodes(folder: Path, endpoint: Endpoint) -> AsyncIterator[list[Node]]:
    """Run two nodes, whose service has this endpoint; they try webhooks again soon."""
    url = shared_server().url
    common = {"HUB_LOG_URL": url, "HUB_LOG_STREAM": await make_stream(url), "HUB_DIRECTORY_URL": "off"}
    first = HubProcess(folder / "one", HUB_NODE="one", **common)
    path = folder / "one/keys.json"
    keys = json.loads(path.read_text())
    hook = f"http://127.0.0.1:{endpoint.port}/"
    keys["keys"][0]["webhook"] = {"url": hook, "secret": SECRET, "events": BOTH, "allow_private": True}
    path.write_text(json.dumps(keys))
    shared = {"JWT_SECRET": first.secret, "HUB_SERVICE_KEYS_FILE": str(path)}
    second = HubProcess(folder / "two", HUB_NODE="two", **common, **shared)
    second.key = first.key
    nodes = [Node(first), Node(second)]
    for node in nodes:
        node.process.launcher = ["tests.faults.webhook_launcher"]
    try:
        await asyncio.gather(*(node.start() for node in nodes))
        yield nodes
    finally:
        await asyncio.gather(*(node.process.stop() for node in nodes), *(node.http.aclose() for node in nodes))


async def test_a_node_is_killed_that_has_claimed_webhooks(tmp_path: Path) -> None:
    """What it had begun to tell the other node tells, under the same ids, and everything else once."""
    held = HeldEndpoint()
    async with open_endpoint(held.respond) as endpoint, run_nodes(tmp_path, endpoint) as nodes:
        first, second = nodes
        ids = await publish(nodes, 20)
        for node in nodes:
            await node.process.kill()
            node.process.launcher = [*node.process.launcher, AHEAD_S]
        await first.start()
        # It has claimed all of them.
        await endpoint.wait_requests(8)
        await second.start()
        await first.process.kill()
        held.is_open.set()
        await wait_told(held, ids, second)
        outcomes = [each["outcome"] for identifier in ids for each in await list_attempts(second, identifier)]
    check(held, ids)
    # An attempt that nobody ended is that of a node that was killed meanwhile.
    assert "started" in outcomes


@pytest.mark.soak
async def test_both_nodes_are_killed_again_and_again(tmp_path: Path, figures: list[str]) -> None:
    """300 deadlines that end while either node is killed, twenty times."""
    held, draw = HeldEndpoint(), Random(21)
    held.is_open.set()
    async with open_endpoint(held.respond) as endpoint, run_nodes(tmp_path, endpoint) as nodes:
        ids = await publish(nodes, 300)
        for node in nodes:
            node.process.launcher = [*node.process.launcher, AHEAD_S]
        for _ in range(20):
            await asyncio.sleep(draw.uniform(0.0, 0.5))
            await draw.choice(nodes).restart()
        for node in nodes:
            await node.restart()
        await wait_told(held, ids, nodes[0])
        requests = len(endpoint.requests)
    check(held, ids)
    figures.append(f"cluster, {len(ids)} deadlines of two nodes over 22 kills: each told, in {requests} webhooks")


async def publish(nodes: list[Node], count: int) -> set[str]:
    """Publish notifications for somebody who is not there, half of them at each node; return their ids."""
    ids: set[str] = set()
    confirm = {"within_seconds": WITHIN_S, "by": "delivered"}
    item = {"type": "stock_alert", "title": "t", "message": "m", "account_id": ACCOUNT, "confirm": confirm}
    body = {"notifications": [{**item, "user_id": "absent"} for _ in range(count // len(nodes))]}
    for node in nodes:
        response = await node.http.post("/api/internal/notify/batch", json=body)
        ids |= {result["receipt"]["id"] for result in response.json()["results"]}
    assert count == len(ids)
    return ids


async def wait_told(held: HeldEndpoint, ids: set[str], node: Node) -> None:
    """Wait until the service was told of each of these, and no webhook waits any more."""
    async with asyncio.timeout(DEADLINE_S):
        while ids != held.taken or (await node.ask("/api/internal/webhooks", state="waiting"))["webhooks"]:
            await asyncio.sleep(0.05)


async def list_attempts(node: Node, notification_id: str) -> list[dict[str, Any]]:
    """Return the attempts of the one webhook of a notification, which was escalated once."""
    trace = await node.ask(f"/api/internal/notifications/{notification_id}")
    assert 1 == len(trace["escalated"]), trace
    (webhook,) = trace["webhooks"]
    attempts: list[dict[str, Any]] = webhook["last_attempts"]
    return attempts


def check(held: HeldEndpoint, ids: set[str]) -> None:
    """Each has one outcome, and one webhook under one id, however often it came."""
    assert {"notification.unconfirmed"} == held.events
    assert ids == set(held.webhooks)
    assert {1} == {len(each) for each in held.webhooks.values()}
