"""What every engine behind the log's port must keep."""

from __future__ import annotations

import asyncio
import contextlib
import itertools

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hub.errors import IdempotencyConflict, Overloaded, StorageUnavailable
from hub.log.port import Appended, Draft, Log, Reading, Record
from hub.target import CONTROL, EVERYONE, Target, account_target, user_target
from tests.log.conftest import OpenLog
from tests.log.engines import DEADLINE_S, Clock, Follower, draft, drain, stored, wait_for_a_look

ANNA = user_target("acme", "anna")
BRUNO = user_target("acme", "bruno")
ACME = account_target("acme")

_ids = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=8)
_targets = st.one_of(st.just(EVERYONE), st.builds(account_target, _ids), st.builds(user_target, _ids, _ids))
_expiries = st.one_of(st.none(), st.integers(1, 10**13).map(lambda milliseconds: milliseconds / 1000))
_folders = itertools.count()


#: More than any of these readings weighs.
LIGHT = 1_000_000


@st.composite
def _drafts(draw: st.DrawFn) -> Draft:
    return Draft(
        id=draw(_ids),
        targets=tuple(draw(st.lists(_targets, min_size=1, max_size=5))),
        payload=draw(st.binary(max_size=64)),
        expires_at_s=draw(_expiries),
    )


class TestAppend:
    async def test_positions_count_from_one_in_the_order_of_drafts(self, log: Log) -> None:
        """Positions are dense, start at 1 and follow the order in which drafts were given."""
        results = await log.append([draft("a"), draft("b")]) + await log.append([draft("c")])
        assert [Appended("a", 1, False), Appended("b", 2, False), Appended("c", 3, False)] == results
        assert (3, 1) == (log.head, log.first)

    async def test_nothing_to_append_is_answered_with_nothing(self, log: Log) -> None:
        """An empty call stores nothing."""
        assert [] == await log.append([])
        assert 0 == log.head

    async def test_concurrent_appends_resolve_in_log_order(self, log: Log) -> None:
        """Waiting appends return in the order of positions, and the head is never behind."""
        woken: list[int] = []

        async def publish(number: int) -> None:
            (result,) = await log.append([draft(str(number))])
            position = stored(result).position
            assert log.head >= position
            woken.append(position)

        await asyncio.gather(*(publish(number) for number in range(200)))
        assert list(range(1, 201)) == woken

    async def test_a_cancelled_append_breaks_nobody_elses(self, log: Log) -> None:
        """A caller that is cancelled neither takes its draft back nor fails the others."""
        tasks = [asyncio.create_task(log.append([draft(str(number))])) for number in range(9)]
        await asyncio.sleep(0)
        tasks[4].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(results[4], asyncio.CancelledError)
        await log.append([draft("last")])
        assert [*map(str, range(9)), "last"] == [_name(record) for record in await drain(log)]

    async def test_a_draft_that_cannot_be_stored_fails_alone(self, log: Log) -> None:
        """A poisoned draft is refused; those that waited with it are stored."""
        poison = draft("\ud800", payload=b"{}")
        answers = await asyncio.gather(
            log.append([draft("a")]), log.append([poison]), log.append([draft("b")]), return_exceptions=True
        )
        assert ["list", "Internal", "list"] == [type(answer).__name__ for answer in answers]
        assert ["a", "b"] == [_name(record) for record in await drain(log)]

    async def test_too_many_waiting_appends_are_refused(self, open_log: OpenLog) -> None:
        """Beyond the bound a call is refused at once, with a time to come back; those waiting are stored."""
        log = await open_log(max_pending=5)
        tasks = [asyncio.create_task(log.append([draft(str(number))])) for number in range(8)]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        refused = [result for result in results if isinstance(result, Overloaded)]
        assert [1, 1, 1] == [error.retry_after_s for error in refused]
        assert 5 == log.head

    async def test_append_after_close_is_refused(self, log: Log) -> None:
        """A closed log accepts nothing and says so."""
        await log.close()
        with pytest.raises(StorageUnavailable):
            await log.append([draft("late")])
        assert not log.writable

    async def test_close_finishes_what_was_accepted(self, open_log: OpenLog) -> None:
        """Appends that were waiting when the log closed are stored and answered."""
        log = await open_log()
        tasks = [asyncio.create_task(log.append([draft(str(number))])) for number in range(50)]
        await asyncio.sleep(0)
        await log.close()
        answers = await asyncio.gather(*tasks)
        again = await open_log()
        assert len(answers) == again.head == 50

    async def test_closing_twice_is_closing_once(self, log: Log) -> None:
        """A second close waits for the first and does nothing."""
        await asyncio.gather(log.close(), log.close())
        await log.close()


