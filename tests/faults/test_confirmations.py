"""kill -9 while deadlines end: who did not confirm is reported at least once, and who did never.

The webhook's endpoint fails, hangs, redirects and lies. What it has taken is what it responded to with 2xx.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from tests.deadlines.stage import BOTH, SECRET
from tests.faults.process import HubProcess, wait_ready
from tests.harness import ACCOUNT
from tests.outbound.endpoint import Endpoint, Received, open_endpoint, respond_with

DEADLINE_S = 120.0
#: Confirms by acknowledgements of a WebSocket, by marking as read, and not at all.
USERS = ("acknowledges", "reads", "absent")
BATCH = 100


async def test_sixty_deadlines_over_three_kills(tmp_path: Path, figures: list[str]) -> None:
    """60 deadlines that end while no hub runs: each outcome is told, and the right one, by hubs that are killed."""
    await prove(tmp_path, figures, notifications=60, kills=3, within_s=600, ahead_s=601.0)


@pytest.mark.soak
async def test_a_thousand_deadlines_over_twenty_kills(tmp_path: Path, figures: list[str]) -> None:
    """1,000 deadlines that end while users confirm and hubs are killed: each has one outcome, which is told."""
    await prove(tmp_path, figures, notifications=1_000, kills=20, within_s=10, ahead_s=0.0)


class BadEndpoint:
    """A service's endpoint that does its work every second time."""

    def __init__(self, draw: Random, hangs: int) -> None:
        """Take what chooses, and how often it may hang."""
        self._draw = draw
        self._hangs = hangs
        self.attempts = 0
        #: What it has taken: the ids of notifications, by event.
        self.taken: dict[str, set[str]] = defaultdict(set)
        #: Every webhook that came, by the event and the notification: its id and its body.
        self.webhooks: dict[tuple[str, str], set[tuple[str, bytes]]] = defaultdict(set)

    async def respond(self, received: Received, writer: asyncio.StreamWriter) -> None:
        """Respond as it happens to."""
        self.attempts += 1
        body = json.loads(received.body)
        event, notification_id = body["type"], body["data"]["notification"]["id"]
        self.webhooks[event, notification_id].add((received.fields["webhook-id"], received.body))
        match self._draw.randrange(12):
            case 0 if self._hangs:
                self._hangs -= 1
                await asyncio.Event().wait()
            case 1:
                await respond_with(302, b"", "Location: http://127.0.0.1:1/")(received, writer)
            case 2:
                writer.write(b"HTTP/1.1 200 Fine\r\nContent-Length: nonsense\r\n\r\n")
                writer.transport.abort()
            case 3:
                await respond_with(500, b"x" * 20_000)(received, writer)
            case 4:
                writer.transport.abort()
            case 5:
                # It says that it has taken this, and then cuts what else it says.
                self.taken[event].add(notification_id)
                writer.write(b"HTTP/1.1 200 Fine\r\nContent-Length: 1000000\r\n\r\nno more")
                writer.close()
            case _:
                self.taken[event].add(notification_id)
                await respond_with(204, keep=True)(received, writer)

    @property
    def told(self) -> set[str]:
        """The notifications of which it has taken any event."""
        return set().union(*self.taken.values())


