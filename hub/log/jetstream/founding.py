"""Creating the stream: empty, or with all that the log of a hub alone holds, at its positions and under its epoch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import islice

import msgspec

from hub.cursor import Epoch
from hub.errors import SettingsError
from hub.log.jetstream.acknowledgement import read_position
from hub.log.jetstream.record import FILLER, encode_draft
from hub.log.jetstream.stream import (
    EPOCH,
    FIRST,
    HEAD,
    NOT_FOUND,
    START,
    Stream,
    StreamError,
    ask_stream,
    explain_silence,
    read_stream,
    stream_settings,
)
from hub.log.jetstream.subject import Names
from hub.log.port import Placed
from hub.log.sqlite.export import Export
from hub.nats.port import Nats, NatsError

__all__ = ["Founding", "create_stream", "found_stream"]

_TIMEOUT_S = 20.0
_IN_FLIGHT = 200
_NO_PEERS = 10005, 10074


class Founding(msgspec.Struct, frozen=True, kw_only=True):
    """What the stream of a log is to be."""

    replicas: int
    max_age_s: float
    max_records: int


async def create_stream(
    nats: Nats, names: Names, founding: Founding, *, epoch: Epoch, start: int = 1, first: int = 1, head: int = 0
) -> Stream:
    """Create the stream that is to be a log, and return how it is.

    No cursor may be before `first`. No hub uses the stream before it has everything up to `head`.

    Raises:
        StreamError: JetStream refuses: fewer servers than replicas, or the stream is there with other settings.
        NatsError: nobody answered in time.
    """
    settings = stream_settings(
        names,
        replicas=founding.replicas,
        first=start,
        max_age_s=founding.max_age_s,
        max_records=founding.max_records,
        metadata={EPOCH: epoch, START: str(start), FIRST: str(first), HEAD: str(head)},
    )
    return await ask_stream(nats, names.create, settings, timeout_s=_TIMEOUT_S)


async def found_stream(
    nats: Nats,
    names: Names,
    founding: Founding,
    *,
    epoch: Epoch,
    export: Export | None,
    tell: Callable[[int, int], None],
) -> Stream:
    """Create the stream and bring into it what a log holds; go on where an earlier call was cut.

    `tell` is told how many records are there, of how many.

    Raises:
        SettingsError: the stream is there already, or JetStream refuses it; the text says what to do.
        StorageUnavailable, NatsError: nobody answered in time.
    """
    start, first, last = (1, 1, 0) if export is None else (export.start, export.first, export.head)
    epoch = epoch if export is None else export.epoch
    try:
        stream = await read_stream(nats, names, timeout_s=_TIMEOUT_S)
    except NatsError as error:
        raise explain_silence(error) from None
    except StreamError as error:
        if error.code != NOT_FOUND:
            raise explain_silence(error) from None
        try:
            stream = await create_stream(nats, names, founding, epoch=epoch, start=start, first=first, head=last)
        except StreamError as refusal:
            raise SettingsError(_explain(refusal, founding)) from None
    _check_ours(stream, names, epoch, has_log=export is not None)
    if stream.state.last > last:
        raise SettingsError(f"the stream {names.stream} is there already, at position {stream.state.last}")
    if export is not None:
        await _fill(nats, names, export, after=max(stream.state.last, start - 1), tell=tell)
    return await read_stream(nats, names, timeout_s=_TIMEOUT_S)


def _check_ours(stream: Stream, names: Names, epoch: Epoch, *, has_log: bool) -> None:
    if not stream.epoch:
        raise SettingsError(
            f"HUB_LOG_STREAM: another program owns the stream {names.stream}; choose another name for the hub's"
        )
    if stream.epoch != epoch and has_log:
        raise SettingsError(
            f"HUB_LOG_STREAM: the stream {names.stream} is the log of another life ({stream.epoch}, and this log is"
            f" {epoch}); choose another name, or move the log away to join that stream"
        )


async def _fill(nats: Nats, names: Names, export: Export, *, after: int, tell: Callable[[int, int], None]) -> None:
    items = export.read(after)
    total = export.head - export.start + 1
    while batch := list(islice(items, _IN_FLIGHT)):
        await asyncio.gather(*(_publish(nats, names, placed) for placed in batch))
        tell(batch[-1].position - export.start + 1, total)


async def _publish(nats: Nats, names: Names, placed: Placed) -> None:
    payload = FILLER if placed.draft is None else encode_draft(placed.draft, placed.created_ms, "")
    headers = {
        "Nats-Expected-Last-Sequence": str(placed.position - 1),
        "Nats-Expected-Stream": names.stream,
        "Nats-Msg-Id": f"import.{placed.position}",
    }
    reply = await nats.request(names.records, payload, headers=headers, timeout_s=_TIMEOUT_S)
    if read_position(reply.payload) != placed.position:
        raise SettingsError(
            f"the stream {names.stream} did not take position {placed.position}: is somebody else publishing to it?"
            " Run the command again to go on"
        )


def _explain(error: StreamError, founding: Founding) -> str:
    if "peers" in str(error) or "replicas" in str(error) or error.code in _NO_PEERS:
        return (
            f"JetStream cannot keep {founding.replicas} replicas: {error}. Start so many servers as a cluster, or give"
            " --replicas 1 where a lost machine may lose the log"
        )
    return f"JetStream refuses the stream: {error}"
