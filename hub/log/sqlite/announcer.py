"""Announces commits: a thread beside the writer's, which makes the mark of each commit durable first.

The writer works at the next commit while the disk writes the mark of the last one. A single publish waits for both;
the throughput stays the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

import msgspec

from hub.errors import HubError, IdempotencyConflict, StorageUnavailable
from hub.log.port import Appended, Record
from hub.log.sqlite.mark import Mark

__all__ = ["Announcer", "Commit", "Outcome"]

Outcome = list[Appended | IdempotencyConflict] | HubError


class Commit(msgspec.Struct, frozen=True):
    """What the writer announces: how far the log reaches, with which records, and the results of requests.

    `outcomes` are in the order of submission. `records` are the newest up to `head`; some before them may
    be missing, which were found only when the file was reopened.
    """

    head: int
    records: list[Record]
    outcomes: list[Outcome]
    writable: bool


class _Step:
    """A caller waits until everything before this was announced."""

    def __init__(self) -> None:
        self.reached = threading.Event()


class Announcer:
    """The thread; it lives from construction to `close`, and announces everything in order.

    `write_mark` puts a mark on disk; where that fails, the requests that waited for it get StorageUnavailable
    instead, and `failure` says why until `recover`. `take` is called with each commit. `has_marks`: commits have
    them; otherwise nothing has to wait, and the writer's own thread announces.
    """

    def __init__(
        self,
        write_mark: Callable[[Mark], None],
        take: Callable[[Commit], object],
        *,
        head: int,
        has_marks: bool = True,
    ) -> None:
        self.failure: OSError | None = None
        #: Nothing can be announced any more: the event loop was closed.
        self.deserted = False
        self._write_mark = write_mark
        self._take = take
        self._head = head
        self._has_marks = has_marks
        self._queue: SimpleQueue[tuple[Commit, Mark | None] | _Step | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="hub-log-announcer", daemon=True)
        self._thread.start()

    def announce(self, commit: Commit, mark: Mark | None) -> None:
        """Announce `commit` once `mark`, if there is one, is on disk."""
        if self._has_marks:
            self._queue.put((commit, mark))
        else:
            self._announce([(commit, None)])

    def wait(self) -> None:
        """Return once everything was announced; until the next `announce` the caller may write the mark."""
        step = _Step()
        self._queue.put(step)
        # No deadline: it takes as long as the disk, which the writer would wait for too.
        step.reached.wait()

    def recover(self) -> None:
        """Forget the failure: the caller wrote the mark itself."""
        self.failure = None

    def close(self) -> None:
        """Announce everything, then end the thread."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        ending = False
        while not ending:
            told: list[tuple[Commit, Mark | None]] = []
            item = self._queue.get()
            while isinstance(item, tuple):
                told.append(item)
                try:
                    item = self._queue.get_nowait()
                except Empty:
                    break
            self._announce(told)
            if isinstance(item, _Step):
                item.reached.set()
            ending = item is None

    def _announce(self, told: list[tuple[Commit, Mark | None]]) -> None:
        newest = next((mark for _, mark in reversed(told) if mark is not None), None)
        durable = True
        if newest is not None:
            try:
                # One mark for all of them: the last one covers those before it.
                self._write_mark(newest)
            except OSError as error:
                self.failure = error
                durable = False
        for commit, mark in told:
            if durable or mark is None:
                self._head = commit.head
            else:
                refused: list[Outcome] = [StorageUnavailable(retry_after_s=1) for _ in commit.outcomes]
                commit = Commit(self._head, [], refused, False)
            try:
                self._take(commit)
            except RuntimeError:
                self.deserted = True
