"""State that outlives the stream's retention: it is appended anew, so that a mirror that is built anew has it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from itertools import chain, repeat
from pathlib import Path
from unittest.mock import AsyncMock

import apsw
import msgspec
import pytest

from hub.cursor import new_epoch
from hub.errors import SettingsError
from hub.log.jetstream.administration import leave_stream
from hub.log.jetstream.append import Limits
from hub.log.jetstream.founding import Founding, create_stream
from hub.log.jetstream.log import JetStreamLog, open_jetstream_log
from hub.log.jetstream.mirror import note_path
from hub.log.jetstream.record import NOTHING, Erase, _Record, decode_record, encode_erase, encode_renewal, place
from hub.log.jetstream.renewal import Renewer, Timing, is_due
from hub.log.jetstream.repair import read_page
from hub.log.jetstream.stream import Stream, ask_stream, read_stream
from hub.log.jetstream.subject import Names
from hub.log.port import Change, Draft, Kind, Placed, Renewal, Renewed
from hub.log.sqlite.log import open_sqlite_log
from hub.log.sqlite.mirror import SqliteMirror, open_mirror
from hub.log.sqlite.renewal import Progress, RenewablePage, StateDamaged
from hub.log.sqlite.retention import Retention
from hub.log.sqlite.schema import LogFile, close_connection, open_reader, read_schema
from hub.nats.address import read_servers
from hub.nats.connection import NatsConnection, open_nats
from hub.target import CONTROL, EVERYONE, Target, user_target
from tests.log.engines import Clock, Follower, draft, drain, wait_until
from tests.nats_servers import shared_server

ANNA, BOB = user_target("acme", "anna"), user_target("acme", "bob")
DAY_S = 86_400
RETENTION = Retention(retention_s=30 * DAY_S, retention_records=1_000_000, idempotency_s=DAY_S)
QUICK = Timing(look_s=0.1, patience_s=1.0, whole_s=20.0)
KEPT = 40

MUTED = Change(f"preferences{ANNA}", "muted", b"x")
SUBSCRIBED = Change(f"push{BOB}", "key", b"endpoint")
DEADLINE = Change("deadlines", "0001", b"due", person=BOB)
GONE = Change(f"preferences{BOB}", "muted", b"y")
LASTING = [MUTED, SUBSCRIBED, DEADLINE]
REVOCATION = Draft(id="r", targets=(CONTROL,), payload=b'{"r":1}', expires_at_s=2e9, kind=Kind.CONTROL)


def _state(*changes: Change, targets: tuple[Target, ...] = (CONTROL,)) -> Draft:
    return Draft(id=secrets.token_hex(4), targets=targets, payload=b"{}", kind=Kind.STATE, changes=changes)


@asynccontextmanager
async def _stream(kept: int = KEPT) -> AsyncIterator[tuple[NatsConnection, Names]]:
    servers, _ = read_servers(shared_server().url)
    nats = await open_nats(servers, name="test", timeout_s=20)
    names = Names(f"t{secrets.token_hex(6)}")
    try:
        founding = Founding(replicas=1, max_age_s=30 * DAY_S, max_records=kept)
        await create_stream(nats, names, founding, epoch=new_epoch())
        yield nats, names
    finally:
        await nats.close()


async def _open(names: Names, folder: Path, node: str, timing: Timing = QUICK) -> JetStreamLog:
    servers, _ = read_servers(shared_server().url)
    return await open_jetstream_log(
        await open_nats(servers, name="test", timeout_s=20),
        stream=names.stream,
        node=node,
        path=folder / node / "log.sqlite3",
        limits=Limits(max_pending=1_000, deadline_s=15),
        retention=RETENTION,
        now=Clock(),
        owns_nats=True,
        timing=timing,
    )


async def _check(log: JetStreamLog) -> None:
    for change in LASTING:
        entry = await log.read_state(change.owner, change.key)
        assert entry is not None, change
        assert change.value == entry.value
    assert await log.read_state(GONE.owner, GONE.key) is None
    assert {REVOCATION.payload} == {record.payload for record in await drain(log, CONTROL)}


async def _pass_by(nats: NatsConnection, names: Names, log: JetStreamLog, position: int) -> None:
    """Publish until the stream has dropped a position, no faster than a round can follow."""
    async with asyncio.timeout(60):
        while (await read_stream(nats, names)).state.first <= position:
            await log.append([draft(secrets.token_hex(4))])
            await asyncio.sleep(0.02)


class TestCluster:
    async def test_a_new_mirror_has_what_the_stream_dropped(self, tmp_path: Path) -> None:
        """Preferences, push subscriptions, deadlines and revocations are in a mirror that was built after the stream
        dropped their records; what was removed is not. Nobody is shown anything, and a newer change stays."""
        async with _stream() as (nats, names):
            nodes = await asyncio.gather(_open(names, tmp_path, "a"), _open(names, tmp_path, "b"))
            follower = Follower(nodes[0].follow())
            older = msgspec.structs.replace(MUTED, value=b"older")
            await nodes[0].append([_state(older, GONE, targets=(ANNA,)), _state(SUBSCRIBED, DEADLINE), REVOCATION])
            await _pass_by(nats, names, nodes[0], nodes[0].head)
            await nodes[1].append([_state(MUTED), _state(msgspec.structs.replace(GONE, value=None))])
            await _pass_by(nats, names, nodes[0], nodes[1].head)
            fresh = await _open(names, tmp_path, "c")
            await wait_until(lambda: nodes[0].head >= fresh.head and nodes[1].head >= fresh.head, "the same head")
            for log in (*nodes, fresh):
                await _check(log)
            shown = [record for record in follower.records if ANNA in record.targets or CONTROL in record.targets]
            # What the services published, once each.
            assert 5 == len(shown)
            with_states = await nodes[1].read(
                [ANNA, EVERYONE], after=0, upto=nodes[1].head, limit=9_999, limit_bytes=2**30, with_states=True
            )
            assert 1 == sum(record.kind is Kind.STATE for record in with_states.records)
            await asyncio.gather(*(log.close() for log in (*nodes, fresh)))

    async def test_a_cluster_that_was_stopped_for_longer_than_the_stream_keeps(self, tmp_path: Path) -> None:
        """The stream has dropped all while no node ran: the one that has a mirror appends the state anew, and one that
        begins with nothing waits for that."""
        async with _stream() as (nats, names):
            log = await _open(names, tmp_path, "a")
            await log.append([_state(*LASTING, GONE), REVOCATION, _state(msgspec.structs.replace(GONE, value=None))])
            await log.close()
            await _drop_all(nats, names)
            fresh = asyncio.ensure_future(_open(names, tmp_path, "c"))
            await asyncio.sleep(0.5)
            assert not fresh.done()
            log = await _open(names, tmp_path, "a")
            async with asyncio.timeout(20):
                await _check(await fresh)
            await _check(log)
            await asyncio.gather(log.close(), fresh.result().close())
            # Nor can one that begins with nothing go on alone with it; the other one can, and has all of it.
            leaving = partial(leave_stream, nats, names, retention=RETENTION, now=Clock())
            with pytest.raises(SettingsError, match="lacks state"):
                await leaving(tmp_path / "d" / "log.sqlite3", node="d")
            path = tmp_path / "a" / "log.sqlite3"
            await leaving(path, node="a")
            connection = open_reader(LogFile(path))
            assert not {"renewal", "removed", "renewed_control"} & {name for name, _ in read_schema(connection)}
            close_connection(connection)

    async def test_who_may_go_on_alone(self, tmp_path: Path) -> None:
        """A mirror that was away while the stream dropped something, or would be made again, is told so before the
        stream is closed for good, and so is the log of a hub alone; then one that has all of it can leave."""
        async with _stream() as (nats, names):
            logs = {node: await _open(names, tmp_path, node) for node in ("a", "b", "c")}
            await logs["a"].append([_state(*LASTING), REVOCATION])
            await wait_until(lambda: logs["b"].head == 2, "the second node")
            await logs["b"].close()
            await _pass_by(nats, names, logs["a"], 4)
            await asyncio.gather(logs["a"].close(), logs["c"].close())
            note_path(tmp_path / "c" / "log.sqlite3").write_text("another boot")
            alone = await open_sqlite_log(
                tmp_path / "d" / "log.sqlite3",
                now=Clock(),
                retention_s=DAY_S,
                retention_records=1_000,
                idempotency_s=DAY_S,
                max_pending=10,
            )
            await alone.append([draft("d")])
            await alone.close()
            (tmp_path / "e").mkdir()
            (tmp_path / "e" / "log.sqlite3").touch()
            for node, words in (
                ("b", "lacks state"),
                ("c", "lacks state"),
                ("d", "log of a hub alone"),
                ("e", "lacks state"),
            ):
                path = tmp_path / node / "log.sqlite3"
                with pytest.raises(SettingsError, match=words):
                    await leave_stream(nats, names, path, node=node, retention=RETENTION, now=Clock())
            path = tmp_path / "a" / "log.sqlite3"
            await leave_stream(nats, names, path, node="a", retention=RETENTION, now=Clock())

    async def test_nobody_has_it(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        """Where no node has the state that the stream dropped, a node says so and starts. What is changed from then on
        outlives the stream's retention again."""
        async with _stream() as (nats, names):
            log = await _open(names, tmp_path, "a")
            await log.append([_state(DEADLINE)])
            await log.close()
            await _drop_all(nats, names)
            timing = msgspec.structs.replace(QUICK, whole_s=0.5, orphan_s=0.5)
            log = await _open(names, tmp_path, "b", timing)
            assert "preferences, push subscriptions and revocations may be missing" in caplog.text
            await log.append([_state(MUTED)])
            await _pass_by(nats, names, log, log.head)
            # By now nobody can come any more who has it.
            fresh = await _open(names, tmp_path, "c")
            assert [None, b"x"] == [
                entry and entry.value
                for entry in [await fresh.read_state(each.owner, each.key) for each in (DEADLINE, MUTED)]
            ]
            await asyncio.gather(log.close(), fresh.close())

    async def test_an_erased_person_is_not_renewed(self, tmp_path: Path) -> None:
        """After an erasure no record of the stream has the person, and no mirror: neither what was renewed before."""
        async with _stream() as (nats, names):
            log = await _open(names, tmp_path, "a")
            await log.append([_state(MUTED, SUBSCRIBED)])
            await _pass_by(nats, names, log, log.head)
            async with asyncio.timeout(20):
                while (renewed := await log.read_state(MUTED.owner, MUTED.key)) is None or renewed.position == 1:
                    await asyncio.sleep(0.05)
            async with asyncio.timeout(20):
                while (progress := await log._mirror.read_progress()).round != progress.complete:
                    await asyncio.sleep(0.05)
            before = log.head
            assert 1 == (await log.erase("anna", "acme")).states
            await wait_until(lambda: log.head > before, "the record of the erasure")
            erased_at = log.head
            await _pass_by(nats, names, log, log.head)
            fresh = await _open(names, tmp_path, "c")
            for node in (log, fresh):
                assert await node.read_state(MUTED.owner, MUTED.key) is None
                assert await node.read_state(SUBSCRIBED.owner, SUBSCRIBED.key) is not None
            page = await read_page(nats, names, after=erased_at)
            assert page.items
            assert not [position for position, content in page.items if b"anna" in content]
            await asyncio.gather(log.close(), fresh.close())


