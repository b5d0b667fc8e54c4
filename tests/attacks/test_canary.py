"""A flood with a canary: twenty accounts with the same user ids, each message marked with its account."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from tests.harness import DEADLINE_S, EventStream, RunningHub, WebSocket, run_hub

ACCOUNTS = [f"conta-{number}" for number in range(20)]
#: The same in every account.
USERS = ["00000000191", "00000000272", "00000000353"]
ROUNDS = 60
BATCH = 25
LAST = "last"


class Board:
    """The cursors of all connections, for the others to take."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.cursors: list[str] = []
        self.crossings: list[str] = []
        self.frames = 0
        self.connections = 0

    def take(self, account: str, user: str, frame: dict[str, Any]) -> None:
        """Look at one frame that a user of an account got."""
        self.frames += 1
        if frame["title"] != LAST:  # whoever came back with that one would wait for ever
            self.cursors.append(frame["cursor"])
        canary = frame["data"]["canary"]
        mine = canary["account"] in (account, "*") and canary["user"] in (user, "*")
        if not mine:
            self.crossings.append(f"{account}/{user} got what was for {canary}")


async def test_no_canary_crosses(tmp_path: Path) -> None:
    """0 crossings while everybody publishes, leaves and comes back with somebody else's cursor."""
    seed = int(os.environ.get("HUB_TEST_SEED", "") or secrets.randbelow(2**32))
    random = Random(seed)
    board = Board(random)
    async with run_hub(tmp_path, max_connections=200) as hub:
        clients = [asyncio.create_task(roam(hub, board, account, user)) for account in ACCOUNTS for user in USERS]
        await hub.wait_until(lambda: len(hub.hub.subscribers) == len(clients))
        expected: dict[tuple[str, str], set[str]] = {(account, user): set() for account in ACCOUNTS for user in USERS}
        for _ in range(ROUNDS):
            await publish(hub, random, expected)
        await hub.publish(title=LAST, everyone=True, data={"canary": {"account": "*", "user": "*"}})
        async with asyncio.timeout(4 * DEADLINE_S):
            await asyncio.gather(*clients)
        assert [] == board.crossings[:3], f"seed {seed}"
        assert board.frames > ROUNDS * BATCH, "a flood that reaches nobody proves nothing"
        assert board.connections > 2 * len(clients), "nobody came back with a foreign cursor"
        # And everybody's own is all there, from the first.
        for account, user in [("conta-0", USERS[0]), ("conta-7", USERS[1]), ("conta-19", USERS[2])]:
            beginning = f"{hub.hub.log.epoch}-0"
            async with hub.events(hub.token(user, account), cursor=beginning) as events:
                titles = [frame["title"] async for frame in until_last(events.frame)]
            assert expected[account, user] == set(titles) - {LAST}, f"seed {seed}"


async def publish(hub: RunningHub, random: Random, expected: dict[tuple[str, str], set[str]]) -> None:
    """Publish a batch with a canary in each, to users and accounts."""
    batch = []
    for _ in range(BATCH):
        account, user, title = random.choice(ACCOUNTS), random.choice([*USERS, "*"]), secrets.token_hex(8)
        target = {"account_id": account} if user == "*" else {"account_id": account, "user_id": user}
        canary = {"canary": {"account": account, "user": user}}
        batch.append({"type": "stock_alert", "title": title, "message": account, "data": canary, **target})
        for name in USERS if user == "*" else [user]:
            expected[account, name].add(title)
    answer = await hub.post("/api/internal/notify/batch", {"notifications": batch})
    assert all("receipt" in result for result in msgspec.json.decode(answer.content)["results"])


async def roam(hub: RunningHub, board: Board, account: str, user: str) -> None:
    """Connect again and again, mostly with a cursor that somebody else got, until the last one came."""
    token = hub.token(user, account)
    while True:
        cursor = board.random.choice(board.cursors) if board.cursors else None
        connection: AbstractAsyncContextManager[WebSocket | EventStream]
        if board.random.random() < 0.5:
            # With its bounded queue this client would not see the answer to its close for ten seconds.
            connection = hub.websocket(token, cursor=cursor, proxy=None, max_queue=None)
        else:
            connection = hub.events(token, last_event_id=cursor)
        board.connections += 1
        async with connection as client:
            stays = board.random.randint(1, 20)
            async for frame in until_last(client.frame):
                board.take(account, user, frame)
                if frame["title"] == LAST:
                    return
                stays -= 1
                if stays == 0:
                    break


async def until_last(read: Callable[[], Awaitable[dict[str, Any]]]) -> AsyncIterator[dict[str, Any]]:
    """Yield notifications up to the last one."""
    while True:
        frame = await read()
        if frame["type"] == "heartbeat":
            continue
        yield frame
        if frame["title"] == LAST:
            return
