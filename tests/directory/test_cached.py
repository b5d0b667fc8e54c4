"""Tests of hub.directory.cached over a directory that is a fake with a clock of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.directory.cached import CachedDirectory
from hub.directory.directory import User
from hub.errors import DirectoryUnavailable


class FakeDirectory:
    """Knows every user whose id does not begin with `x`; counts what it is asked."""

    trusts_claims = False

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.down = False
        self.closed = False
        self.asked: list[str] = []
        self.queries: list[list[str]] = []
        self.query = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    def now(self) -> float:
        return self.now_s

    def find_user_nowait(self, user_id: str) -> User | None:
        return None

    async def find_user(self, user_id: str) -> User | None:
        return (await self.find_users([user_id])).get(user_id)

    async def find_user_anew(self, user_id: str) -> User | None:
        return await self.find_user(user_id)

    async def find_users(self, user_ids: Sequence[str]) -> dict[str, User]:
        self.queries.append(list(user_ids))
        self.asked += user_ids
        await self._answer()
        return {user_id: user(user_id) for user_id in user_ids if not user_id.startswith("x")}

    def forget(self, *, user_id: str | None = None, account_id: str | None = None) -> None:
        raise AssertionError("nothing is remembered here")

    async def check(self) -> None:
        self.asked.append("check")
        await self._answer()

    async def close(self) -> None:
        self.closed = True

    async def wait_query(self) -> None:
        """Wait until something is asked."""
        self.query.clear()
        async with asyncio.timeout(3):
            await self.query.wait()

    async def _answer(self) -> None:
        self.query.set()
        await self.gate.wait()
        if self.down:
            raise DirectoryUnavailable


def user(user_id: str) -> User:
    """Return the user the fake directory knows by this id."""
    return User(user_id=user_id, account_id="101", role="user", active=True, account_status="active")


@pytest.fixture
def inner() -> FakeDirectory:
    """A directory that answers."""
    return FakeDirectory()


@pytest.fixture
def cached(inner: FakeDirectory) -> CachedDirectory:
    """That directory, remembered for a minute."""
    return CachedDirectory(inner, ttl_s=60, now=inner.now, max_entries=3)


async def test_user_is_asked_for_once_in_the_ttl(inner: FakeDirectory, cached: CachedDirectory) -> None:
    """A found user is remembered for the time to live and not longer."""
    assert cached.find_user_nowait("a") is None
    assert user("a") == await cached.find_user("a")
    inner.now_s += 59.9
    assert user("a") == await cached.find_user("a")
    assert user("a") == cached.find_user_nowait("a")
    assert ["a"] == inner.asked
    inner.now_s += 0.1
    assert cached.find_user_nowait("a") is None
    assert user("a") == await cached.find_user("a")
    assert ["a", "a"] == inner.asked


async def test_unknown_user_is_remembered_briefly(inner: FakeDirectory, cached: CachedDirectory) -> None:
    """An unknown user is not asked for again within 5 s, so that a new one is known soon."""
    assert await cached.find_user("x") is None
    inner.now_s += 4.9
    assert await cached.find_user("x") is None
    assert ["x"] == inner.asked
    inner.now_s += 0.1
    assert await cached.find_user("x") is None
    assert ["x", "x"] == inner.asked


async def test_who_is_told_no_was_asked_for_within_a_second(inner: FakeDirectory, cached: CachedDirectory) -> None:
    """What is remembered, of a user or of nobody, counts for a second; the new answer is remembered in its place."""
    for name in ("a", "x"):
        inner.asked.clear()
        first = await cached.find_user(name)
        assert first == await cached.find_user_anew(name)
        assert [name] == inner.asked
        inner.now_s += 1
        assert first == await cached.find_user_anew(name)
        assert first == await cached.find_user(name)
        assert [name, name] == inner.asked


async def test_nobody_is_told_no_by_a_directory_that_is_down(inner: FakeDirectory, cached: CachedDirectory) -> None:
    """An outage is not an answer, however well the user is remembered; it changes nothing that is remembered."""
    assert user("a") == await cached.find_user("a")
    inner.now_s += 2
    inner.down = True
    with pytest.raises(DirectoryUnavailable):
        await cached.find_user_anew("a")
    assert user("a") == await cached.find_user("a")


async def test_ttl_of_zero_asks_every_time(inner: FakeDirectory) -> None:
    """Without a time to live nothing is remembered."""
    cached = CachedDirectory(inner, ttl_s=0, now=inner.now)
    for _ in range(2):
        assert user("a") == await cached.find_user("a")
        assert await cached.find_user("x") is None
    assert ["a", "x", "a", "x"] == inner.asked


async def test_clock_set_back_forgets(inner: FakeDirectory, cached: CachedDirectory) -> None:
    """An answer from the future is not trusted for longer than the time to live."""
    await cached.find_user("a")
    inner.now_s -= 3600
    assert cached.find_user_nowait("a") is None


async def test_memory_is_bounded(inner: FakeDirectory, cached: CachedDirectory) -> None:
    """Over the bound the user who was asked for longest ago is forgotten."""
    for user_id in ("a", "b", "c", "a", "d"):
        await cached.find_user(user_id)
    inner.asked.clear()
    for user_id in ("a", "c", "d", "b"):
        await cached.find_user(user_id)
    assert ["b"] == inner.asked


async def test_a_flood_of_unknown_ids_pushes_nobody_out(inner: FakeDirectory) -> None:
    """The memory of who is unknown is bounded too, and apart: strangers' ids cost nobody else a query."""
    cached = CachedDirectory(inner, ttl_s=60, now=inner.now)
    await cached.find_user("a")
    await cached.find_users([f"x{number}" for number in range(10_001)])
    inner.asked.clear()
    await cached.find_user("a")
    await cached.find_user("x10000")
    assert [] == inner.asked
    await cached.find_user("x0")
    assert ["x0"] == inner.asked


