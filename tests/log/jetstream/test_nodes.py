"""Several nodes over a real NATS server: one order, one record a key, mirrors that are made again, and the way back."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from hub.cursor import Epoch, new_epoch
from hub.errors import IdempotencyConflict, SettingsError, StorageUnavailable
from hub.log.engine import restore_log
from hub.log.jetstream.administration import create_cluster, leave_stream, read_status
from hub.log.jetstream.append import Limits
from hub.log.jetstream.founding import Founding, create_stream, found_stream
from hub.log.jetstream.log import JetStreamLog, open_jetstream_log
from hub.log.jetstream.mirror import note_path
from hub.log.jetstream.stream import EPOCH, stream_settings
from hub.log.jetstream.subject import Names
from hub.log.port import Appended, Change, Draft, Kind
from hub.log.sqlite.backup import back_up_log
from hub.log.sqlite.log import SqliteLog, open_sqlite_log
from hub.log.sqlite.retention import Retention
from hub.nats.address import read_servers
from hub.nats.connection import NatsConnection, open_nats
from hub.target import CONTROL, EVERYONE, user_target
from hub.webhooks.record import draft_changes
from tests.log.engines import Clock, Follower, draft, drain, stored, wait_until
from tests.nats_servers import make_cluster, shared_server

ANNA = user_target("acme", "anna")
DAY_S = 86_400
FOUNDING = Founding(replicas=1, max_age_s=30 * DAY_S, max_records=1_000_000)
RETENTION = Retention(retention_s=30 * DAY_S, retention_records=1_000_000, idempotency_s=DAY_S)
_names = itertools.count()


async def _connect(url: str = "") -> NatsConnection:
    servers, _ = read_servers(url or shared_server().url)
    return await open_nats(servers, name="test", timeout_s=20)


@contextlib.asynccontextmanager
async def _stream(epoch: Epoch | None = None) -> AsyncIterator[tuple[NatsConnection, Names]]:
    nats, names = await _connect(), Names(f"t{secrets.token_hex(6)}")
    try:
        await create_stream(nats, names, FOUNDING, epoch=epoch or new_epoch())
        yield nats, names
    finally:
        await nats.close()


async def _open(names: Names, folder: Path, node: str, url: str = "", deadline_s: float = 30) -> JetStreamLog:
    return await open_jetstream_log(
        await _connect(url),
        stream=names.stream,
        node=node,
        path=folder / node / "log.sqlite3",
        limits=Limits(max_pending=1_000, deadline_s=deadline_s),
        retention=RETENTION,
        now=Clock(),
        owns_nats=True,
    )


async def _open_alone(path: Path) -> SqliteLog:
    return await open_sqlite_log(
        path,
        now=Clock(),
        retention_s=30 * DAY_S,
        retention_records=1_000_000,
        idempotency_s=DAY_S,
        max_pending=1_000,
    )


class TestTwoNodes:
    async def test_one_order_everywhere(self, tmp_path: Path) -> None:
        """What two nodes publish at the same time comes in one order, the same in both mirrors and both tails."""
        async with _stream() as (_, names):
            first, second = await asyncio.gather(_open(names, tmp_path, "a"), _open(names, tmp_path, "b"))
            followers = [Follower(first.follow()), Follower(second.follow())]
            await asyncio.gather(
                *(log.append([draft(f"{log.epoch}-{number}")]) for number in range(100) for log in (first, second))
            )
            for follower in followers:
                await follower.wait_for(200)
            assert list(range(1, 201)) == followers[0].positions == followers[1].positions
            assert await drain(first) == await drain(second)
            assert {"b", None} == {record.origin for record in followers[0].records}
            await asyncio.gather(first.close(), second.close())

    async def test_one_key_over_two_nodes(self, tmp_path: Path) -> None:
        """Fifty publishes of one key at the same time over two nodes make one record; another body is a conflict."""
        async with _stream() as (_, names):
            nodes = await asyncio.gather(_open(names, tmp_path, "a"), _open(names, tmp_path, "b"))
            results = await asyncio.gather(
                *(nodes[number % 2].append([draft(str(number), key=b"k", body=b"1")]) for number in range(50))
            )
            appended = [stored(result) for (result,) in results]
            assert 1 == len({(each.id, each.position) for each in appended})
            assert 1 == sum(not each.duplicate for each in appended)
            (conflict,) = await nodes[1].append([draft("x", key=b"k", body=b"2")])
            assert isinstance(conflict, IdempotencyConflict)
            assert 1 == nodes[0].head
            await asyncio.gather(*(node.close() for node in nodes))

    async def test_when_a_publish_came_is_known_where_it_came(self, tmp_path: Path) -> None:
        """The node that took a publish measures from then on, also of each in a batch; others do not."""
        async with _stream() as (_, names):
            first, second = await asyncio.gather(_open(names, tmp_path, "a"), _open(names, tmp_path, "b"))
            followers = [Follower(first.follow()), Follower(second.follow())]
            drafts = [msgspec.structs.replace(draft(str(number)), received_s=7.0 + number) for number in range(3)]
            await first.append(drafts)
            await first.append([draft("unknown")])
            for follower in followers:
                await follower.wait_for(4)
            assert [7.0, 8.0, 9.0, None] == [record.received_s for record in followers[0].records]
            assert [None] * 4 == [record.received_s for record in followers[1].records]
            assert not first._appender._received
            await asyncio.gather(first.close(), second.close())

    async def test_a_key_of_what_the_stream_dropped(self, tmp_path: Path) -> None:
        """A key whose record the stream has dropped, and still remembers, is not stored once more by a new node, which
        cannot say whose it was; an older node can."""
        nats, names = await _connect(), Names(f"t{secrets.token_hex(6)}")
        await create_stream(nats, names, msgspec.structs.replace(FOUNDING, max_records=10), epoch=new_epoch())
        older = await _open(names, tmp_path, "a")
        (before,) = await older.append([draft("one", key=b"k", body=b"1")])
        await older.append([draft(str(number)) for number in range(30)])
        fresh = await _open(names, tmp_path, "b")
        with pytest.raises(StorageUnavailable, match="Idempotency-Key"):
            await fresh.append([draft("two", key=b"k", body=b"1")])
        assert [Appended("one", stored(before).position, True)] == await older.append(
            [draft("three", key=b"k", body=b"1")]
        )
        assert b"two" not in b"".join(record.payload for record in await drain(older))
        await asyncio.gather(older.close(), fresh.close(), nats.close())

    async def test_one_of_two_nodes_gets_each_claim(self, tmp_path: Path) -> None:
        """Of two nodes that claim the same at the same moment, each time exactly one is told that it has it."""
        async with _stream() as (_, names):
            nodes = await asyncio.gather(_open(names, tmp_path, "a"), _open(names, tmp_path, "b"))
            for number in range(20):
                changes = (Change("claims", str(number), b""),)
                claims = [node.append([draft_changes(changes, key=f"claim {number}")]) for node in nodes]
                appended = [stored(result) for (result,) in await asyncio.gather(*claims)]
                assert [False, True] == sorted(each.duplicate for each in appended)
            await asyncio.gather(*(node.close() for node in nodes))

    async def test_an_erasure_reaches_every_mirror(self, tmp_path: Path) -> None:
        """An erased user's notifications and state are gone from every node, and later ones are not."""
        async with _stream() as (_, names):
            first, second = await asyncio.gather(_open(names, tmp_path, "a"), _open(names, tmp_path, "b"))
            row = Change(f"preferences{ANNA}", "muted", b"x")
            await first.append([draft("a", ANNA), Draft(id="s", targets=(ANNA,), payload=b"{}", changes=(row,))])
            erased = await first.erase("anna", "acme")
            assert (2, 1) == (erased.records, erased.states)
            await second.append([draft("later", ANNA)])
            for log in (first, second):
                async with asyncio.timeout(20):
                    while log.head < 4:
                        await asyncio.sleep(0.01)
                assert [b'{"id":"later"}'] == [record.payload for record in await drain(log, ANNA)]
                assert await log.read_state(row.owner, row.key) is None
            await asyncio.gather(first.close(), second.close())


