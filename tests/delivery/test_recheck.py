"""Asking the directory again: which connections it ends, which never, and what it costs the directory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from contracts.closing import CloseCode
from hub.bounds import Bounds
from hub.delivery.recheck import BATCH, FIRST_S, RETRY_S, TICK_S, Recheck
from hub.delivery.subscribers import Subscriber, Subscribers
from hub.directory.directory import User
from hub.directory.off import TrustingDirectory
from hub.errors import DirectoryUnavailable
from tests.fakes import make_subscriber
from tests.harness import DEADLINE_S, RunningHub, run_hub
from tests.postgres import Postgres
from tests.postgres import postgres as postgres

TTL_S = 60.0


class FakeDirectory(TrustingDirectory):
    """Knows every user as an active one of the account `a1`, until told otherwise."""

    trusts_claims = False

    def __init__(self) -> None:
        self.down = False
        self.changed: dict[str, User | None] = {}
        self.questions: list[list[str]] = []

    async def find_users(self, user_ids: Sequence[str]) -> dict[str, User]:
        self.questions.append(list(user_ids))
        if self.down:
            raise DirectoryUnavailable
        found = {user_id: self.changed.get(user_id, make_user(user_id)) for user_id in user_ids}
        return {user_id: user for user_id, user in found.items() if user is not None}


def make_user(user_id: str, account_id: str | None = "a1", *, active: bool = True, status: str = "active") -> User:
    """Return a user as the directory knows them."""
    return User(user_id=user_id, account_id=account_id, role="user", active=active, account_status=status)


class Desk:
    """A recheck whose time is told, over a directory and subscribers of the test's own."""

    def __init__(self, ttl_s: float = TTL_S, *, retry_s: float = RETRY_S) -> None:
        self.directory = FakeDirectory()
        self.subscribers = Subscribers(limit=100_000, limit_per_user=20)
        self.ended: dict[str, int] = {}
        self.now_s = 1000.0
        self.recheck = Recheck(
            directory=self.directory,
            subscribers=self.subscribers,
            ends=self,
            ttl_s=ttl_s,
            min_interval_s=Bounds().min_recheck_interval_s,
            retry_s=retry_s,
        )

    def end(self, subscriber: Subscriber, code: int, reason: str) -> None:
        """Note a connection that was ended."""
        self.ended[subscriber.user_id] = code
        self.subscribers.remove(subscriber)

    def connect(self, user_id: str, account_id: str = "a1") -> Subscriber:
        """Let somebody in."""
        subscriber = make_subscriber(user_id, account_id)
        self.subscribers.add(subscriber)
        return subscriber

    async def pass_time(self, seconds: float) -> None:
        """Let the recheck run for so long, as its own loop would."""
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            self.now_s += await self.recheck.step(self.now_s)


CHANGES = {
    "deactivated": make_user("u1", active=False),
    "suspended": make_user("u1", status="suspended"),
    "cancelled": make_user("u1", status="cancelled"),
    "moved": make_user("u1", "a2"),
    "without an account": make_user("u1", None),
    "gone": None,
}


@pytest.mark.parametrize("change", CHANGES)
async def test_who_would_not_be_let_in_is_sent_away(change: str) -> None:
    """Within the time to live and a minute, with the code that says stop, and nobody else."""
    desk = Desk()
    desk.connect("u1")
    desk.connect("u2")
    await desk.pass_time(300)
    assert {} == desk.ended
    desk.directory.changed["u1"] = CHANGES[change]
    await desk.pass_time(TTL_S + TICK_S + 1)
    assert {"u1": CloseCode.NOT_ALLOWED} == desk.ended


async def test_every_connection_of_the_user_goes() -> None:
    """All tabs, and an account they were in before."""
    desk = Desk()
    for _ in range(3):
        desk.connect("u1")
    desk.connect("u1", "a2")
    await desk.pass_time(FIRST_S + TICK_S + 1)
    # A user in a1 is not in a2.
    assert 3 == len(desk.subscribers)
    desk.directory.changed["u1"] = None
    await desk.pass_time(TTL_S + TICK_S + 1)
    assert 0 == len(desk.subscribers)