class TestIdempotency:
    async def test_a_repeat_gets_the_first_answer(self, log: Log) -> None:
        """The same key and body are stored once and answered with the same id and position."""
        (first,) = await log.append([draft("a", key=b"k", body=b"1")])
        (again,) = await log.append([draft("b", key=b"k", body=b"1")])
        assert (Appended("a", 1, False), Appended("a", 1, True)) == (first, again)
        assert 1 == log.head

    async def test_another_body_under_the_key_is_a_conflict(self, log: Log) -> None:
        """A key used with another body is refused by itself; its neighbours are stored."""
        await log.append([draft("a", key=b"k", body=b"1")])
        results = await log.append([draft("b"), draft("c", key=b"k", body=b"2"), draft("d")])
        assert ["Appended", "IdempotencyConflict", "Appended"] == [type(result).__name__ for result in results]
        assert ["a", "b", "d"] == [_name(record) for record in await drain(log)]

    async def test_repeats_within_one_call(self, log: Log) -> None:
        """Keys are honoured between the drafts of one transaction too."""
        results = await log.append(
            [draft("a", key=b"k"), draft("b", key=b"k"), draft("c", key=b"k", body=b"other"), draft("d", key=b"l")]
        )
        assert [Appended("a", 1, False), Appended("a", 1, True)] == results[:2]
        assert isinstance(results[2], IdempotencyConflict)
        assert Appended("d", 2, False) == results[3]

    async def test_parallel_retries_store_one_row_per_key(self, open_log: OpenLog) -> None:
        """1,000 keys, each retried three times in parallel: one record each, and one id for all tries."""
        log = await open_log(max_pending=3_000)

        async def publish(number: int, attempt: int) -> tuple[int, Appended]:
            (result,) = await log.append([draft(f"{number}.{attempt}", key=b"key%d" % number, body=b"same")])
            return number, stored(result)

        tries = [publish(number, attempt) for attempt in range(3) for number in range(1_000)]
        answers = await asyncio.gather(*tries)
        by_key: dict[int, set[tuple[str, int]]] = {}
        for number, appended in answers:
            by_key.setdefault(number, set()).add((appended.id, appended.position))
        assert 1_000 == len(by_key) == log.head
        assert {1} == {len(identities) for identities in by_key.values()}
        assert 2_000 == sum(appended.duplicate for _, appended in answers)

    async def test_keys_survive_a_restart(self, open_log: OpenLog) -> None:
        """A key is honoured by the next process too."""
        log = await open_log()
        await log.append([draft("a", key=b"k", body=b"1")])
        await log.close()
        again = await open_log()
        assert [Appended("a", 1, True)] == await again.append([draft("b", key=b"k", body=b"1")])

    async def test_a_key_past_its_time_is_new(self, log: Log, clock: Clock) -> None:
        """After its time a key stores again, whatever the body, and is remembered anew."""
        await log.append([draft("a", key=b"k", body=b"1")])
        clock.pass_by(86_399)
        assert [Appended("a", 1, True)] == await log.append([draft("b", key=b"k", body=b"1")])
        async with asyncio.timeout(DEADLINE_S):
            while isinstance((await log.append([draft("b", key=b"k", body=b"2")]))[0], IdempotencyConflict):
                # The log looks for what is over in its own time.
                clock.pass_by(3_600)
                await asyncio.sleep(0.05)
        assert [Appended("b", 2, True)] == await log.append([draft("c", key=b"k", body=b"2")])

    @pytest.mark.parametrize("restart", [False, True])
    @pytest.mark.parametrize("jump_s", [86_401.0, 30 * 86_400.0, 400 * 86_400.0])
    async def test_a_key_outlives_a_clock_that_jumps(
        self, open_log: OpenLog, clock: Clock, jump_s: float, restart: bool
    ) -> None:
        """While the clock is ahead, and when it is back, a repeat is a repeat, also after a restart in between."""
        log = await open_log()
        await log.append([draft("a", key=b"k", body=b"1")])
        for now_s in (clock.now_s + jump_s, clock.now_s):
            clock.now_s = now_s
            if restart:
                await log.close()
                log = await open_log()
            clock.monotonic_s += 600
            await wait_for_a_look(log)
            assert [Appended("a", 1, True)] == await log.append([draft("b", key=b"k", body=b"1")])


