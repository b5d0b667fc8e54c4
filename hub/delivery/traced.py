"""The dispatcher and the replay with a span for each thing they do; a hub that does not trace has the plain ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hub.delivery.dispatcher import Dispatcher
from hub.delivery.envelope import Envelope
from hub.delivery.replay import Replay
from hub.delivery.session import Phase, Session
from hub.delivery.subscribers import Matched, Subscriber
from hub.log.port import Record

if TYPE_CHECKING:
    from hub.tracing import Tracing

__all__ = ["TracedDispatcher", "TracedReplay"]


class TracedDispatcher(Dispatcher):
    """Makes a span of each record whose publish was traced; further arguments are the dispatcher's."""

    def __init__(self, tracing: Tracing, /, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._tracing = tracing
        self._matched = 0

    async def _dispatch(self, record: Record) -> None:
        with self._tracing.trace_dispatch(record.payload, record.position) as span:
            self._matched = 0
            await super()._dispatch(record)
            if span is not None:
                span.set_attribute("hub.connections", self._matched)

    async def _fan_out(self, envelope: Envelope, matched: Matched, received_s: float | None) -> None:
        self._matched = len(matched)
        await super()._fan_out(envelope, matched, received_s)


class TracedReplay(Replay):
    """Makes a span of each replay that has something to replay; further arguments are the replay's."""

    def __init__(self, tracing: Tracing, /, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._tracing = tracing

    async def run(self, subscriber: Subscriber) -> None:
        """Replay until the session is live, or closed."""
        if not _has_missed(subscriber.session):
            await super().run(subscriber)
            return
        with self._tracing.trace_replay(subscriber.transport) as span:
            await super().run(subscriber)
            span.set_attribute("hub.replay.result", subscriber.session.phase.name.lower())


def _has_missed(session: Session) -> bool:
    return session.phase is Phase.REPLAYING and session.last < session.upto
