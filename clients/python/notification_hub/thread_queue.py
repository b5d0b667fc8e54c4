"""The queue of `Hub`: an outbox and the thread that empties it."""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Callable

from contracts.receipt import BatchReceipt, Receipt
from notification_hub.address import Addressed
from notification_hub.batch import Batch
from notification_hub.failure import HubFailure, NotificationLost
from notification_hub.outbox import OnError, Outbox, QueueCounts, report
from notification_hub.wire import Call

__all__ = ["ThreadQueue"]

_queues: weakref.WeakSet[ThreadQueue] = weakref.WeakSet()


class ThreadQueue:
    """Sends in order, one request at a time; its thread lives as long as something waits."""

    def __init__(
        self,
        send: Callable[[Call[Receipt | BatchReceipt]], Receipt | BatchReceipt],
        outbox: Outbox,
        on_error: OnError | None,
    ) -> None:
        """Take how to send a request once."""
        self._send = send
        self._outbox = outbox
        self._on_error = on_error
        #: Guards everything below and the outbox, and says when any of it changes.
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        #: Ends the present wait, once: the hub may be back.
        self._hurry = False
        self._ended = False
        _queues.add(self)

    @property
    def counts(self) -> QueueCounts:
        """What became of what was queued."""
        with self._changed:
            return self._outbox.counts

    def add(self, addressed: Addressed) -> bool:
        """Return whether the notification was taken; never raises and never waits for the hub."""
        with self._changed:
            failure = self._outbox.add(addressed)
            # A thread may not start on a machine that is full; the next `add` tries again.
            if failure is None and not (self._thread and self._thread.is_alive()):
                self._thread = threading.Thread(target=self._run, name="notification-hub", daemon=True)
                with contextlib.suppress(RuntimeError):
                    self._thread.start()
        if failure is not None:
            report(self._on_error, failure, addressed)
        return failure is None

    def flush(self, timeout_s: float) -> bool:
        """Wait until nothing is queued, `timeout_s` at most; return whether nothing is."""
        with self._changed:
            return self._changed.wait_for(lambda: self._outbox.is_empty, timeout_s)

    def close(self, timeout_s: float) -> bool:
        """Take no more, try what is left at once, give up what is not sent in time; return whether all was sent."""
        with self._changed:
            self._outbox.close()
            self._hurry = True
            self._changed.notify_all()
        done = self.flush(timeout_s)
        with self._changed:
            self._ended = True
            given_up = self._outbox.give_up()
            self._changed.notify_all()
        for addressed in given_up:
            report(self._on_error, NotificationLost("closed"), addressed)
        return done

    def _run(self) -> None:
        while (batch := self._take()) is not None:
            while (delay_s := self._try(batch)) is not None and self._wait(delay_s):
                pass

    def _take(self) -> Batch | None:
        with self._changed:
            batch = None if self._ended else self._outbox.take()
            if batch is None:
                # Under the lock, so that the next `add` sees that there is no thread.
                self._thread = None
            return batch

    def _try(self, batch: Batch) -> float | None:
        """Send a batch once; return how long to wait before it is sent again, if it is."""
        response: Receipt | BatchReceipt | HubFailure
        try:
            response = self._send(batch.call)
        except HubFailure as failure:
            response = failure
        except Exception as error:  # the thread must outlive every error of the HTTP library
            response = HubFailure(f"The request failed: {type(error).__name__}")
        with self._changed:
            # Closed meanwhile: what was queued was given up and reported there.
            if self._ended:
                return None
            step = self._outbox.settle(batch, response)
            self._changed.notify_all()
        for lost, addressed in step.lost:
            report(self._on_error, lost, addressed)
        return step.delay_s

    def _wait(self, delay_s: float) -> bool:
        """Wait before the next attempt; return whether there is one."""
        with self._changed:
            self._changed.wait_for(lambda: self._hurry or self._ended, delay_s)
            # `close` ends one wait; the waits after it are as long as ever.
            self._hurry = False
            return not self._ended

    def start_again(self) -> None:
        """Be empty in a process that was forked: its parent has the thread, and sends what was queued before."""
        self._changed = threading.Condition()
        self._thread = None
        self._outbox.forget()


def _start_again() -> None:
    for queue in list(_queues):
        queue.start_again()


if hasattr(os, "register_at_fork"):  # not on Windows, where no process is forked
    os.register_at_fork(after_in_child=_start_again)