class TestRead:
    async def test_each_subscriber_reads_its_own(self, log: Log) -> None:
        """Records come for any of the targets, once even where two match, and nobody else's."""
        await log.append(
            [draft("a", ANNA), draft("b", BRUNO), draft("c", ANNA, ACME), draft("d", EVERYONE), draft("e", ACME)]
        )
        assert ["a", "c", "d", "e"] == [_name(record) for record in await drain(log, ANNA, ACME, EVERYONE)]
        assert ["b"] == [_name(record) for record in await drain(log, BRUNO)]
        assert [] == await drain(log, user_target("other", "anna"))

    async def test_the_range_is_open_below_and_closed_above(self, log: Log) -> None:
        """`after` is left out and `upto` is let in; nothing to ask for is nothing found."""
        await log.append([draft(str(number)) for number in range(1, 10)])
        found = await log.read([EVERYONE], after=3, upto=6, limit=10, limit_bytes=LIGHT)
        assert [4, 5, 6] == [record.position for record in found.records]
        assert Reading([], 6) == await log.read([EVERYONE], after=6, upto=6, limit=10, limit_bytes=LIGHT)
        assert Reading([], 9) == await log.read([], after=0, upto=9, limit=10, limit_bytes=LIGHT)

    async def test_expired_records_are_left_out_and_do_not_shorten_a_page(self, log: Log, clock: Clock) -> None:
        """Neither limit counts what is not handed out."""
        soon = clock.now_s + 5
        await log.append([draft(f"{number}", expires_at_s=soon if number % 2 else None) for number in range(20)])
        assert 20 == len(await drain(log))
        clock.now_s = soon
        page = await log.read([EVERYONE], after=0, upto=log.head, limit=8, limit_bytes=LIGHT)
        assert ["0", "2", "4", "6", "8", "10", "12", "14"] == [_name(record) for record in page.records]
        weight_bytes = sum(map(_weigh, page.records))
        assert page == await log.read([EVERYONE], after=0, upto=log.head, limit=50, limit_bytes=weight_bytes)

    async def test_a_reading_is_bounded_in_bytes(self, log: Log) -> None:
        """It ends before it is too heavy and says where to go on; the last of the range is its end."""
        await log.append([draft(str(number), payload=b"x" * 1_000) for number in range(10)])
        each_bytes = 1_000 + len('["*"]')
        for limit_bytes, positions, upto in (
            (3 * each_bytes, [1, 2, 3], 3),
            (3 * each_bytes - 1, [1, 2], 2),
            (10 * each_bytes, list(range(1, 11)), 10),
            (10 * each_bytes - 1, list(range(1, 10)), 9),
        ):
            page = await log.read([EVERYONE], after=0, upto=10, limit=100, limit_bytes=limit_bytes)
            assert (positions, upto) == ([record.position for record in page.records], page.upto)

    async def test_what_is_too_heavy_by_itself_comes_alone(self, log: Log) -> None:
        """A record beyond the limit is a reading of its own, wherever it stands: no reading ends where it began."""
        await log.append([draft(str(number), payload=b"x" * size) for number, size in enumerate((10, 5_000, 0, 5_000))])
        upto, pages = 0, []
        while upto < log.head:
            page = await log.read([EVERYONE], after=upto, upto=log.head, limit=100, limit_bytes=100)
            pages.append([record.position for record in page.records])
            upto = page.upto
        assert [[1], [2], [3], [4]] == pages

    @pytest.mark.parametrize("page", [1, 7, 300])
    async def test_heavy_and_light_records_take_turns(self, log: Log, clock: Clock, page: int) -> None:
        """Wherever a heavy one stands, and whatever expired before it, all that is due comes once and in order."""
        sizes = [10, 700, 720, 5_000, 10, 70_000, 70_000, 10, 766, 800] * 5 + [10] * 200 + [2_000]
        soon = clock.now_s + 5
        await log.append(
            [draft(str(n), payload=b"x" * size, expires_at_s=soon if n % 3 else None) for n, size in enumerate(sizes)]
        )
        for now_s in (clock.now_s, soon):
            clock.now_s = now_s
            expected = [size for n, size in enumerate(sizes) if now_s < soon or n % 3 == 0]
            for page_bytes in (0, 1_000, 20_000, 10**6):
                found = await drain(log, page=page, page_bytes=page_bytes)
                assert expected == [len(record.payload) for record in found]

    async def test_whom_a_record_is_for_weighs_too(self, log: Log) -> None:
        """Thousands of named users are more than many a payload."""
        users = [user_target("a1", str(number)) for number in range(1_000)]
        await log.append([draft("a", *users), draft("b", *users)])
        page = await log.read([users[0]], after=0, upto=2, limit=100, limit_bytes=20_000)
        assert ([1], 1) == ([record.position for record in page.records], page.upto)

    async def test_the_hubs_own_records_are_for_nobody_else(self, log: Log, clock: Clock) -> None:
        """Control records come under their own target alone, until they expire."""
        await log.append([draft("c", CONTROL, expires_at_s=clock.now_s + 60), draft("n")])
        assert ["n"] == [_name(record) for record in await drain(log)]
        assert ["c"] == [_name(record) for record in await drain(log, CONTROL)]

    async def test_read_after_close_is_refused(self, log: Log) -> None:
        """A closed log is not read."""
        await log.append([draft("a")])
        await log.close()
        with pytest.raises(StorageUnavailable):
            await log.read([EVERYONE], after=0, upto=1, limit=1, limit_bytes=LIGHT)

    @example(calls=[[Draft(id="0", targets=(EVERYONE,), payload=b"")]], page=1, page_bytes=0)
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        calls=st.lists(st.lists(_drafts(), max_size=6), max_size=5),
        page=st.integers(1, 4),
        page_bytes=st.integers(0, 200),
    )
    async def test_what_was_stored_is_what_is_read(
        self, open_log: OpenLog, clock: Clock, calls: list[list[Draft]], page: int, page_bytes: int
    ) -> None:
        """Any drafts come back byte for byte, to each target, in pages of any size, after a restart too."""
        folder = f"round-trip-{next(_folders)}"
        log = await open_log(folder)
        tail = Follower(log.follow())
        for drafts in calls:
            await log.append(drafts)
        expected = [
            Record(position, tuple(dict.fromkeys(draft.targets)), draft.payload, draft.expires_at_s)
            for position, draft in enumerate(itertools.chain(*calls), start=1)
        ]
        await log.close()
        await tail.wait_end()
        assert expected == tail.records

        log = await open_log(folder)
        visible = [record for record in expected if (record.expires_at_s or float("inf")) > clock.now_s]
        everybody: list[Target] = sorted({target for record in expected for target in record.targets})
        for target in everybody:
            assert [record for record in visible if target in record.targets] == await drain(
                log, target, page=page, page_bytes=page_bytes
            )
        if everybody:
            assert visible == await drain(log, *everybody, page=page, page_bytes=page_bytes)
        await log.close()


