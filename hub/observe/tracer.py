"""What became of one notification: what the log has of it, and what this life of the hub has counted."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET

from contracts.trace import Acceptance, Dispatch, Pushes, Replays, Storage, Superseded, Trace, TraceStep, Unknown
from hub.auth.grant import ServiceGrant
from hub.cursor import Cursor, parse_cursor
from hub.delivery.delivery_counts import DeliveryCounts
from hub.delivery.progress import Progress
from hub.errors import InvalidCursor, NotFound
from hub.log.port import Found, Log
from hub.observe.confirmation_trace import CONFIRMATION_STEPS, ConfirmationTracer
from hub.observe.target_view import reaches_targets, view_targets
from hub.timestamp import format_time

__all__ = ["Tracer"]

_NOT_AWAITED = "No confirmation of it was awaited, so nothing of this was recorded"
_FORGOTTEN = "It is not among the newest notifications, whose counts the hub keeps in memory"
_BEFORE = "It was accepted before the hub started, and the log does not keep the service"
_DISPATCHED_BEFORE = "It was dispatched before the hub started, and the log does not keep to whom"
_NO_PUSH = "Web Push is not set up on this hub"
_NOT_YET = "The dispatcher has not come to it yet"


class _Kind(msgspec.Struct):
    type: str


_decode_kind = msgspec.json.Decoder(_Kind).decode


class Tracer:
    """Tells a service key with the right `observe` what became of a notification that it may know of."""

    def __init__(
        self,
        *,
        log: Log,
        counts: DeliveryCounts,
        progress: Progress,
        started_at_s: float,
        now: Callable[[], float],
        confirmations: ConfirmationTracer,
        find_pushes: Callable[[int], Pushes | str] | None = None,
        find_trace_id: Callable[[bytes], str | None] | None = None,
    ) -> None:
        """Take the rooms that know something.

        `find_pushes`: what became of the push messages of a position, or why that is not known, if the hub has Web
        Push. `find_trace_id`: the trace of the publish of a payload, if the hub traces.
        """
        self._log = log
        self._counts = counts
        self._progress = progress
        self._started_at_s = started_at_s
        self._now = now
        self._confirmations = confirmations
        self._find_pushes = find_pushes
        self._find_trace_id = find_trace_id

    async def trace(self, notification_id: str, cursor: str | None, observer: ServiceGrant) -> Trace:
        """Return the trace; with the `cursor` of its receipt the log is not searched.

        Raises:
            NotFound: the log has no such notification (any more), or one beyond what the key reaches.
            InvalidCursor: `cursor` is not a cursor.
            StorageUnavailable: the log cannot be read, or not be searched in time.
        """
        at = None if cursor is None else self._read_position(cursor)
        found = await self._log.find(notification_id, at=at)
        if found is None or not reaches_targets(observer, found.record.targets):
            # One response for both: which ids there are is nobody's business.
            raise NotFound("There is no such notification in the log, or this key does not reach it")
        confirmed = await self._confirmations.trace(notification_id, found.record.targets, observer)
        return self._describe(notification_id, found, observer, confirmed)

    def _read_position(self, text: str) -> int | None:
        cursor = parse_cursor(text)
        if cursor is None:
            raise InvalidCursor(field="cursor")
        # A log that was put back from a backup has the same records under a new epoch, so it is searched.
        return cursor.position if cursor.epoch == self._log.epoch else None

    def _describe(self, notification_id: str, found: Found, observer: ServiceGrant, confirmed: dict[str, Any]) -> Trace:
        record, now_s = found.record, self._now()
        counts = self._counts.find(record.position, dispatched_upto=self._progress.position)
        unknown: dict[TraceStep, str] = {} if confirmed else dict.fromkeys(CONFIRMATION_STEPS, _NOT_AWAITED)
        steps: dict[str, Any] = {**confirmed}
        if counts is None:
            unknown |= dict.fromkeys(("accepted", "dispatched", "replayed"), _FORGOTTEN)
        else:
            steps["replayed"] = Replays(connections=counts.replayed, polls=counts.polled)
            if counts.service is None:
                unknown["accepted"] = _BEFORE
            else:
                ago_s = time.monotonic() - counts.received_s
                steps["accepted"] = Acceptance(service=counts.service, at=format_time(now_s - ago_s))
            if counts.dispatched:
                steps["dispatched"] = Dispatch(
                    websocket=counts.websocket,
                    sse=counts.sse,
                    durable_streams=counts.durable_streams,
                    deferred=counts.deferred,
                    expired=counts.expired,
                )
            else:
                behind = record.position > self._progress.position
                unknown["dispatched"] = _NOT_YET if behind else _DISPATCHED_BEFORE
        pushes = _NO_PUSH if self._find_pushes is None else self._find_pushes(record.position)
        if isinstance(pushes, str):
            unknown["pushed"] = pushes
        else:
            steps["pushed"] = pushes
        if found.superseded_by is not None:
            steps["superseded"] = Superseded(by=str(Cursor(self._log.epoch, found.superseded_by)))
        trace_id = None if self._find_trace_id is None else self._find_trace_id(record.payload)
        expires_at_s = record.expires_at_s
        return Trace(
            id=notification_id,
            type=_decode_kind(record.payload).type,
            targets=view_targets(record.targets, observer),
            target_count=len(record.targets),
            trace_id=UNSET if trace_id is None else trace_id,
            stored=Storage(
                cursor=str(Cursor(self._log.epoch, record.position)),
                position=record.position,
                at=format_time(found.stored_at_s),
            ),
            expires_at=UNSET if expires_at_s is None else format_time(expires_at_s),
            expired=expires_at_s is not None and expires_at_s <= now_s,
            counted_since=format_time(self._started_at_s),
            unknown=[Unknown(step=step, why=why) for step, why in unknown.items()],
            **steps,
        )
