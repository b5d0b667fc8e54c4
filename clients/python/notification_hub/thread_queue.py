"""The queue of `Hub`: an outbox and the thread that empties it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from notification_hub.address import Addressed
from notification_hub.failure import HubFailure, NotificationLost
from notification_hub.outbox import Entry, OnError, Outbox, QueueCounts, report

__all__ = ["ThreadQueue"]


class ThreadQueue:
    """Sends in order, one at a time; its thread lives as long as something waits."""

    def __init__(self, send: Callable[[bytes, str], object], outbox: Outbox, on_error: OnError | None) -> None:
        """Take how to send a body once, under a key."""
        self._send = send
        self._outbox = outbox
        self._on_error = on_error
        #: Guards everything below and the outbox, and says when any of it changes.
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._hurry = False
        self._ended = False

    @property
    def counts(self) -> QueueCounts:
        """What became of what was queued."""
        with self._changed:
            return self._outbox.counts

    def add(self, addressed: Addressed) -> bool:
        """Return whether the notification was taken; never raises and never waits for the hub."""
        with self._changed:
            failure = self._outbox.add(addressed)
            # A thread does not survive a fork, and may not start on a machine that is full; the next one tries again.
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
            return self._changed.wait_for(lambda: self._outbox.head is None, timeout_s)

    def close(self, timeout_s: float) -> bool:
        """Take no more, try what is left at once, give up what is not sent in time; return whether all was sent."""
        with self._changed:
            self._outbox.closed = True
            self._hurry = True
            self._changed.notify_all()
        done = self.flush(timeout_s)
        with self._changed:
            self._ended = True
            given_up = self._outbox.give_up()
            self._changed.notify_all()
        for entry in given_up:
            report(self._on_error, NotificationLost("closed"), entry.addressed)
        return done

    def _run(self) -> None:
        while True:
            with self._changed:
                entry = self._outbox.head
                if entry is None or self._is_over():
                    # Under the lock, so that whoever adds next sees that no thread is there.
                    self._thread = None
                    return
            failure = self._deliver(entry)
            with self._changed:
                # Closed meanwhile: the entry was given up and reported there.
                if self._is_over():
                    continue
                self._outbox.settle(entry, failure)
                self._changed.notify_all()
            if failure is not None:
                report(self._on_error, failure, entry.addressed)

    def _deliver(self, entry: Entry) -> HubFailure | None:
        failures = 0
        while True:
            failure = self._try(entry)
            if failure is None:
                return None
            failures += 1
            delay_s = self._outbox.choose_delay_s(entry, failures, failure)
            if isinstance(delay_s, HubFailure):
                return delay_s
            with self._changed:
                self._changed.wait_for(lambda: self._hurry or self._ended, delay_s)
                # A hub that is down is asked once at once when the client closes, and then no faster than before.
                self._hurry = False
                if self._is_over():
                    return None

    def _is_over(self) -> bool:
        return self._ended

    def _try(self, entry: Entry) -> HubFailure | None:
        try:
            answer = self._send(entry.body, entry.idempotency_key)
            with self._changed:
                self._outbox.note(entry, answer)
        except HubFailure as failure:
            return failure
        except Exception as error:  # the thread must outlive whatever the HTTP library comes up with
            return HubFailure(f"The request failed: {type(error).__name__}")
        return None