class TestTail:
    async def test_yields_everything_from_the_call_on(self, log: Log) -> None:
        """Records appended after `tail` was called come, those before do not, even if iteration starts later."""
        await log.append([draft("before")])
        tail = log.follow()
        await log.append([draft("a"), draft("b", CONTROL)])
        follower = Follower(tail)
        await follower.wait_for(2)
        await log.append([draft("c")])
        await follower.wait_for(3)
        assert ["a", "b", "c"] == [_name(record) for record in follower.records]

    async def test_ends_with_the_log(self, log: Log) -> None:
        """Closing yields what was accepted, then ends the iteration."""
        follower = Follower(log.follow())
        await log.append([draft("a")])
        await log.close()
        await follower.wait_end()
        assert [1] == follower.positions

    async def test_a_second_consumer_takes_over(self, log: Log) -> None:
        """Calling `tail` again ends the first iterator; the second misses nothing from its call on."""
        first = Follower(log.follow())
        await log.append([draft("a")])
        second = Follower(log.follow())
        await log.append([draft("b")])
        await first.wait_end()
        await second.wait_for(1)
        assert ([1], [2]) == (first.positions, second.positions)

    async def test_a_duplicate_is_not_yielded(self, log: Log) -> None:
        """A repeat stores nothing, so nobody is told twice."""
        follower = Follower(log.follow())
        for identifier in "abc":
            await log.append([draft(identifier, key=b"k")])
        await log.append([draft("last")])
        await follower.wait_for(2)
        assert ["a", "last"] == [_name(record) for record in follower.records]