async def _drop_all(nats: NatsConnection, names: Names) -> None:
    """Let the stream's retention take everything, as an administrator could."""
    stream = await read_stream(nats, names)
    kept = msgspec.to_builtins(stream.config)
    short = {**kept, "max_age": 2 * 10**8, "duplicate_window": 10**8}
    await ask_stream(nats, names.update, short, timeout_s=20)
    async with asyncio.timeout(20):
        while (await read_stream(nats, names)).state.messages:
            await asyncio.sleep(0.05)
    await ask_stream(nats, names.update, kept, timeout_s=20)


class _Mirror:
    """A mirror that is given records one after the other."""

    def __init__(self, mirror: SqliteMirror) -> None:
        self.mirror = mirror

    async def take(self, *items: Draft | Renewal) -> int:
        position = self.mirror.head
        placed = []
        for item in items:
            position += 1
            if isinstance(item, Renewal):
                placed.append(Placed(position, 1_000, NOTHING, renewal=item))
            else:
                placed.append(Placed(position, 1_000, item))
        await self.mirror.apply(placed)
        return position

    async def value(self, change: Change) -> bytes | None:
        entry = await self.mirror.read_state(change.owner, change.key)
        return None if entry is None else entry.value


@asynccontextmanager
async def _mirror(folder: Path, *, first: int = 1) -> AsyncIterator[_Mirror]:
    mirror = await open_mirror(
        folder / "log.sqlite3",
        epoch=new_epoch(),
        first=first,
        partial_upto=first - 1,
        now=Clock(),
        retention=RETENTION,
    )
    try:
        yield _Mirror(mirror)
    finally:
        await mirror.close()