async def test_who_comes_meanwhile_is_asked_for_together(inner: FakeDirectory, cached: CachedDirectory) -> None:
    """A thousand users at once are a handful of queries: the users in the queue share the next one."""
    inner.gate.clear()
    waiting = [asyncio.create_task(cached.find_user(f"{number}")) for number in range(1000)]
    await inner.wait_query()
    inner.gate.set()
    assert [user(f"{number}") for number in range(1000)] == await asyncio.gather(*waiting)
    assert len(inner.queries) <= 8
    assert 1000 == len(inner.asked)


async def test_nobody_waits_for_ever(inner: FakeDirectory) -> None:
    """A directory that neither answers nor fails is an outage for every look-up that has waited long enough."""
    cached = CachedDirectory(inner, ttl_s=60, now=inner.now, wait_s=0.01)
    inner.gate.clear()
    with pytest.raises(DirectoryUnavailable):
        await cached.find_user("a")
    inner.gate.set()
    await cached.close()


async def test_asking_for_many_refreshes_what_is_remembered(inner: FakeDirectory, cached: CachedDirectory) -> None:
    """Users are asked for past the memory, and what is learnt is what the next look-ups say."""
    await cached.find_user("a")
    inner.now_s += 59
    assert {"a": user("a")} == await cached.find_users(["a", "x"])
    inner.now_s += 2
    assert user("a") == cached.find_user_nowait("a")
    assert await cached.find_user("x") is None
    assert ["a", "a", "x"] == inner.asked


async def test_who_is_forgotten_is_asked_for_again(inner: FakeDirectory, cached: CachedDirectory) -> None:
    """A user, or every user of an account, is looked up anew; nobody else is."""
    for user_id in ("a", "b"):
        await cached.find_user(user_id)
    cached.forget(user_id="a")
    assert cached.find_user_nowait("a") is None
    assert user("b") == cached.find_user_nowait("b")
    cached.forget(account_id="102")
    assert user("b") == cached.find_user_nowait("b")
    cached.forget(account_id="101")
    assert cached.find_user_nowait("b") is None


async def test_an_answer_from_before_the_forgetting_does_not_count(
    inner: FakeDirectory, cached: CachedDirectory
) -> None:
    """A user who is disconnected while a query is under way is asked for once more: the answer may be older."""
    inner.gate.clear()
    asking = asyncio.create_task(cached.find_user("a"))
    await inner.wait_query()
    cached.forget(user_id="a")
    inner.gate.set()
    assert user("a") == await asking
    assert ["a", "a"] == inner.asked


async def test_many_at_once_share_one_query(inner: FakeDirectory, cached: CachedDirectory) -> None:
    """A storm for one user asks once, and one who hangs up fails nobody else."""
    inner.gate.clear()
    waiting = [asyncio.create_task(cached.find_user("a")) for _ in range(100)]
    await inner.wait_query()
    waiting[0].cancel()
    await asyncio.wait({waiting[0]})
    inner.gate.set()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert [user("a")] * 99 == answers[1:]
    assert ["a"] == inner.asked


