"""Clients without a cursor: where each starts, what has arrived of what it was sent, where it ended."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from hub.delivery.ports import Ends
from hub.delivery.progress import Progress
from hub.delivery.resume_points import Client, ResumePoint, ResumePoints
from hub.delivery.resumption import Resumption
from hub.delivery.session import ResumeResult
from hub.delivery.subscribers import Subscriber
from hub.operator_log import OperatorLog

__all__ = ["Confirmation"]

logger = logging.getLogger("hub.dispatcher")

#: How often the hub looks for clients that have something to confirm. When a client's network breaks, it may be told
#: twice what was sent since.
TICK_S = 0.1
#: How often it notes that the hub is alive while nothing has to be confirmed, for what ages while no hub runs.
ALIVE_S = 0.5
#: Pings in one look. A pong costs the hub more than the notification did, so a wide fan-out is confirmed in turns.
PINGS = 25
#: A peer without a pong for this long may be gone, and with it everything that was sent since.
DOUBT_S = 5.0


class Confirmation:
    """Keeps the resume point of each connection whose client gives no cursor, from its start to its end.

    The peer's browser or library answers pings in order, without its page. So a pong means that everything written
    before the ping has arrived, whatever proxies are between.
    """

    def __init__(self, progress: Progress, resumption: Resumption, points: ResumePoints, *, pings: int = PINGS) -> None:
        self._progress = progress
        self._resumption = resumption
        self._points = points
        self._pings = pings
        self._lines = OperatorLog(logger)
        #: The one that was not asked for longest comes first.
        self._watched: dict[Subscriber, None] = {}
        self._position = progress.position
        self._has_more = False
        self._news = asyncio.Event()
        progress.on_advance = self._note_advance

    def begin(self, subscriber: Subscriber, client: Client) -> tuple[ResumeResult, ResumePoint]:
        """Fix where the session of a registered subscriber starts; its link needs the point, for the pongs."""
        point = self._points.open(client, head=self._resumption.head)
        cursor = None if point.resumes_at is None else self._resumption.cursor_after(point.resumes_at)
        resume = self._resumption.begin(subscriber, cursor)
        point.begin(resume.position)
        subscriber.point = point
        self._watched[subscriber] = None
        self._has_more = True
        self._news.set()
        return resume, point

    def end(self, subscriber: Subscriber) -> None:
        """Keep where a connection ended; harmless for one that has no resume point."""
        if subscriber.point is not None:
            subscriber.point.end()
            self._watched.pop(subscriber, None)

    async def run(self, ends: Ends) -> None:
        """Look until cancelled; `ends` ends those whose links fail."""
        loop = asyncio.get_running_loop()
        while True:
            self.look(loop.time(), ends)
            if not self._has_more:
                await self._wait_news()
            await asyncio.sleep(TICK_S)

    async def _wait_news(self) -> None:
        """Wait until there may be something to confirm, or for as long as the note that the hub is alive may age."""
        self._news.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ALIVE_S - TICK_S if len(self._points) else None):
                await self._news.wait()

    def _note_advance(self) -> None:
        if self._watched:
            self._news.set()

    def look(self, monotonic_s: float, ends: Ends) -> None:
        """Ask the clients that have something to confirm, at most `pings` of them."""
        self._points.tick()
        if not self._has_more and self._position == self._progress.position:
            return
        self._position, self._has_more = self._progress.position, False
        asking: list[Subscriber] = []
        words = self._points.words
        for subscriber in self._watched:
            point, last = subscriber.point, subscriber.session.last
            if point is None or last <= words[point.confirmed_word]:
                continue
            self._has_more = True
            point.asked_s = point.asked_s or monotonic_s
            if last > words[point.written_word] and not subscriber.link.unsent_bytes:
                point.note(last)
            if last > words[point.asked_word]:
                if len(asking) < self._pings:
                    asking.append(subscriber)
            elif monotonic_s - point.asked_s > DOUBT_S:
                point.doubt()
        for subscriber in asking:
            del self._watched[subscriber]
            self._watched[subscriber] = None
            try:
                subscriber.link.ask(self._progress.place(subscriber))
            except Exception as error:  # whatever one link does, the others are asked
                self._lines.write_limited(logging.ERROR, "link_failed", f"a link failed: {type(error).__name__}")
                ends.end_dead(subscriber)