async def test_who_came_in_on_an_old_answer_is_asked_about_soon() -> None:
    """A remembered answer may be a time to live old; the next look is half a minute away, not another whole time."""
    desk = Desk(ttl_s=3600)
    desk.directory.changed["u1"] = None
    desk.connect("u1")
    await desk.pass_time(FIRST_S + 2 * TICK_S)
    assert {"u1": CloseCode.NOT_ALLOWED} == desk.ended


async def test_a_directory_that_is_down_ends_nobody() -> None:
    """Whatever changed meanwhile: what cannot be known is no no, and is found once the directory is back."""
    desk = Desk()
    desk.connect("u1")
    desk.directory.down = True
    desk.directory.changed["u1"] = None
    await desk.pass_time(3600)
    assert {} == desk.ended
    # It is left alone meanwhile.
    assert len(desk.directory.questions) <= 3600 / RETRY_S + 1
    desk.directory.down = False
    await desk.pass_time(RETRY_S + TICK_S)
    assert {"u1": CloseCode.NOT_ALLOWED} == desk.ended


async def test_ten_thousand_users_are_few_questions() -> None:
    """Everybody is asked about once in the time to live, 500 in a question, and one question at a time."""
    desk = Desk()
    for number in range(10_000):
        desk.connect(f"u{number}")
    await desk.pass_time(FIRST_S + TICK_S + 5)
    assert 20 == len(desk.directory.questions)
    assert {BATCH} == {len(question) for question in desk.directory.questions}
    assert 10_000 == len({user_id for question in desk.directory.questions for user_id in question})
    desk.directory.questions.clear()
    await desk.pass_time(10 * TTL_S)
    assert 200 - 20 <= len(desk.directory.questions) <= 200


async def test_who_has_left_is_asked_about_no_more() -> None:
    """Nothing is kept of a connection that ended."""
    desk = Desk()
    subscriber = desk.connect("u1")
    await desk.pass_time(2 * TTL_S)
    desk.subscribers.remove(subscriber)
    await desk.pass_time(TICK_S + 1)
    desk.directory.questions.clear()
    await desk.pass_time(10 * TTL_S)
    assert [] == desk.directory.questions
    assert {} == desk.recheck._due


async def test_a_time_to_live_of_nothing_does_not_mean_all_the_time() -> None:
    """However short it is, nobody is asked about more than once in five seconds."""
    desk = Desk(ttl_s=0)
    desk.connect("u1")
    await desk.pass_time(100)
    assert len(desk.directory.questions) <= 100 / Bounds().min_recheck_interval_s


