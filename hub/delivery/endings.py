"""How a connection ends: what its client is told, what is counted, and which parts have to forget it."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable

import msgspec

from contracts.closing import CloseCode
from contracts.frame import Closing
from hub.cursor import Cursor
from hub.delivery.acknowledgements import Acknowledgements
from hub.delivery.confirmation import Confirmation
from hub.delivery.heartbeat import Heartbeat
from hub.delivery.progress import Progress
from hub.delivery.subscribers import Subscriber, Subscribers
from hub.language import Texts
from hub.metrics import Metrics
from hub.operator_log import OperatorLog

__all__ = ["Endings"]

logger = logging.getLogger("hub.connections")

#: RFC 6455 section 7.4.1: in order, and without any close frame.
NORMAL_CLOSURE = 1000
ABNORMAL_CLOSURE = 1006
#: An event stream that was ended for a newer one waits this long, or up to twice as long: it has no code that stops it.
EVICTED_RETRY_MS = 300_000

_encode = msgspec.json.Encoder().encode


class Endings:
    """Ends connections, each exactly once, and announces gaps to those that stay."""

    def __init__(
        self,
        *,
        subscribers: Subscribers,
        progress: Progress,
        heartbeat: Heartbeat,
        confirmation: Confirmation | None,
        acknowledgements: Acknowledgements,
        metrics: Metrics,
        texts: Texts,
        now: Callable[[], float],
    ) -> None:
        self._subscribers = subscribers
        self._progress = progress
        self._heartbeat = heartbeat
        self._confirmation = confirmation
        self._acknowledgements = acknowledgements
        self._metrics = metrics
        self._texts = texts
        self._now = now
        self._lines = OperatorLog(logger)

    def end(self, subscriber: Subscriber, code: int, reason: str) -> None:
        """End a connection in order; the client is told why."""
        self._forget(subscriber)
        self._close(subscriber, code, reason)

    def end_slow(self, subscriber: Subscriber) -> None:
        """End a connection that does not keep up; it comes back with its cursor."""
        self.end(subscriber, CloseCode.SLOW, "too slow; come back with the cursor")

    def end_expired(self, subscriber: Subscriber) -> None:
        """End a connection whose token expired."""
        self.end(subscriber, CloseCode.TOKEN_EXPIRED, "the token expired")

    def end_dead(self, subscriber: Subscriber) -> None:
        """Drop a connection whose peer is gone, or whose link failed."""
        self.leave(subscriber)
        subscriber.link.abort()

    def evict(self, subscriber: Subscriber) -> None:
        """End the oldest connection of a user for a new one; `Subscribers.add` has unregistered it already."""
        self._heartbeat.forget(subscriber)
        self._lines.write_limited(
            logging.INFO,
            "evicted",
            "ended the oldest connection of a user for a new one (HUB_MAX_CONNECTIONS_PER_USER)",
        )
        if subscriber.transport == "sse":
            subscriber.link.write_retry(EVICTED_RETRY_MS + secrets.randbelow(EVICTED_RETRY_MS))
        self._close(subscriber, CloseCode.TOO_MANY_CONNECTIONS, "another connection of this user took the place")

    def leave(self, subscriber: Subscriber, code: int = ABNORMAL_CLOSURE) -> None:
        """Forget a connection whose transport has ended; harmless where the hub ended it."""
        self._forget(subscriber)
        self._acknowledgements.end(subscriber)
        if subscriber.session.close():
            self._metrics.closes[code] += 1
            self._end_point(subscriber)

    def announce_gap(self, subscriber: Subscriber, cursor: Cursor) -> None:
        """Tell a client, in the stream, that the log no longer holds what it missed.

        The deployed frontends would show the frame as a notification; they give no cursor and get none of it.
        """
        if subscriber.point is not None:
            self._lines.write_limited(
                logging.WARNING, "gap", "a client that gives no cursor missed what the log has lost"
            )
            return
        self._lines.write_limited(logging.WARNING, "gap", "a client was told of a gap: the log no longer holds it all")
        if subscriber.transport == "durable-streams":
            # Such a stream has no word for it: its reader asks again from where it was, and gets 410.
            self.end(subscriber, CloseCode.SLOW, "come back with the offset")
            return
        gap = self._texts.make_gap(cursor, at_s=self._now())
        subscriber.link.write_control(_encode(gap))

    def place(self, subscriber: Subscriber) -> int:
        """Return the position up to which everything due to this connection was written to its link."""
        return self._progress.place(subscriber)

    def _forget(self, subscriber: Subscriber) -> None:
        self._subscribers.remove(subscriber)
        self._heartbeat.forget(subscriber)

    def _close(self, subscriber: Subscriber, code: int, reason: str) -> None:
        place = self._progress.place(subscriber)
        self._acknowledgements.end(subscriber)
        if not subscriber.session.close():
            return
        self._metrics.closes[code] += 1
        if code == CloseCode.TOO_MANY_CONNECTIONS and _knows_no_codes(subscriber):
            # It comes back after every code but this one: such clients would take each other's place for ever.
            code = NORMAL_CLOSURE
        if subscriber.point is not None:
            subscriber.point.left = code == NORMAL_CLOSURE
            try:
                # Before the close: a client that confirms this has everything.
                subscriber.link.ask(place)
            finally:
                # Also where the link fails: otherwise the point would stay for ever, as that of a connection.
                self._end_point(subscriber)
        if subscriber.transport == "sse":
            # A stream has no close code, so the last event carries it.
            subscriber.link.write_control(_encode(Closing(code=code, reason=reason)))
        subscriber.link.close(code, reason)

    def _end_point(self, subscriber: Subscriber) -> None:
        if self._confirmation is not None:
            self._confirmation.end(subscriber)


def _knows_no_codes(subscriber: Subscriber) -> bool:
    return subscriber.transport == "websocket" and not subscriber.speaks_hub_v1
