"""Damage and restored backups as clients meet them, over every transport: one gap, and then everything goes on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from hub.log.sqlite.restore import restore_log
from hub.log.sqlite.schema import LOG_NAME
from tests.harness import DEADLINE_S, Frame, RunningHub, run_hub

#: Comes with a cursor and returns what comes after it, `count` notifications and gaps; and the cursor to go on from.
Follow = Callable[[RunningHub, str, int], Awaitable[tuple[list[str], str]]]


def _name(frame: Frame) -> str:
    return "gap" if frame["type"] == "gap" else str(frame["title"])


def _cursor(frame: Frame) -> str:
    return str(frame["data"]["cursor"] if frame["type"] == "gap" else frame["cursor"])


async def _follow_websocket(hub: RunningHub, cursor: str, count: int) -> tuple[list[str], str]:
    async with hub.websocket(cursor=cursor) as websocket:
        frames = await websocket.frames(count)
    return [_name(frame) for frame in frames], _cursor(frames[-1])


async def _follow_events(hub: RunningHub, cursor: str, count: int) -> tuple[list[str], str]:
    async with hub.events(last_event_id=cursor) as events:
        frames = await events.frames(count)
        return [_name(frame) for frame in frames], events.last_event_id or _cursor(frames[-1])


async def _follow_pages(hub: RunningHub, cursor: str, count: int) -> tuple[list[str], str]:
    names: list[str] = []
    async with asyncio.timeout(DEADLINE_S):
        while len(names) < count:
            answer = await hub.http.get(
                "/poll", params={"cursor": cursor}, headers={"authorization": f"Bearer {hub.token()}"}
            )
            page: dict[str, Any] = answer.json()
            names += ["gap"] if page["resume"] == "gap" else map(_name, page["frames"])
            cursor = page["cursor"]
    return names, cursor


_EVERY_TRANSPORT = pytest.mark.parametrize("follow", [_follow_websocket, _follow_events, _follow_pages])


async def _publish(hub: RunningHub, *names: str) -> str:
    """Publish to the default user; return the last one's cursor."""
    for name in names:
        answer = await hub.publish(title=name)
        assert 202 == answer.status_code
    return str(answer.json()["cursor"])


@contextlib.asynccontextmanager
async def _hub_with_a_damaged_record(folder: Path) -> AsyncIterator[tuple[RunningHub, str]]:
    async with run_hub(folder) as hub:
        start = await _publish(hub, "before")
        await _publish(hub, "a", "b", "c", "d", "e")
        disk = apsw.Connection(str(folder / "data" / LOG_NAME))
        disk.execute(
            "UPDATE record SET payload = CAST(replace(payload, 'Faltam', 'Faltem') AS BLOB) WHERE position = 3"
        )
        disk.execute("UPDATE record SET targets = replace(targets, '00000000191', '00000000272') WHERE position = 5")
        disk.close()
        yield hub, start


class TestDamagedRecord:
    @_EVERY_TRANSPORT
    async def test_it_is_a_gap_and_all_others_come(self, tmp_path: Path, follow: Follow) -> None:
        """What is changed on the disk is never sent; what is whole before and after it comes in order."""
        async with _hub_with_a_damaged_record(tmp_path) as (hub, start):
            names, cursor = await follow(hub, start, 5)
            assert ["a", "gap", "c", "gap", "e"] == names
            await _publish(hub, "after")
            assert ["after"] == (await follow(hub, cursor, 1))[0]
            assert 2 == hub.hub.log.damaged

    async def test_nobody_else_gets_it(self, tmp_path: Path) -> None:
        """A target that a flipped bit makes another person's is no target of theirs."""
        async with _hub_with_a_damaged_record(tmp_path) as (hub, start):
            token = hub.token("00000000272")
            answer = await hub.http.get("/poll", params={"cursor": start}, headers={"authorization": f"Bearer {token}"})
            assert [] == answer.json()["frames"]


class TestRestore:
    @_EVERY_TRANSPORT
    async def test_one_gap_and_then_everything_goes_on(self, tmp_path: Path, follow: Follow) -> None:
        """A backup is put back: a cursor from before gets one gap, and the cursor it is given is good."""
        path = tmp_path / "data" / LOG_NAME
        async with run_hub(tmp_path) as hub:
            await _publish(hub, "a")
            _back_up(path, tmp_path / "backup")
            lost = await _publish(hub, "b", "c")
        restored = restore_log(tmp_path / "backup", path, now_s=time.time())
        assert restored.replaced is not None
        assert (1, 1) == (restored.first, restored.head)
        async with run_hub(tmp_path) as hub:
            assert restored.epoch == hub.hub.log.epoch
            names, cursor = await follow(hub, lost, 1)
            assert ["gap"] == names
            await _publish(hub, "d", "e", "f")
            names, cursor = await follow(hub, cursor, 3)
            assert ["d", "e", "f"] == names
            await _publish(hub, "g")
            assert ["g"] == (await follow(hub, cursor, 1))[0]

    async def test_without_the_command_it_is_noticed(self, tmp_path: Path) -> None:
        """The copy alone, put back by hand, starts a new epoch by itself."""
        path = tmp_path / "data" / LOG_NAME
        async with run_hub(tmp_path) as hub:
            await _publish(hub, "a")
            _back_up(path, tmp_path / "backup")
            lost = await _publish(hub, "b", "c")
        shutil.copyfile(tmp_path / "backup", path)
        async with run_hub(tmp_path) as hub:
            assert ["gap"] == (await _follow_websocket(hub, lost, 1))[0]

    async def test_a_cursor_from_beyond_the_end_is_said_once(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The one sign that an old snapshot of the whole volume gives."""
        async with run_hub(tmp_path) as hub:
            cursor = await _publish(hub, "a")
            beyond = cursor.rpartition("-")[0] + "-zz"
            with caplog.at_level(logging.WARNING):
                for follow in (_follow_websocket, _follow_pages, _follow_websocket):
                    assert ["gap"] == (await follow(hub, beyond, 1))[0]
        assert 2 >= caplog.text.count("from beyond its end") >= 1


class TestFilesThatGo:
    async def test_it_is_not_ready_and_publishes_are_refused(self, tmp_path: Path) -> None:
        """Within a second of the file's end: 503, and ready says what it is."""
        async with run_hub(tmp_path) as hub:
            await _publish(hub, "a")
            (tmp_path / "data" / f"{LOG_NAME}-wal").unlink()
            async with asyncio.timeout(DEADLINE_S):
                while (ready := await hub.http.get("/health/ready")).status_code == 200:
                    await asyncio.sleep(0.01)
            assert (503, "unavailable") == (ready.status_code, ready.json()["log"])
            assert 503 == (await hub.publish()).status_code
        async with run_hub(tmp_path) as hub:
            assert 202 == (await hub.publish()).status_code
            assert 2 == hub.hub.log.head


def _back_up(path: Path, backup: Path) -> None:
    source, copy = apsw.Connection(str(path)), apsw.Connection(str(backup))
    with copy.backup("main", source, "main") as copying:
        copying.step()
    source.close()
    copy.close()