async def test_a_log_that_is_broken_ends(tmp_path: Path) -> None:
    """Where a task of it stops by a fault, who follows it is told of the end, and nothing is taken any more."""
    async with _stream() as (_, names):
        log = await _open(names, tmp_path, "a")
        follower = Follower(log.follow())
        await log.append([draft("a")])
        log._tasks._tasks["stream publisher"].cancel()
        await follower.wait_end()
        assert not log.writable
        with pytest.raises(StorageUnavailable):
            await log.append([draft("b")])
        await log.close()


class TestMirror:
    async def test_an_empty_and_an_older_mirror_catch_up(self, tmp_path: Path) -> None:
        """A node that was away, and one without a file, have everything when they are open, also after their kill."""
        async with _stream() as (_, names):
            first = await _open(names, tmp_path, "a")
            second = await _open(names, tmp_path, "b")
            await first.append([draft("0")])
            await second.close()
            for number in range(5):
                await first.append([draft(f"{number}.{each}") for each in range(500)])
            reopened, fresh = await asyncio.gather(_open(names, tmp_path, "b"), _open(names, tmp_path, "c"))
            assert 2_501 == reopened.head == fresh.head
            assert await drain(first) == await drain(reopened) == await drain(fresh)
            await asyncio.gather(first.close(), reopened.close(), fresh.close())

    async def test_another_life_is_moved_aside(self, tmp_path: Path) -> None:
        """A mirror of another stream is kept aside, and this one's is made; the log of a hub alone stays."""
        async with _stream() as (_, one), _stream() as (_, other):
            log = await _open(one, tmp_path, "a")
            await log.append([draft("one")])
            await log.close()
            log = await _open(other, tmp_path, "a")
            assert 0 == log.head
            await log.close()
            aside = list((tmp_path / "a").glob("log.sqlite3.replaced-*/log.sqlite3"))
            assert 1 == len(aside)
            alone = await _open_alone(tmp_path / "b" / "log.sqlite3")
            await alone.append([draft("alone")])
            await alone.close()
            with pytest.raises(SettingsError, match="log of a hub alone"):
                await _open(other, tmp_path, "b")
            alone = await _open_alone(tmp_path / "b" / "log.sqlite3")
            assert 1 == alone.head
            await alone.close()

    async def test_a_backup_becomes_a_stream(self, tmp_path: Path) -> None:
        """A restored backup of a mirror founds the stream again, under a new epoch: every node has it at the same
        positions with all state, and one with an older mirror moves that aside."""
        async with _stream() as (nats, names):
            path, backup = tmp_path / "a" / "log.sqlite3", tmp_path / "backup.sqlite3"
            first, second = await asyncio.gather(_open(names, tmp_path, "a"), _open(names, tmp_path, "b"))
            muted = Change(f"preferences{ANNA}", "muted", b"x")
            state = Draft(id="s", targets=(ANNA,), payload=b"{}", kind=Kind.STATE, changes=(muted,))
            await first.append([draft("a", ANNA, key=b"k", body=b"1"), state])
            kept, old = await drain(first, ANNA), first.epoch
            await asyncio.to_thread(back_up_log, path, backup, now_s=1.0)
            await second.append([draft("later", ANNA)])
            await asyncio.gather(first.close(), second.close())
            await nats.request(f"$JS.API.STREAM.DELETE.{names.stream}", b"", timeout_s=20)
            restored = await asyncio.to_thread(restore_log, backup, path, now_s=2.0)
            assert await create_cluster(nats, names, path, FOUNDING, tell=lambda *_: None)
            first, second = await asyncio.gather(_open(names, tmp_path, "a"), _open(names, tmp_path, "b"))
            for log in (first, second):
                assert old != restored.epoch == log.epoch
                assert kept == await drain(log, ANNA)
                entry = await log.read_state(muted.owner, muted.key)
                assert entry is not None
                assert b"x" == entry.value
            assert [Appended("a", 1, True)] == await second.append([draft("again", ANNA, key=b"k", body=b"1")])
            await asyncio.gather(first.close(), second.close())
            assert 1 == len(list((tmp_path / "b").glob("log.sqlite3.replaced-*/log.sqlite3")))

    async def test_a_mirror_that_lost_power_or_is_damaged_is_made_again(self, tmp_path: Path) -> None:
        """A mirror that was open when the machine stopped, or that is damaged, is made again from the stream."""
        async with _stream() as (_, names):
            log = await _open(names, tmp_path, "a")
            await log.append([draft(str(number)) for number in range(50)])
            await log.close()
            path = tmp_path / "a" / "log.sqlite3"
            note_path(path).write_text("another boot")
            log = await _open(names, tmp_path, "a")
            assert 50 == log.head
            await log.close()
            content = bytearray(path.read_bytes())
            content[4_096:12_288] = bytes(8_192)
            path.write_bytes(content)
            log = await _open(names, tmp_path, "a")
            assert 50 == len(await drain(log))
            await log.close()
            assert 2 == len(list((tmp_path / "a").glob("log.sqlite3.replaced-*")))

    async def test_retention_that_passed_a_node(self, tmp_path: Path) -> None:
        """Where the stream has dropped what a node missed, its cursors meet a gap, and it goes on with the rest."""
        nats, names = await _connect(), Names(f"t{secrets.token_hex(6)}")
        await create_stream(nats, names, msgspec.structs.replace(FOUNDING, max_records=10), epoch=new_epoch())
        first, second = await asyncio.gather(_open(names, tmp_path, "a"), _open(names, tmp_path, "b"))
        await first.append([draft("0")])
        await second.close()
        await first.append([draft(str(number)) for number in range(30)])
        second = await _open(names, tmp_path, "b")
        # A node may have renewed state meanwhile, which takes a place or two.
        assert 22 <= second.first <= 25
        kept = [record.position for record in await drain(second)]
        assert [record.position for record in await drain(first, after=second.first - 1)] == kept
        assert 31 in kept
        await asyncio.gather(first.close(), second.close(), nats.close())


