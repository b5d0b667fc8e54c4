"""What an administrator does with the stream of several nodes, by the settings of a hub: `hub cluster`."""

from __future__ import annotations

from collections.abc import Callable

from hub.errors import SettingsError, StorageUnavailable
from hub.finding import Finding
from hub.log.engine import DAY_S, log_path, make_retention
from hub.log.jetstream.administration import ClusterStatus, create_cluster, leave_stream, lose_stream, read_status
from hub.log.jetstream.founding import Founding
from hub.log.jetstream.stream import explain_problems
from hub.log.jetstream.subject import Names
from hub.nats.opening import name_node, open_hub_nats
from hub.settings import Settings

__all__ = ["ClusterStatus", "check_stream", "found_cluster", "leave_cluster", "read_cluster"]

COMMAND_TIMEOUT_S = 5.0


async def found_cluster(
    settings: Settings, *, replicas: int, tell: Callable[[int, int], None]
) -> tuple[ClusterStatus, bool]:
    """Create the stream of several nodes; return how it is, and whether the log in the data folder was brought into it.

    Raises:
        SettingsError, StorageUnavailable, NatsError: the text says what to do.
    """
    names = Names(settings.log_stream)
    founding = Founding(
        replicas=replicas, max_age_s=settings.retention_days * DAY_S, max_records=settings.retention_records
    )
    nats = await open_hub_nats(settings, timeout_s=COMMAND_TIMEOUT_S)
    try:
        brought = await create_cluster(nats, names, log_path(settings.data_dir), founding, tell=tell)
        return await read_status(nats, names, append_deadline_s=settings.append_deadline_s), brought
    finally:
        await nats.close()


async def read_cluster(settings: Settings) -> ClusterStatus:
    """Return how the stream of several nodes is.

    Raises:
        SettingsError, StorageUnavailable: the text says what to do.
    """
    nats = await open_hub_nats(settings, timeout_s=COMMAND_TIMEOUT_S)
    try:
        return await read_status(nats, Names(settings.log_stream), append_deadline_s=settings.append_deadline_s)
    finally:
        await nats.close()


async def check_stream(settings: Settings) -> Finding:
    """Return whether the stream of HUB_LOG_URL can be used, and whether a lost machine would lose it."""
    try:
        status = await read_cluster(settings)
    except (SettingsError, StorageUnavailable) as error:
        return Finding("stream", "fail", error.detail)
    if status.problems:
        return Finding("stream", "fail", explain_problems(Names(status.stream), status.problems))
    words = f"{status.stream}: positions {status.first} to {status.last} on {len(status.servers)} servers"
    behind = [server.name for server in status.servers if server.offline or not server.current]
    if behind:
        return Finding("stream", "warn", f"{words}; not up to date: {', '.join(behind)}")
    if status.warnings:
        return Finding("stream", "warn", "; ".join([words, *status.warnings]))
    return Finding("stream", "ok", words)


async def leave_cluster(settings: Settings, *, lost: bool, now: Callable[[], float]) -> int:
    """Make the mirror in the data folder the log of a hub alone; return how far it reaches.

    Raises:
        SettingsError, StorageUnavailable, NatsError: the text says what to do.
    """
    path = log_path(settings.data_dir)
    if lost:
        return lose_stream(path)
    nats = await open_hub_nats(settings, timeout_s=COMMAND_TIMEOUT_S)
    try:
        return await leave_stream(
            nats,
            Names(settings.log_stream),
            path,
            node=name_node(settings),
            retention=make_retention(settings),
            now=now,
        )
    finally:
        await nats.close()
