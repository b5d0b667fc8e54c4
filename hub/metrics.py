"""Plain counters of what happened since the start, and how long it took. Counting costs an addition;
`hub.api.prometheus` renders them.

No counter knows a user or an account: a CPF must never become a label.
"""

from __future__ import annotations

from collections import Counter

from contracts.closing import CloseCode
from hub.histogram import Histogram

__all__ = ["PUSH_OUTCOMES", "TRANSPORTS", "Metrics"]

#: How connections are carried, as labels; `poll` is none, since nothing stays open.
TRANSPORTS = ("durable-streams", "sse", "websocket")
#: What becomes of a push message: the push service took it; the user got, read or muted the notification, may not have
#: it, or it was over; the browser unsubscribed; the service refused it, or took it at no attempt; the hub failed.
PUSH_OUTCOMES = (
    *("sent", "confirmed", "read", "muted", "not_allowed", "expired", "gone"),
    *("refused", "too_large", "given_up", "failed"),
)


class Metrics:
    """Everything the hub counts. All values only rise."""

    def __init__(self, *, started_at_s: float) -> None:
        self.started_at_s = started_at_s
        #: Accepted and stored notifications by type.
        self.published: Counter[str] = Counter()
        #: Stored notifications with a field of `data` of another type than declared, by type and declared field.
        #: Both come from the declared types, never from what was sent; `*` is what belongs to no declared field.
        self.mismatches: Counter[tuple[str, str]] = Counter()
        #: Publishes answered from an earlier one with the same Idempotency-Key.
        self.duplicates = 0
        #: Notifications handed to a connection, by transport, live and replayed together.
        self.deliveries: Counter[str] = Counter()
        #: Signals that services sent, by type; and those that a connection did not get because its peer was slow.
        self.signals: Counter[str] = Counter()
        self.signals_missed = 0
        #: Deadlines that ended, by what ended them: acknowledged, read, unconfirmed.
        self.confirmations: Counter[str] = Counter()
        #: Attempts to deliver a webhook, by service and what came of them: delivered, failed, dead.
        self.webhook_attempts: Counter[tuple[str, str]] = Counter()
        #: Webhooks by service and state (waiting, dead), and for how long the oldest has waited, when last counted.
        self.webhooks: dict[tuple[str, str], int] = {}
        self.webhook_wait_s: dict[str, float] = {}
        #: Notifications handed over from the log to a connection that was away.
        self.replayed = 0
        #: Live connections that fell behind: they took less than was due, and got the rest from the log.
        self.fallen_behind = 0
        #: Push messages that ended, by what became of them; attempts that failed, by status or reason.
        self.push: Counter[str] = Counter()
        self.push_failures: Counter[str] = Counter()
        #: Messages of other nodes that were not believed, by reason.
        self.cluster_dropped: Counter[str] = Counter()
        #: Connections opened, by resume result: live, replayed, gap.
        self.resumes: Counter[str] = Counter()
        #: Pages answered to clients that poll, by resume result.
        self.polls: Counter[str] = Counter()
        #: Connections accepted, by transport.
        self.connects: Counter[str] = Counter()
        #: Connections ended, by close code.
        self.closes: Counter[int] = Counter()
        #: Connections that were refused, by error code.
        self.refusals: Counter[str] = Counter()
        #: Requests answered with a problem, by error code.
        self.problems: Counter[str] = Counter()
        #: From the whole body of a publish to its record on disk.
        self.publish_to_disk = Histogram()
        #: From the whole body of a publish to the write to the last connection of a slice, by transport; each delivery
        #: counts. What is read from the log is not in it.
        self.publish_to_socket = {name: Histogram() for name in TRANSPORTS}
        #: From the first record read for a connection that was away, or is behind, until it is live.
        self.replay = Histogram()
        #: From the request of a connection to its greeting, by transport.
        self.handshake = {name: Histogram() for name in TRANSPORTS}
        #: One query to the directory, whatever number of users it asks for.
        self.directory_query = Histogram()
        #: How late the event loop is: how much too long each pause of the heartbeat was, four in a second.
        self.loop_lag = Histogram()

    @property
    def drops(self) -> int:
        """Connections closed because they did not keep up; what they missed waits in the log."""
        return self.closes[CloseCode.SLOW]