class TestRefusals:
    async def test_no_stream(self, tmp_path: Path) -> None:
        """Where there is no such stream, the command that makes it is named."""
        with pytest.raises(SettingsError, match="hub cluster init"):
            await _open(Names("missing"), tmp_path, "a")

    async def test_another_programs_stream(self, tmp_path: Path) -> None:
        """A stream that is not a log of the hub is not used, and `init` does not touch it."""
        nats, names = await _connect(), Names(f"t{secrets.token_hex(6)}")
        settings = stream_settings(names, replicas=1, first=1, max_age_s=DAY_S, max_records=10, metadata={})
        await nats.request(names.create, msgspec.json.encode(settings), timeout_s=20)
        with pytest.raises(SettingsError, match="another program owns it"):
            await _open(names, tmp_path, "a")
        with pytest.raises(SettingsError, match="another program owns"):
            await found_stream(nats, names, FOUNDING, epoch=new_epoch(), export=None, tell=lambda *_: None)
        await nats.close()

    @pytest.mark.parametrize(
        ("name", "value", "problem"),
        [
            ("republish", None, "republish"),
            ("republish", {"src": ">", "dest": "elsewhere.>"}, "republish"),
            ("republish", {"src": "log", "dest": "tap", "headers_only": True}, "headers only"),
            ("allow_direct", False, "allow_direct is off"),
            ("duplicate_window", 5 * 10**9, "duplicate_window"),
            ("storage", "memory", "storage"),
            ("subjects", ["x"], "subjects"),
            ("subjects", ["log", "x"], "subjects"),
            ("retention", "workqueue", "retention"),
            ("discard", "new", "retention"),
            ("max_msgs_per_subject", 5, "max_msgs_per_subject"),
            ("max_msg_size", 65_536, "max_msg_size"),
            ("no_ack", True, "no_ack"),
            ("subject_transform", {"src": "log", "dest": "x"}, "subject_transform"),
            ("persist_mode", "async", "persist_mode"),
            ("sources", [{"name": "other"}], "of other streams"),
            ("metadata", {"hub.epoch": "e", "hub.head": "ten"}, "metadata"),
            ("metadata", {"hub.epoch": "e", "hub.head": "10"}, "run it again"),
            ("metadata", {"hub.epoch": "e", "hub.left": "b"}, "went on alone"),
        ],
    )
    async def test_wrong_settings(self, tmp_path: Path, name: str, value: object, problem: str) -> None:
        """A stream that would lose something or cannot be mirrored is refused, with what is wrong."""
        nats, names = await _connect(), Names(f"t{secrets.token_hex(6)}")
        metadata: dict[str, str] = {EPOCH: new_epoch()}
        settings = stream_settings(names, replicas=1, first=1, max_age_s=DAY_S, max_records=10, metadata=metadata)
        if name in ("subjects", "republish", "subject_transform"):
            # What is said of subjects is said of those of this stream.
            encoded = re.sub(rb'"(log|tap|x)"', rb'"%s.\1"' % names.stream.encode(), msgspec.json.encode(value))
            value = msgspec.json.decode(encoded)
        reply = await nats.request(names.create, msgspec.json.encode({**settings, name: value}), timeout_s=20)
        assert b'"error"' not in reply.payload
        with pytest.raises(SettingsError, match=problem):
            await _open(names, tmp_path, "a")
        assert 1 == len((await read_status(nats, names, append_deadline_s=15)).problems)
        await nats.close()

    async def test_a_sealed_stream(self, tmp_path: Path) -> None:
        """One that was closed by something else than `hub cluster leave` is not used."""
        async with _stream() as (nats, names):
            settings = msgspec.json.decode((await nats.request(names.info, b"", timeout_s=20)).payload)["config"]
            body = msgspec.json.encode({**settings, "sealed": True, "max_age": 0})
            assert b'"error"' not in (await nats.request(names.update, body, timeout_s=20)).payload
            with pytest.raises(SettingsError, match="it is sealed"):
                await _open(names, tmp_path, "a")

    @pytest.mark.parametrize(("name", "value", "words"), [("deny_delete", False, "--deny-delete")])
    async def test_weak_settings(self, tmp_path: Path, name: str, value: object, words: str) -> None:
        """What loses something only where something else goes wrong is used, and warned of with what to do."""
        nats, names = await _connect(), Names(f"t{secrets.token_hex(6)}")
        metadata: dict[str, str] = {EPOCH: new_epoch()}
        settings = stream_settings(names, replicas=1, first=1, max_age_s=DAY_S, max_records=10, metadata=metadata)
        await nats.request(names.create, msgspec.json.encode({**settings, name: value}), timeout_s=20)
        await (await _open(names, tmp_path, "a")).close()
        found = await read_status(nats, names, append_deadline_s=15)
        assert ([], 2) == (found.problems, len(found.warnings))
        assert "--replicas 3" in found.warnings[0]
        assert words in found.warnings[1]
        await nats.close()