def _rows(round_: int, *changes: Change, position: int) -> Renewal:
    rows = tuple(Renewed(each.owner, each.key, each.value or b"", each.person, position) for each in changes)
    return Renewal("rows", round_, rows=rows)


class TestSteps:
    async def test_what_changed_meanwhile_stays(self, tmp_path: Path) -> None:
        """A change or a removal between the reading of a row and its renewal wins, in a whole and in a new mirror."""
        newer = msgspec.structs.replace(MUTED, value=b"newer")
        removal = msgspec.structs.replace(GONE, value=None)
        async with _mirror(tmp_path / "whole") as whole, _mirror(tmp_path / "new", first=3) as new:
            await whole.take(_state(MUTED, GONE), _state(DEADLINE))
            for mirror in (whole, new):
                began = await mirror.take(Renewal("begin", leader="x"))
                await mirror.take(_state(newer), _state(removal), _rows(began, MUTED, GONE, position=1))
                await mirror.take(_rows(began, DEADLINE, position=2), Renewal("end", began))
                values = [await mirror.value(each) for each in (MUTED, GONE, DEADLINE)]
                assert [b"newer", None, b"due"] == values
                assert not (await mirror.mirror.read_progress()).is_partial

    async def test_a_void_step_changes_nothing(self, tmp_path: Path) -> None:
        """Steps of a round that another one, or an erasure, has ended are void, and so are those of one that a mirror
        has not seen from its beginning."""
        async with _mirror(tmp_path, first=3) as new:
            await new.take(_rows(2, MUTED, position=1), Renewal("end", 2))
            first = await new.take(Renewal("begin", leader="x"))
            second = await new.take(Renewal("begin", leader="y"))
            await new.take(_rows(first, MUTED, position=1), Renewal("end", first))
            await new.take(Renewal("stop"), _rows(second, MUTED, position=1), Renewal("end", second))
            assert await new.value(MUTED) is None
            progress = await new.mirror.read_progress()
            assert (0, True) == (progress.complete, progress.is_partial)

    async def test_a_mirror_that_missed_a_part_forgets_what_was_removed_then(self, tmp_path: Path) -> None:
        """What a round does not bring to a mirror that was away was removed meanwhile; what it brings is there."""
        async with _mirror(tmp_path) as mirror:
            await mirror.take(_state(MUTED, GONE))
            await mirror.mirror.apply([Placed(10, 0, None)])
            assert (await mirror.mirror.read_progress()).is_partial
            began = await mirror.take(Renewal("begin", leader="x"))
            await mirror.take(_rows(began, MUTED, position=5), Renewal("end", began))
            assert [b"x", None] == [await mirror.value(each) for each in (MUTED, GONE)]
            assert not (await mirror.mirror.read_progress()).is_partial

    async def test_a_row_without_a_person_gets_that_of_its_record(self, tmp_path: Path) -> None:
        """A row that an erasure takes with the record that put it is still taken when it was renewed."""
        row = Change("counts", "1", b"x")
        async with _mirror(tmp_path) as mirror:
            await mirror.take(_state(row, targets=(ANNA,)))
            page = await mirror.mirror.read_renewable((-1, -1), 2)
            assert [(row.owner, ANNA, 1)] == [(each.owner, each.person, each.position) for each in page.rows]
            began = await mirror.take(Renewal("begin", leader="x"))
            await mirror.take(Renewal("rows", began, rows=page.rows), Renewal("end", began))
            await mirror.mirror.erase("anna", "acme")
            assert await mirror.value(row) is None

    async def test_pages_are_bounded(self, tmp_path: Path) -> None:
        """A round takes rows in pages of some hundred, or a quarter of a megabyte, and each once."""
        async with _mirror(tmp_path) as mirror:
            for number in range(3):
                small = [Change("small", f"{number}.{each}", b"") for each in range(400)]
                await mirror.take(_state(*small), _state(Change("large", str(number), bytes(200_000))))
            pages: list[Sequence[Renewed]] = []
            after = (-1, -1)
            while (page := await mirror.mirror.read_renewable(after, mirror.mirror.head + 1)).last is not None:
                pages.append(page.rows)
                after = page.last
            assert 1_203 == len({(row.owner, row.key) for rows in pages for row in rows}) == sum(map(len, pages))
            assert all(len(rows) <= 500 for rows in pages)
            assert all(sum(len(row.value) for row in rows) <= 256 * 1024 for rows in pages)

    async def test_a_damaged_row_is_not_renewed(self, tmp_path: Path) -> None:
        """A node with a damaged row leads no round: without that row the others would take it for removed."""
        async with _mirror(tmp_path) as mirror:
            await mirror.take(_state(MUTED, SUBSCRIBED))
            connection = apsw.Connection(str(tmp_path / "log.sqlite3"))
            connection.execute("UPDATE state SET value = x'00' WHERE owner = ?", (SUBSCRIBED.owner,))
            connection.close()
            with pytest.raises(StateDamaged):
                await mirror.mirror.read_renewable((-1, -1), 2)

    async def test_a_control_record_goes_once_it_is_there_again(self, tmp_path: Path) -> None:
        """Of a revocation that was renewed over and over, the newest stays when retention has passed the others, and
        what follows the log is told of each revocation once."""
        async with _mirror(tmp_path) as mirror:
            follower = Follower(mirror.mirror.follow())
            at = await mirror.take(REVOCATION)
            for _ in range(3):
                began = await mirror.take(Renewal("begin", leader="x"))
                found = await mirror.mirror.read_renewable_control(0, began, 0)
                assert found is not None
                assert (at, REVOCATION.payload) == (found.position, found.draft and found.draft.payload)
                assert await mirror.mirror.read_renewable_control(at, began, 0) is None
                position = mirror.mirror.head + 1
                step = Renewal("control", began, position=at)
                await mirror.mirror.apply([Placed(position, 1_000, REVOCATION, renewal=step)])
                at = position
            await mirror.take(draft("new"))
            assert 4 == len(await drain(mirror.mirror, CONTROL))
            await mirror.mirror.apply([Placed(mirror.mirror.head, 0, None)])
            async with asyncio.timeout(20):
                while len(left := await drain(mirror.mirror, CONTROL)) > 1:
                    await asyncio.sleep(0.05)
            assert [at] == [record.position for record in left]
            assert 1 == sum(record.kind is Kind.CONTROL for record in follower.records)