async def test_a_fault_of_ours_does_not_end_the_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that nobody foresaw is logged, and the next look is made all the same."""
    desk = Desk(retry_s=0.0)
    twice = asyncio.Event()
    calls: list[float] = []

    async def fail(monotonic_s: float) -> float:
        calls.append(monotonic_s)
        if len(calls) == 2:
            twice.set()
        raise RuntimeError("a bug")

    monkeypatch.setattr(desk.recheck, "step", fail)
    watching = asyncio.create_task(desk.recheck.run())
    async with asyncio.timeout(DEADLINE_S):
        await twice.wait()
    watching.cancel()
    await asyncio.wait({watching})


ANA, BRUNO = ("00000000001", "00000000000101"), ("00000000002", "00000000000202")


@pytest.fixture
async def hub(postgres: Postgres, tmp_path: Path) -> AsyncIterator[RunningHub]:
    """A hub over a real PostgreSQL, with little patience."""
    await postgres.fill()
    bounds = Bounds(min_recheck_interval_s=0.2)
    async with run_hub(tmp_path, directory_url=postgres.url, directory_ttl_s=0.2, bounds=bounds) as running:
        yield running


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE users SET is_active = false WHERE id = '00000000001'",
        "UPDATE users SET account_id = '00000000000202' WHERE id = '00000000001'",
        "UPDATE accounts SET status = 'suspended' WHERE id = '00000000000101'",
        "DELETE FROM users WHERE id = '00000000001'",
    ],
)
async def test_open_connections_follow_the_database(hub: RunningHub, postgres: Postgres, statement: str) -> None:
    """A change ends the user's WebSocket and stream, old frontends included, and they do not get in again."""
    token = hub.token(*ANA)
    async with (
        hub.websocket(token) as new,
        hub.websocket(token, subprotocols=()) as old,
        hub.events(token) as stream,
        hub.websocket(hub.token(*BRUNO)) as other,
    ):
        assert 200 == (await hub.http.get("/poll", headers={"authorization": f"Bearer {token}"})).status_code
        await postgres.execute(statement)
        assert CloseCode.NOT_ALLOWED == await new.wait_closed()
        assert CloseCode.NOT_ALLOWED == await old.wait_closed()
        closing = (await stream.wait_closed())[-1]
        assert ("closing", CloseCode.NOT_ALLOWED) == (closing["type"], closing["code"])
        for path in ("/poll", "/sse"):
            answer = await hub.http.get(path, headers={"authorization": f"Bearer {token}"})
            assert 403 == answer.status_code
        # Before the accept, so that the old frontends' hook stops after its tries.
        with pytest.raises(InvalidStatus, match="HTTP 403"):
            async with hub.websocket(token, subprotocols=()):
                pass
        await hub.publish(user_id=BRUNO[0], account_id=BRUNO[1])
        assert "stock_alert" == (await other.frame())["type"]


async def test_an_outage_of_the_database_ends_no_connection(
    hub: RunningHub, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections outlive a database that is down for many times the time to live; changes are found after it."""
    step, steps = Recheck.step, 0

    async def count(recheck: Recheck, monotonic_s: float) -> float:
        nonlocal steps
        pause_s = await step(recheck, monotonic_s)
        steps += 1
        return pause_s

    monkeypatch.setattr(Recheck, "step", count)
    async with hub.websocket(hub.token(*ANA)), hub.websocket(hub.token(*BRUNO)) as bruno:
        postgres.stop()
        try:
            steps = 0
            await hub.wait_until(lambda: steps > 10)
            assert 2 == len(hub.hub.subscribers)
        finally:
            postgres.start()
        await postgres.execute("UPDATE users SET is_active = false WHERE id = '00000000002'")
        assert CloseCode.NOT_ALLOWED == await bruno.wait_closed()
        assert 1 == len(hub.hub.subscribers)


async def test_a_disconnect_is_at_once_what_the_database_says(postgres: Postgres, tmp_path: Path) -> None:
    """A user who was suspended does not come back because of what the cache remembers."""
    await postgres.fill()
    async with run_hub(tmp_path, directory_url=postgres.url, directory_ttl_s=3600) as hub:
        headers = {"authorization": f"Bearer {hub.token(*ANA)}"}
        for asked, change, undo in [
            ({"user_id": ANA[0]}, "UPDATE users SET is_active = false", "UPDATE users SET is_active = true"),
            (
                {"account_id": ANA[1]},
                "UPDATE accounts SET status = 'suspended'",
                "UPDATE accounts SET status = 'active'",
            ),
        ]:
            async with hub.websocket(hub.token(*ANA)) as tab:
                await postgres.execute(change)
                # Remembered, for an hour.
                assert 200 == (await hub.http.get("/poll", headers=headers)).status_code
                answer = await hub.post("/api/internal/disconnect", asked)
                assert 1 == answer.json()["closed"]
                assert CloseCode.DISCONNECTED == await tab.wait_closed()
            assert 403 == (await hub.http.get("/poll", headers=headers)).status_code
            await postgres.execute(undo)
            await hub.post("/api/internal/disconnect", asked)
            assert 200 == (await hub.http.get("/poll", headers=headers)).status_code