async def prove(
    folder: Path, figures: list[str], *, notifications: int, kills: int, within_s: int, ahead_s: float
) -> None:
    """Kill the hub while users confirm and deadlines end; `ahead_s`: half of the kills later the clock is ahead."""
    draw, bad = Random(11), BadEndpoint(Random(12), hangs=notifications // 20)
    async with (
        open_endpoint(bad.respond) as endpoint,
        run_hub(folder, endpoint) as hub,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{hub.port}", timeout=30.0) as client,
        asyncio.TaskGroup() as tasks,
    ):
        users: dict[str, str] = {}
        reads = Reader(hub, client)
        connected = asyncio.Event()
        confirming = [tasks.create_task(acknowledge(hub, connected)), tasks.create_task(reads.run())]
        async with asyncio.timeout(DEADLINE_S):
            await connected.wait()
        await publish(hub, client, users, reads, draw, notifications, within_s)
        for number in range(kills):
            await wait_ready(client)
            if ahead_s and number == kills // 2:
                present = {id for id, user in users.items() if user != "absent"}
                await wait_told(bad, present)
                hub.launcher = [*hub.launcher, str(ahead_s)]
            await asyncio.sleep(draw.uniform(0.05, 0.2 if ahead_s else 1.0))
            await hub.kill()
            await hub.start()
        await wait_ready(client)
        await wait_told(bad, set(users))
        await wait_nothing_left(hub, client)
        for task in confirming:
            task.cancel()
    unconfirmed, confirmed = bad.taken["notification.unconfirmed"], bad.taken["notification.confirmed"]
    absent = {id for id, user in users.items() if user == "absent"}
    assert notifications == len(users)
    assert set() == unconfirmed & confirmed
    assert set() == absent - unconfirmed
    assert set() == reads.in_time - confirmed
    assert not ahead_s or (absent, set(users) - absent) == (unconfirmed, confirmed)
    # A webhook has one id and one body, however often it comes.
    assert {1} == {len(each) for each in bad.webhooks.values()}
    assert len(users) == len(bad.webhooks)
    assert "Traceback" not in hub.log_path.read_text()
    figures.append(
        f"confirmations: {len(users)} deadlines over {kills} kills: {len(unconfirmed)} unconfirmed, each reported;"
        f" {len(confirmed)} confirmed, none reported; {len(bad.webhooks)} webhooks in {bad.attempts} attempts"
    )


@contextlib.asynccontextmanager
async def run_hub(folder: Path, endpoint: Endpoint) -> AsyncIterator[HubProcess]:
    """Start a hub whose service has this endpoint; it is stopped in the end, whatever happens."""
    hub = HubProcess(folder)
    hub.launcher = ["tests.faults.webhook_launcher"]
    keys = json.loads((folder / "keys.json").read_text())
    url = f"http://127.0.0.1:{endpoint.port}/"
    keys["keys"][0]["webhook"] = {"url": url, "secret": SECRET, "events": BOTH, "allow_private": True}
    (folder / "keys.json").write_text(json.dumps(keys))
    await hub.start()
    try:
        yield hub
    finally:
        await hub.stop()


async def publish(
    hub: HubProcess,
    client: httpx.AsyncClient,
    users: dict[str, str],
    reads: Reader,
    draw: Random,
    notifications: int,
    within_s: int,
) -> None:
    """Publish notifications with deadlines; note the user of each."""
    while len(users) < notifications:
        names = draw.choices(USERS, k=min(BATCH, notifications - len(users)))
        item = {"type": "stock_alert", "title": "t", "message": "m", "account_id": ACCOUNT}
        body = [
            {**item, "user_id": name, "confirm": {"within_seconds": within_s, "by": _by(name, draw)}} for name in names
        ]
        due_s = time.time() + within_s
        response = await client.post(
            "/api/internal/notify/batch",
            json={"notifications": body},
            headers={"authorization": f"Bearer {hub.key}"},
        )
        for result, name in zip(response.json()["results"], names, strict=True):
            identifier = result["receipt"]["id"]
            users[identifier] = name
            if name == "reads":
                reads.waiting.append((identifier, due_s))


def _by(name: str, draw: Random) -> str:
    return {"acknowledges": "delivered", "reads": "read"}.get(name) or draw.choice(["delivered", "read"])


class Reader:
    """Marks as read what it is told to, until the hub says that it has; a few at a time, as people do."""

    def __init__(self, hub: HubProcess, client: httpx.AsyncClient) -> None:
        self._client = client
        self._headers = {"authorization": f"Bearer {hub.token(ACCOUNT, 'reads')}"}
        #: Ids, and when their deadlines end at the earliest.
        self.waiting: list[tuple[str, float]] = []
        #: What the hub has said to be read before its deadline.
        self.in_time: set[str] = set()

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            now, self.waiting = self.waiting[:5], self.waiting[5:]
            if now and await self._read([identifier for identifier, _ in now]):
                self.in_time |= {identifier for identifier, due_s in now if time.time() < due_s}
            else:
                self.waiting += now
            await asyncio.sleep(0.05)

    async def _read(self, ids: list[str]) -> bool:
        with contextlib.suppress(httpx.TransportError):
            response = await self._client.post("/api/inbox", json={"read": ids}, headers=self._headers)
            return response.status_code == 200
        return False


async def acknowledge(hub: HubProcess, connected: asyncio.Event) -> None:
    """Acknowledge what comes, once in a while, and come back with the cursor, as the client libraries do."""
    url = f"ws://127.0.0.1:{hub.port}/ws?token={hub.token(ACCOUNT, 'acknowledges')}"
    cursor = ""
    while True:
        with contextlib.suppress(WebSocketException, OSError, EOFError):
            address = f"{url}&cursor={cursor}" if cursor else url
            async with connect(address, subprotocols=[Subprotocol("hub.v1")], proxy=None) as connection:
                told = cursor
                while True:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(0.1):
                            frame: dict[str, Any] = json.loads(await connection.recv())
                        cursor = frame.get("cursor") or frame.get("data", {}).get("cursor") or cursor
                        connected.set()
                        continue
                    if told != cursor:
                        await connection.send(json.dumps({"type": "ack", "cursor": cursor}))
                        told = cursor
        await asyncio.sleep(0.05)


async def wait_told(bad: BadEndpoint, ids: set[str]) -> None:
    """Wait until the endpoint has taken an event of each of these notifications."""
    async with asyncio.timeout(DEADLINE_S):
        while not ids <= bad.told:
            await asyncio.sleep(0.02)


async def wait_nothing_left(hub: HubProcess, client: httpx.AsyncClient) -> None:
    """Wait until no webhook waits any more."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            response = await client.get(
                "/api/internal/webhooks", params={"state": "waiting"}, headers={"authorization": f"Bearer {hub.key}"}
            )
            if response.status_code == 200 and not response.json()["webhooks"]:
                return
            await asyncio.sleep(0.05)
