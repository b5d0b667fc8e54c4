"""What became of one notification: what the log has of it, and what this life of the hub has counted."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from contracts.trace import Acceptance, Dispatch, Pushes, Replays, Storage, Superseded, Trace, TraceStep, Unknown
from hub.auth.grant import ServiceGrant
from hub.cluster.operator import AskCounted, Counted
from hub.cluster.port import Cluster
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
_SILENT = "A node that may know it did not answer"
#: What each node counts for itself.
_COUNTED = ("accepted", "dispatched", "replayed", "pushed")
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
        cluster: Cluster,
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
        self._cluster = cluster
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
        asked = await self._cluster.ask_nodes(AskCounted(found.record.position))
        told = [] if asked is None else [each for each in asked.answers.values() if isinstance(each, Counted)]
        trace = self._describe(notification_id, found, observer, confirmed, told)
        if asked is not None:
            trace.nodes = asked.nodes
            if asked.nodes.silent is not UNSET:
                trace.unknown = [_suspect_silent(each) for each in trace.unknown]
        return trace

    def count(self, position: int) -> Counted:
        """Return what this node has counted of the notification at this position."""
        counts = self._counts.find(position, dispatched_upto=self._progress.position)
        pushes = None if self._find_pushes is None else self._find_pushes(position)
        pushed = pushes if isinstance(pushes, Pushes) else None
        if counts is None:
            return Counted(pushed=pushed)
        accepted = dispatched = None
        if counts.service is not None:
            ago_s = time.monotonic() - counts.received_s
            accepted = Acceptance(service=counts.service, at=format_time(self._now() - ago_s))
        if counts.dispatched:
            dispatched = Dispatch(
                websocket=counts.websocket,
                sse=counts.sse,
                durable_streams=counts.durable_streams,
                deferred=counts.deferred,
                expired=counts.expired,
            )
        replayed = Replays(connections=counts.replayed, polls=counts.polled)
        return Counted(accepted=accepted, dispatched=dispatched, replayed=replayed, pushed=pushed)

    def _read_position(self, text: str) -> int | None:
        cursor = parse_cursor(text)
        if cursor is None:
            raise InvalidCursor(field="cursor")
        # A log that was put back from a backup has the same records under a new epoch, so it is searched.
        return cursor.position if cursor.epoch == self._log.epoch else None

    def _describe(
        self,
        notification_id: str,
        found: Found,
        observer: ServiceGrant,
        confirmed: dict[str, Any],
        told: Sequence[Counted],
    ) -> Trace:
        record, now_s = found.record, self._now()
        unknown: dict[TraceStep, str] = {} if confirmed else dict.fromkeys(CONFIRMATION_STEPS, _NOT_AWAITED)
        own = self.count(record.position)
        steps: dict[str, Any] = {**confirmed, **_sum_counted([own, *told])}
        unknown |= {step: why for step, why in self._explain_unknown(own, record.position).items() if step not in steps}
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

    def _explain_unknown(self, own: Counted, position: int) -> dict[TraceStep, str]:
        """Return why this node knows nothing of a step, for each that it may know nothing of."""
        pushes = _NO_PUSH if self._find_pushes is None else self._find_pushes(position)
        why: dict[TraceStep, str] = {"pushed": pushes if isinstance(pushes, str) else ""}
        if own.replayed is None:
            return {**why, "accepted": _FORGOTTEN, "dispatched": _FORGOTTEN, "replayed": _FORGOTTEN}
        behind = position > self._progress.position
        return {**why, "accepted": _BEFORE, "dispatched": _NOT_YET if behind else _DISPATCHED_BEFORE}


def _suspect_silent(unknown: Unknown) -> Unknown:
    return Unknown(step=unknown.step, why=_SILENT) if unknown.step in _COUNTED else unknown


def _sum_counted(every: Sequence[Counted]) -> dict[str, Any]:
    """Return the steps that any node knows of, summed."""
    steps: dict[str, Any] = {}
    if accepted := [each.accepted for each in every if each.accepted is not None]:
        steps["accepted"] = accepted[0]
    if dispatched := [each.dispatched for each in every if each.dispatched is not None]:
        steps["dispatched"] = Dispatch(
            websocket=sum(each.websocket for each in dispatched),
            sse=sum(each.sse for each in dispatched),
            durable_streams=sum(each.durable_streams for each in dispatched),
            deferred=sum(each.deferred for each in dispatched),
            expired=any(each.expired for each in dispatched),
        )
    if replayed := [each.replayed for each in every if each.replayed is not None]:
        steps["replayed"] = Replays(
            connections=sum(each.connections for each in replayed), polls=sum(each.polls for each in replayed)
        )
    if pushed := [each.pushed for each in every if each.pushed is not None]:
        outcomes: Counter[str] = Counter()
        for each in pushed:
            outcomes.update(each.outcomes)
        steps["pushed"] = Pushes(outcomes=dict(outcomes), pending=sum(each.pending for each in pushed))
    return steps