class TestEnd:
    async def test_what_the_log_has_is_not_beyond_its_end(self, log: Log) -> None:
        """A place in the log is never beyond it; of one that is, a node of several says so, or that it cannot know."""
        await log.append([draft("a"), draft("b")])
        assert not await log.is_beyond_end(2)
        with contextlib.suppress(StorageUnavailable):
            assert await log.is_beyond_end(3)


class TestLife:
    async def test_a_log_goes_on_where_it_ended(self, open_log: OpenLog) -> None:
        """Epoch, head and records survive a restart; another log has another epoch."""
        log = await open_log()
        await log.append([draft("a")])
        epoch = log.epoch
        await log.close()
        again = await open_log()
        assert (epoch, 1, 1) == (again.epoch, again.head, again.first)
        assert [Appended("b", 2, False)] == await again.append([draft("b")])
        assert epoch != (await open_log("elsewhere")).epoch


def _weigh(record: Record) -> int:
    return len(record.payload) + len(f'["{record.targets[0]}"]')


def _name(record: Record) -> str:
    return record.payload.decode().split('"')[3]


class TestFind:
    """Looking for a record by the id of its notification."""

    async def test_every_record_is_found(self, log: Log, clock: Clock) -> None:
        """Old or new, expired or not, a record is found by its id, whole, with the moment it was stored."""
        began_s = clock.now_s
        drafts = [draft(f"n{number}", ANNA, expires_at_s=began_s + 1 if number % 2 else None) for number in range(30)]
        await log.append(drafts)
        clock.pass_by(1_000)
        for position, each in enumerate(drafts, start=1):
            for at in (None, position):
                found = await log.find(each.id, at=at)
                assert found is not None
                assert (position, each.payload, each.targets) == (
                    found.record.position,
                    found.record.payload,
                    found.record.targets,
                )
                assert (each.expires_at_s, began_s) == (found.record.expires_at_s, found.stored_at_s)

    async def test_what_is_not_there(self, log: Log) -> None:
        """An id that no record has, a wrong position and a control record are not found."""
        await log.append([draft("one"), draft("two"), draft("control", CONTROL)])
        for identifier, at in (("three", None), ("", None), ("one", 2), ("one", 0), ("one", 99), ("control", None)):
            assert await log.find(identifier, at=at) is None

    async def test_the_newest_of_several(self, log: Log) -> None:
        """Of records with one id, which only a foreign draft can have, the newest is found."""
        await log.append([draft("one"), draft("one")])
        found = await log.find("one")
        assert found is not None
        assert 2 == found.record.position
