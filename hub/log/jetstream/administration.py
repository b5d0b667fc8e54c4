"""What an administrator does with the stream: create it, look at it, and leave it. No hub runs meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec

from hub.cursor import Epoch, new_epoch
from hub.errors import SettingsError
from hub.log.jetstream.append import Limits
from hub.log.jetstream.founding import Founding, found_stream
from hub.log.jetstream.log import open_jetstream_log
from hub.log.jetstream.mirror import find_misfit, note_path
from hub.log.jetstream.stream import (
    LEFT,
    Stream,
    StreamError,
    ask_stream,
    find_weak_settings,
    find_wrong_settings,
    wait_stream,
)
from hub.log.jetstream.subject import Names
from hub.log.sqlite.export import read_export
from hub.log.sqlite.lock import LogLock
from hub.log.sqlite.placement import begin_epoch
from hub.log.sqlite.renewal import forget_renewals, lacks_state
from hub.log.sqlite.retention import Retention
from hub.log.sqlite.schema import LogFile, close_connection, open_writer, read_life
from hub.nats.port import Nats

__all__ = ["ClusterStatus", "ServerStatus", "create_cluster", "leave_stream", "lose_stream", "read_status"]

_TIMEOUT_S = 20.0


class ServerStatus(msgspec.Struct, frozen=True):
    """A server that stores the stream; `lag` is how many records it is behind the leader."""

    name: str
    leads: bool
    current: bool
    offline: bool
    lag: int


class ClusterStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The stream as its leader describes it, what keeps hubs from using it, and what may lose it."""

    stream: str
    epoch: Epoch
    first: int
    last: int
    records: int
    size_bytes: int
    replicas: int
    servers: list[ServerStatus]
    problems: list[str]
    warnings: list[str]


async def create_cluster(
    nats: Nats, names: Names, path: Path, founding: Founding, *, tell: Callable[[int, int], None]
) -> bool:
    """Create the stream, with the log at `path` if there is one; return whether there was.

    Raises:
        SettingsError: a hub runs on that log, or the stream cannot be created or is there already.
        NatsError: nobody answered in time.
    """
    if not await asyncio.to_thread(_has_log, path):
        await found_stream(nats, names, founding, epoch=new_epoch(), export=None, tell=tell)
        return False
    lock = LogLock(path)
    try:
        export = await asyncio.to_thread(read_export, path)
        try:
            await found_stream(nats, names, founding, epoch=export.epoch, export=export, tell=tell)
        finally:
            export.close()
    finally:
        lock.release()
    return True


async def read_status(nats: Nats, names: Names, *, append_deadline_s: float) -> ClusterStatus:
    """Return how the stream is.

    Raises:
        SettingsError: there is none, or no JetStream.
        StorageUnavailable: nobody answers about it.
    """
    stream = await wait_stream(nats, names, timeout_s=_TIMEOUT_S)
    leader = [ServerStatus(stream.cluster.leader, True, True, False, 0)] if stream.cluster.leader else []
    followers = [
        ServerStatus(each.name, False, each.current, each.offline, each.lag) for each in stream.cluster.replicas
    ]
    return ClusterStatus(
        stream=names.stream,
        epoch=stream.epoch,
        first=stream.state.first,
        last=stream.state.last,
        records=stream.state.messages,
        size_bytes=stream.state.bytes,
        replicas=stream.config.num_replicas,
        servers=sorted(leader + followers, key=lambda server: server.name),
        problems=list(find_wrong_settings(stream, names, append_deadline_s=append_deadline_s)),
        warnings=list(find_weak_settings(stream)),
    )


async def leave_stream(
    nats: Nats, names: Names, path: Path, *, node: str, retention: Retention, now: Callable[[], float]
) -> int:
    """Close the stream for good, bring everything in it into the log at `path`, and return how far that reaches.

    Raises:
        SettingsError: a hub runs on that log, another hub has left the stream before, or that log is of a hub alone or
            lacks what the stream does not have any more. The stream is open as before.
        StorageUnavailable: nobody answers about it.
    """
    if _has_log(path):
        # Closing the stream cannot be taken back, so a hub that still runs here is met before.
        LogLock(path).release()
    stream = await wait_stream(nats, names, timeout_s=_TIMEOUT_S)
    left = stream.config.metadata.get(LEFT)
    if left not in (None, node):
        raise SettingsError(f"the hub {left} went on alone with this log before; its data folder has what followed")
    if left is None:
        if await asyncio.to_thread(_lacks_dropped, path, stream):
            raise SettingsError(
                f"the log at {path} lacks state that the stream has dropped: run this in the data folder of a node that"
                " was ready"
            )
        stream = await _seal(nats, names, stream, node)
    log = await open_jetstream_log(
        nats,
        stream=names.stream,
        node=node,
        path=path,
        limits=Limits(max_pending=1, deadline_s=1),
        retention=retention,
        now=now,
        is_leaving=True,
    )
    head = log.head
    await log.close()
    await asyncio.to_thread(forget_renewals, path)
    note_path(path).unlink(missing_ok=True)
    return head


def lose_stream(path: Path) -> int:
    """Make the mirror at `path` a log alone, under a new epoch, and return how far it reaches.

    Raises:
        SettingsError: a hub runs on it, or there is none.
    """
    if not path.exists():
        raise SettingsError(f"there is no log at {path}")
    lock = LogLock(path)
    try:
        connection = open_writer(LogFile(path))
        try:
            begin_epoch(connection)
            _, head = read_life(connection)
        finally:
            close_connection(connection)
        forget_renewals(path)
    finally:
        lock.release()
    note_path(path).unlink(missing_ok=True)
    return head


def _lacks_dropped(path: Path, stream: Stream) -> bool:
    """Whether the stream has dropped something that the log at `path` lacks, or would once it is made anew.

    Raises:
        SettingsError: it is the log of a hub alone.
    """
    is_made_anew = not _has_log(path) or find_misfit(path, stream.epoch, stream.state.last) is not None
    first = stream.state.first
    return first > stream.start and (is_made_anew or lacks_state(path, first))


def _has_log(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


async def _seal(nats: Nats, names: Names, stream: Stream, node: str) -> Stream:
    settings = msgspec.to_builtins(stream.config)
    settings["metadata"] = {**stream.config.metadata, LEFT: node}
    settings["sealed"] = True
    settings["max_age"] = 0
    try:
        return await ask_stream(nats, names.update, settings, timeout_s=_TIMEOUT_S)
    except StreamError as error:
        raise SettingsError(f"JetStream does not close the stream: {error}") from None