class TestThereAndBack:
    async def test_from_one_node_to_several_and_back(self, tmp_path: Path) -> None:
        """Positions, epoch, keys, state, revocations and what was superseded are the same at each step."""
        path = tmp_path / "a" / "log.sqlite3"
        alone = await _open_alone(path)
        epoch = alone.epoch
        revocation = Draft(id="r", targets=(CONTROL,), payload=b"{}", expires_at_s=2e9)
        muted = Change(f"preferences{ANNA}", "muted", b"x")
        await alone.append(
            [
                draft("a", ANNA, key=b"k", body=b"1"),
                revocation,
                Draft(id="s", targets=(ANNA,), payload=b"{}", kind=Kind.STATE, changes=(muted,)),
                Draft(id="old", targets=(ANNA,), payload=b'{"type":"t"}', type="t", collapse=b"c"),
                Draft(id="new", targets=(ANNA,), payload=b'{"type":"t"}', type="t", collapse=b"c"),
            ]
        )
        before = await drain(alone, ANNA, EVERYONE, CONTROL)
        await alone.close()
        nats, names = await _connect(), Names(f"t{secrets.token_hex(6)}")
        assert await create_cluster(nats, names, path, FOUNDING, tell=lambda *_: None)
        # Another time it finds everything there.
        assert await create_cluster(nats, names, path, FOUNDING, tell=lambda *_: None)
        first, fresh = await asyncio.gather(_open(names, tmp_path, "a"), _open(names, tmp_path, "b"))
        for log in (first, fresh):
            assert (epoch, 5) == (log.epoch, log.head)
            assert before == await drain(log, ANNA, EVERYONE, CONTROL)
            assert [Appended("a", 1, True)] == await log.append([draft("again", key=b"k", body=b"1")])
            entry = await log.read_state(muted.owner, muted.key)
            assert entry is not None
            assert (b"x", 3) == (entry.value, entry.position)
            found = await log.find("old")
            assert found is not None
            assert 5 == found.superseded_by
        await fresh.append([draft("b", ANNA)])
        await wait_until(lambda: first.head == 6, "the new record")
        await asyncio.gather(first.close(), fresh.close())
        assert 6 == await leave_stream(nats, names, path, node="a", retention=RETENTION, now=Clock())
        with pytest.raises(SettingsError, match="went on alone"):
            await _open(names, tmp_path, "b")
        alone = await _open_alone(path)
        assert (epoch, 6) == (alone.epoch, alone.head)
        assert [*before, *(await drain(fresh_log := alone, ANNA, after=5))] == await drain(
            fresh_log, ANNA, EVERYONE, CONTROL
        )
        assert [Appended("c", 7, False)] == await alone.append([draft("c", ANNA)])
        await alone.close()
        await nats.close()


