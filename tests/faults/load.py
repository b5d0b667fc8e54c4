"""The load while faults happen: publishers that retry until acknowledged, clients that resume by cursor."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncGenerator
from random import Random
from typing import Any, NamedTuple, Self

import httpx
from httpx_sse import aconnect_sse
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake, WebSocketException
from websockets.typing import Subprotocol

from tests.faults.process import HubProcess

__all__ = ["CLIENTS", "LAST", "Client", "Ledger", "Publisher", "User"]

#: Every account has the same user ids, so that a mix-up shows.
ACCOUNTS = ("12345678000190", "98765432000110", "11222333000181")
USERS = ("00000000191", "00000000272", "00000000353")
REQUEST_DEADLINE_S = 5.0
#: How httpx says that a hub died; the last is anyio's, whose socket was gone between two of its lines.
HTTP_FAILURES = (httpx.HTTPError, AttributeError)
#: Title of the notification for everyone after which no further one comes.
LAST = "last"


class User(NamedTuple):
    """Who somebody is; the user id alone says nothing."""

    account_id: str
    user_id: str


EVERYBODY = frozenset(User(account, user) for account in ACCOUNTS for user in USERS)
#: Two connections for each user.
CLIENTS = sorted(EVERYBODY) * 2


class Acknowledged(NamedTuple):
    """What a receipt said."""

    id: str
    position: int


class Ledger:
    """What was asked, what was acknowledged and what should never have happened."""

    def __init__(self) -> None:
        self.audience: dict[str, frozenset[User]] = {}
        self.acknowledged: dict[str, Acknowledged] = {}
        self.violations: list[str] = []
        #: Requests that got no answer.
        self.unanswered = 0
        self.duplicates = 0
        self.acknowledgement = asyncio.Event()

    def acknowledge(self, title: str, receipt: dict[str, Any]) -> None:
        """Take a receipt; a repeat must name the same record."""
        told = Acknowledged(receipt["id"], position_of(receipt["cursor"]))
        if self.acknowledged.setdefault(title, told) != told:
            self.violations.append(f"{title} was acknowledged twice: {self.acknowledged[title]}, then {told}")
        self.duplicates += receipt["duplicate"]
        self.acknowledgement.set()


class Publisher:
    """Sends notifications, one by one and in batches, each until it is acknowledged."""

    _serial = itertools.count(1)

    def __init__(self, hub: HubProcess, ledger: Ledger, random: Random) -> None:
        self._hub = hub
        self._ledger = ledger
        self._random = random
        self._http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{hub.port}", timeout=REQUEST_DEADLINE_S)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until `stop`; what was begun is finished."""
        async with self:
            while not stop.is_set():
                key = f"key-{next(self._serial)}"
                if self._random.random() < 0.8:
                    await self.publish(key, self._notification(key))
                else:
                    batch = [self._notification(f"{key}.{index}") for index in range(self._random.randint(1, 30))]
                    await self._publish_batch(key, batch)
                    if self._random.random() < 0.2:  # a service that lost the answer asks again
                        await self._publish_batch(key, batch)

    async def publish(self, key: str, notification: dict[str, Any]) -> None:
        """Publish one, however often it takes."""
        receipt = await self._post("/api/internal/notify", key, notification)
        self._ledger.acknowledge(notification["title"], receipt)

    async def _publish_batch(self, key: str, notifications: list[dict[str, Any]]) -> None:
        answer = await self._post("/api/internal/notify/batch", key, {"notifications": notifications})
        for notification, result in zip(notifications, answer["results"], strict=True):
            if "receipt" in result:
                self._ledger.acknowledge(notification["title"], result["receipt"])
            else:
                self._ledger.violations.append(f"{notification['title']} was refused: {result['problem']}")

    async def _post(self, path: str, key: str, body: object) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {self._hub.key}", "idempotency-key": key}
        while True:
            try:
                response = await self._http.post(path, json=body, headers=headers)
            except HTTP_FAILURES:
                self._ledger.unanswered += 1
            else:
                if response.status_code == 202:
                    answer: dict[str, Any] = response.json()
                    return answer
                if response.status_code != 503:
                    raise AssertionError(f"a publish was answered {response.status_code}: {response.text}")
            await asyncio.sleep(self._random.uniform(0.01, 0.1))

    def _notification(self, title: str) -> dict[str, Any]:
        account_id = self._random.choice(ACCOUNTS)
        kind = self._random.choice(["user", "user", "users", "account", "everyone"])
        users = [self._random.choice(USERS)] if kind == "user" else self._random.sample(USERS, 2)
        target: dict[str, Any]
        if kind == "everyone":
            target, audience = {"everyone": True}, EVERYBODY
        elif kind == "account":
            target = {"account_id": account_id}
            audience = frozenset(user for user in EVERYBODY if user.account_id == account_id)
        else:
            target = {"account_id": account_id, "user_ids": users}
            audience = frozenset(User(account_id, user) for user in users)
        self._ledger.audience[title] = audience
        return {"type": "stock_alert", "title": title, "message": "x" * self._random.randint(0, 400), **target}