class TestLeading:
    @staticmethod
    async def _look(*progress: Progress, page: RenewablePage | None = None) -> list[str]:
        """Return which steps a node publishes for which a round is due, where its mirror is in these places and then
        stays in the last; of rows to renew it finds none, or this page over and over."""
        mirror, publish = AsyncMock(head=9), AsyncMock(return_value=10)
        mirror.read_renewable.return_value = page or RenewablePage((), None)
        mirror.read_renewable_control.return_value = None
        stream = msgspec.convert({"config": {"max_msgs": 2}, "state": {"first_seq": 9, "last_seq": 9}}, Stream)
        renewer = Renewer(
            mirror, publish=publish, node="a", find_stream=lambda: stream, wall_s=lambda: 0.0, timing=QUICK
        )
        places = [msgspec.structs.replace(each, leader=each.leader.replace("mine", renewer.life)) for each in progress]
        mirror.read_progress.side_effect = chain(places, repeat(places[-1]))
        await renewer.look()
        found = [decode_record(call.args[0]) for call in publish.call_args_list]
        return [each.renewal.step for each in found if isinstance(each, Placed) and each.renewal is not None]

    async def test_a_round(self) -> None:
        """A round that stays this node's comes to its end; one that another node has begun meanwhile is left to it."""
        mine = Progress(round=10, leader="mine")
        assert ["begin", "end"] == await self._look(Progress(), mine)
        assert ["begin"] == await self._look(Progress(), Progress(round=11))
        assert ["begin"] == await self._look(Progress(), mine, mine, Progress(round=11))

    async def test_a_leader_that_has_missed_something_stops(self) -> None:
        """A node that finds, with its own round, that the stream has dropped what it had not got yet, leads no further;
        the others need not wait for it."""
        lacking = Progress(round=10, leader="mine", partial_upto=9)
        assert ["begin", "stop"] == await self._look(Progress(), lacking)

    async def test_a_void_round_goes_no_further(self) -> None:
        """After an erasure, or where another node leads, what is left of a round is not appended: it would be void."""
        mine, page = Progress(round=10, leader="mine"), RenewablePage((Renewed("o", "k", b"x", None, 1),), (1, 0))
        for other in (Progress(round=12), Progress(round=12, leader="b 1")):
            assert ["begin", "rows"] == await self._look(Progress(), mine, mine, mine, other, page=page)

    async def test_who_waits(self) -> None:
        """A round of another node goes on until its steps stop coming; a node that lacks state leads none."""
        assert [] == await self._look(Progress(round=5, leader="b 1"))
        assert [] == await self._look(Progress(partial_upto=20))