async def test_a_killed_leader(tmp_path: Path) -> None:
    """Over the kill of the stream's leader no acknowledged record is lost, none is twice, and all mirrors agree."""
    with make_cluster(tmp_path / "nats") as servers:
        await asyncio.gather(*(server.start() for server in servers))
        url = ",".join(server.url for server in servers)
        nats, names = await _connect(url), Names("hub")
        founding = msgspec.structs.replace(FOUNDING, replicas=3)
        async with asyncio.timeout(60):
            while True:
                # The servers elect a leader of their own first.
                with contextlib.suppress(Exception):
                    await create_stream(nats, names, founding, epoch=new_epoch())
                    break
                await asyncio.sleep(0.2)
        nodes = await asyncio.gather(*(_open(names, tmp_path, node, url, 60) for node in ("a", "b")))
        followers = [Follower(node.follow()) for node in nodes]
        acknowledged: dict[str, int] = {}

        async def publish(number: int) -> None:
            (result,) = await nodes[number % 2].append([draft(str(number))])
            acknowledged[str(number)] = stored(result).position

        tasks = [asyncio.create_task(publish(number)) for number in range(50)]
        await asyncio.gather(*tasks)
        (leader,) = [
            server
            for server in servers
            for each in (await read_status(nats, names, append_deadline_s=15)).servers
            if each.leads and each.name == server.name
        ]
        tasks = [asyncio.create_task(publish(number)) for number in range(50, 100)]
        leader.kill()
        await asyncio.gather(*tasks)
        await wait_until(lambda: nodes[0].head == nodes[1].head == max(acknowledged.values()), "the same head")
        for node, follower in zip(nodes, followers, strict=True):
            records = await drain(node)
            assert [record.position for record in records] == follower.positions
            names_by_position = {record.position: record.payload for record in records}
            assert 100 == len(acknowledged) == len(records)
            assert all(
                b'{"id":"%s"}' % identifier.encode() == names_by_position[position]
                for identifier, position in acknowledged.items()
            )
        await asyncio.gather(*(node.close() for node in nodes), nats.close())