class Client:
    """One user's connection, which comes back with its cursor over either transport until it saw the last one."""

    def __init__(self, hub: HubProcess, user: User, ledger: Ledger, random: Random) -> None:
        self.user = user
        self._hub = hub
        self._ledger = ledger
        self._random = random
        self._token = hub.token(*user)
        self._cursor = ""
        #: (position, title) of every notification, as they came.
        self.seen: list[tuple[int, str]] = []
        self.connects = {"websocket": 0, "sse": 0}
        self.connected = asyncio.Event()
        self.finished = asyncio.Event()

    async def run(self) -> None:
        """Stay connected until the last notification came."""
        while not self.finished.is_set():
            connection = self._websocket() if self._random.random() < 0.5 else self._events()
            # Some leave by themselves, in the middle of whatever comes.
            stay_s = self._random.uniform(0.2, 4.0) if self._random.random() < 0.5 else 600.0
            with contextlib.suppress(OSError, TimeoutError, WebSocketException, InvalidHandshake, *HTTP_FAILURES):
                async with asyncio.timeout(None) as stay, contextlib.aclosing(connection):
                    async for frame in connection:
                        # Only from the greeting on: a connect that is cancelled half-way leaks its socket in uvloop.
                        if frame["type"] == "connection_established":
                            stay.reschedule(asyncio.get_running_loop().time() + stay_s)
                        self._take(frame)
                        if self.finished.is_set():
                            return
            await asyncio.sleep(self._random.uniform(0.01, 0.15))

    def _take(self, frame: dict[str, Any]) -> None:
        kind = frame["type"]
        if kind == "connection_established":
            expected = "replayed" if self._cursor else "live"
            if frame["data"]["resume"] != expected:
                self._ledger.violations.append(f"a client's connection began {frame['data']['resume']}")
            self._cursor = self._cursor or frame["data"]["cursor"]
            self.connected.set()
        elif kind == "stock_alert":
            self._cursor = frame["cursor"]
            self.seen.append((position_of(self._cursor), frame["title"]))
            if frame["title"] == LAST:
                self.finished.set()
        elif kind == "heartbeat":
            self._cursor = frame["cursor"]
        else:
            self._ledger.violations.append(f"a client got a {kind}")

    async def _websocket(self) -> AsyncGenerator[dict[str, Any], None]:
        query = f"?token={self._token}" + (f"&cursor={self._cursor}" if self._cursor else "")
        protocols = [Subprotocol("hub.v1")] if self._random.random() < 0.5 else None
        # With its bounded queue this client would not see the answer to its own close for ten seconds.
        async with connect(
            f"ws://127.0.0.1:{self._hub.port}/ws{query}",
            subprotocols=protocols,
            compression=None,
            proxy=None,
            max_queue=None,
        ) as connection:
            self.connects["websocket"] += 1
            async for text in connection:
                yield json.loads(text)

    async def _events(self) -> AsyncGenerator[dict[str, Any], None]:
        headers = {"authorization": f"Bearer {self._token}"}
        params = {}
        if self._random.random() < 0.5:
            headers["last-event-id"] = self._cursor
        elif self._cursor:
            params["cursor"] = self._cursor
        url = f"http://127.0.0.1:{self._hub.port}/sse"
        async with (
            httpx.AsyncClient(timeout=REQUEST_DEADLINE_S) as http,
            aconnect_sse(http, "GET", url, headers=headers, params=params) as source,
        ):
            self.connects["sse"] += 1
            async for event in source.aiter_sse():
                if event.data:
                    yield json.loads(event.data)
                elif event.id:
                    # A comment with an id: how far this connection has come.
                    yield {"type": "heartbeat", "cursor": event.id}


def position_of(cursor: str) -> int:
    """Return the position in a cursor, whose form the clients of this test know."""
    return int(cursor.rpartition("-")[2], 36)