async def test_known_user_is_answered_during_an_outage(inner: FakeDirectory, cached: CachedDirectory) -> None:
    """While the directory is down, who is remembered still gets in, and who is not gets 503."""
    await cached.find_user("a")
    inner.down = True
    inner.now_s += 59
    with pytest.raises(DirectoryUnavailable):
        await cached.find_user("b")
    assert user("a") == await cached.find_user("a")
    inner.now_s += 1
    with pytest.raises(DirectoryUnavailable):
        await cached.find_user("a")


async def test_outage_is_asked_about_once_a_second(inner: FakeDirectory, cached: CachedDirectory) -> None:
    """After a failure everybody fails at once, but for one in a second, and the first success ends it."""
    inner.down = True
    for _ in range(100):
        with pytest.raises(DirectoryUnavailable):
            await cached.find_user("a")
        with pytest.raises(DirectoryUnavailable):
            await cached.find_users(["a"])
    assert 1 == len(inner.asked)
    inner.now_s += 1
    inner.gate.clear()
    probe = asyncio.create_task(cached.find_user("a"))
    await inner.wait_query()
    for number in range(100):
        with pytest.raises(DirectoryUnavailable):
            await cached.find_user(f"b{number}")
    assert 2 == len(inner.asked)
    inner.down = False
    inner.gate.set()
    assert user("a") == await probe
    assert user("b") == await cached.find_user("b")


async def test_a_check_that_passes_ends_the_outage(inner: FakeDirectory, cached: CachedDirectory) -> None:
    """Once readiness says that the directory is up, look-ups go to it, however short ago one failed."""
    inner.down = True
    with pytest.raises(DirectoryUnavailable):
        await cached.find_user("a")
    inner.down = False
    await cached.check()
    assert user("a") == await cached.find_user("a")


async def test_failure_is_not_remembered(inner: FakeDirectory, cached: CachedDirectory) -> None:
    """A look-up that failed leaves no answer behind."""
    inner.down = True
    with pytest.raises(DirectoryUnavailable):
        await cached.find_user("a")
    inner.down = False
    inner.now_s += 1
    assert user("a") == await cached.find_user("a")


async def test_failure_after_everybody_hung_up_is_silent(inner: FakeDirectory, cached: CachedDirectory) -> None:
    """A query whose askers are all gone may fail without a word (warnings are errors here)."""
    inner.gate.clear()
    inner.down = True
    asking = asyncio.create_task(cached.find_user("a"))
    await inner.wait_query()
    asking.cancel()
    await asyncio.wait({asking})
    inner.gate.set()
    with pytest.raises(DirectoryUnavailable):
        await cached.find_user("a")
    assert ["a"] == inner.asked


async def test_check_asks_past_the_memory(inner: FakeDirectory, cached: CachedDirectory) -> None:
    """Readiness follows the directory itself."""
    await cached.check()
    inner.down = True
    with pytest.raises(DirectoryUnavailable):
        await cached.check()
    assert ["check", "check"] == inner.asked


async def test_closing_ends_queries_and_the_directory(inner: FakeDirectory, cached: CachedDirectory) -> None:
    """After the close nothing is under way."""
    inner.gate.clear()
    asking = asyncio.create_task(cached.find_user("a"))
    await inner.wait_query()
    await cached.close()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert inner.closed


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", "c", "x"]), st.sampled_from([0.0, 1.0, 30.0, 60.0]), st.booleans()))
)
async def test_answer_is_right_and_never_too_old(steps: list[tuple[str, float, bool]]) -> None:
    """Whatever happens, an answer is the directory's own, no older than the time to live, or 503 while it was down."""
    inner = FakeDirectory()
    cached = CachedDirectory(inner, ttl_s=60, now=inner.now, max_entries=2)
    known_s: dict[str, float] = {}
    failed_s = -10.0
    for user_id, wait_s, down in steps:
        inner.now_s += wait_s
        inner.down = down
        before = len(inner.asked)
        try:
            answer = await cached.find_user(user_id)
        except DirectoryUnavailable:
            assert down or inner.now_s < failed_s + 1
            failed_s = inner.now_s if len(inner.asked) > before else failed_s
            continue
        if len(inner.asked) > before:
            known_s[user_id] = inner.now_s
            failed_s = -10.0
        assert inner.now_s - known_s[user_id] < (5 if user_id == "x" else 60) or known_s[user_id] == inner.now_s
        assert (None if user_id == "x" else user(user_id)) == answer