class TestDue:
    STREAM = msgspec.convert(
        {
            "config": {"max_msgs": 100, "max_age": 1_000 * 10**9, "max_bytes": 1_000, "metadata": {"hub.start": "1"}},
            "state": {
                "first_seq": 1,
                "last_seq": 10,
                "messages": 10,
                "bytes": 100,
                "first_ts": "1970-01-01T00:00:00Z",
            },
            "at": "1970-01-01T00:00:01Z",
        },
        Stream,
    )

    @pytest.mark.parametrize(
        ("state", "progress", "now_s", "due"),
        [
            ({}, Progress(), 0, False),
            ({"last_seq": 51}, Progress(), 0, True),
            ({"last_seq": 51}, Progress(complete=20, end=25), 0, False),
            ({"last_seq": 75}, Progress(complete=20, end=25), 0, True),
            ({"first_seq": 21, "last_seq": 30}, Progress(complete=20), 0, True),
            ({"bytes": 1_100}, Progress(), 0, True),
            ({}, Progress(complete=5, complete_ms=1_000_000), 1_400, False),
            ({}, Progress(complete=5, complete_ms=1_000_000), 1_600, True),
            ({"first_ts": datetime(2026, 1, 1, tzinfo=UTC)}, Progress(), 1_767_225_600 + 501, True),
            ({"messages": 0}, Progress(complete=5, complete_ms=1_000_000), 1_600, False),
        ],
    )
    def test_in_the_older_half(self, state: dict[str, object], progress: Progress, now_s: float, due: bool) -> None:
        """A round is due when half of what the stream keeps came since the last one: by count, size or age."""
        described = msgspec.convert({**msgspec.to_builtins(self.STREAM.state), **state}, type(self.STREAM.state))
        at = datetime.fromtimestamp(now_s, UTC)
        assert due == is_due(msgspec.structs.replace(self.STREAM, state=described, at=at), progress, head=0)

    def test_a_stream_without_limits(self) -> None:
        """A stream that drops nothing needs no round."""
        config = msgspec.structs.replace(self.STREAM.config, max_msgs=-1, max_age=0, max_bytes=-1)
        assert not is_due(msgspec.structs.replace(self.STREAM, config=config), Progress(), head=10**6)


def test_an_erasure_voids_the_round() -> None:
    """Where an erasure stands, each node voids the round: what was read before it may be of the erased user."""
    placed, erase = place(3, encode_erase(Erase("anna", "acme", 5)), "a")
    assert erase is not None
    assert placed.renewal is not None
    assert ("stop", 5) == (placed.renewal.step, placed.created_ms)


def test_an_earlier_hub_reads_a_step_as_nothing() -> None:
    """Of a step, a hub that knows of none stores a record for nobody, or the revocation that is in it."""
    rows = _rows(7, MUTED, position=1)
    for step, control in ((rows, None), (Renewal("control", 7, position=2), REVOCATION)):
        content = encode_renewal(step, control, 5, "a")
        found = decode_record(content)
        assert isinstance(found, Placed)
        assert step == found.renewal
        earlier = msgspec.msgpack.Decoder(_Record).decode(content[2:])
        assert (control or NOTHING).targets == earlier.targets
        assert () == earlier.changes
