"""The relays of outboxes that have reported, in memory of a fixed size."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from contracts.relay import RelayFigures, RelayReport
from hub.auth.grant import ServiceGrant
from hub.timestamp import format_time

__all__ = ["RelayBoard"]

#: So many intervals without a report are more than a late one.
_OVERDUE_INTERVALS = 3
#: A relay that was not stopped in order is shown as overdue for so long.
_FORGET_S = 3_600.0


class _Reported(msgspec.Struct, frozen=True):
    report: RelayReport
    #: By the clock, and by the monotonic one.
    at_s: float
    since_s: float


class RelayBoard:
    """Keeps the newest report of each relay, of at most `most` of them. `now` tells the time of day in seconds."""

    def __init__(self, *, most: int, now: Callable[[], float], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._now = now
        self._monotonic = monotonic
        self._reports: OrderedDict[tuple[str, str], _Reported] = OrderedDict()

    def take(self, report: RelayReport, service: ServiceGrant) -> None:
        """Keep a report in the place of the last one of this relay; forget the relay with its last one."""
        key = service.name, report.instance
        self._reports.pop(key, None)
        if not report.ends:
            self._reports[key] = _Reported(report, self._now(), self._monotonic())
        while len(self._reports) > self._most:
            self._reports.popitem(last=False)

    def collect(self) -> list[RelayFigures]:
        """Return what each relay reported last, by service; one that was silent for an hour is forgotten."""
        now_s = self._monotonic()
        for key in [key for key, each in self._reports.items() if now_s - each.since_s > _FORGET_S]:
            del self._reports[key]
        return [
            RelayFigures(
                service=service,
                instance=instance,
                at=format_time(each.at_s),
                overdue=now_s - each.since_s > _OVERDUE_INTERVALS * each.report.interval_seconds,
                waiting_rows=each.report.waiting_rows,
                dead_rows=each.report.dead_rows,
                oldest_waiting_seconds=each.report.oldest_waiting_seconds,
                published=each.report.published,
            )
            for (service, instance), each in sorted(self._reports.items())
        ]
