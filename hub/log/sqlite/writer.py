"""The log's one writer: a thread that alone commits and checkpoints.

All requests that wait go into one transaction, so they share one fsync (group commit). The writer announces a commit
to the event loop in one call. When the disk fails, the writer refuses requests, reopens the file and proves by a write
of its own that it works again; nothing else is needed to recover.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from queue import Empty, SimpleQueue

import apsw
import msgspec

from hub.errors import HubError, Internal, StorageUnavailable
from hub.histogram import Histogram
from hub.log.port import Draft, Erased, Placed, Record
from hub.log.sqlite.announcer import Announcer, Commit, Outcome
from hub.log.sqlite.erasure import Erasure
from hub.log.sqlite.mark import Mark
from hub.log.sqlite.opening import OnDamage
from hub.log.sqlite.retention import Retention
from hub.log.sqlite.schema import Extent, LogFile
from hub.log.sqlite.store import FilesChanged, Store
from hub.operator_log import OperatorLog

__all__ = ["Listener", "Request", "Writer"]

logger = logging.getLogger(__name__)

_BATCH_DRAFTS = 1_000
_BATCH_BYTES = 4 * 2**20
#: How often the writer looks for what retention may take.
_NUDGE_S = 1.0
#: How often it looks whether the files are still there while something is written.
_WATCH_S = 0.25
#: How often it tries a disk that failed, and how soon when a publish arrives meanwhile.
_PROBE_S = 1.0
_HASTY_PROBE_S = 0.25
#: Retention may take one part in five of the writer's time while publishers wait.
_PURGE_REST = 4.0
#: How long retention rests after it met damage.
_DAMAGED_REST_S = 3_600.0


class Request:
    """Drafts that wait for the disk."""

    __slots__ = ("drafts", "placed", "size_bytes")

    def __init__(self, drafts: Sequence[Draft], placed: Sequence[Placed] = ()) -> None:
        self.drafts = tuple(drafts)
        self.placed = placed
        self.size_bytes = sum(len(draft.payload) for draft in self.drafts)


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    """What the writer calls, on the event loop, in the order things happened.

    `begin`: the log is open, or why not. `take`: something was stored or refused, or the disk recovered.
    `raise_first`: records below this position are about to go. `end`: the files are closed.
    """

    begin: Callable[[Extent | Exception], None]
    take: Callable[[Commit], None]
    raise_first: Callable[[int], None]
    end: Callable[[], None]


class Writer:
    """The thread; it lives from `start` until what was submitted before `stop` is done.

    `post` runs a function on the event loop. `close_readers` is called on the thread before the last checkpoint:
    readers still open would keep that from emptying the WAL.
    """

    def __init__(
        self,
        file: LogFile,
        retention: Retention,
        listener: Listener,
        *,
        now: Callable[[], float],
        post: Callable[..., object],
        close_readers: Callable[[], None],
        on_damage: OnDamage,
        fsyncs: Mapping[str, Histogram],
    ) -> None:
        self._fsyncs = fsyncs
        self._file = file
        self._on_damage = on_damage
        self._retention = retention
        self._listener = listener
        self._now = now
        self._post = post
        self._close_readers = close_readers
        self._requests: SimpleQueue[Request | Erasure | None] = SimpleQueue()
        self._erasures: deque[Erasure] = deque()
        self._thread = threading.Thread(target=self._run, name="hub-log-writer", daemon=True)
        self._stopping = False
        self._writable = True
        self._purge_more = False
        self._purge_at_s = 0.0
        self._watch_at_s = 0.0
        self._probe_at_s = 0.0
        self._lines = OperatorLog(logger)
        # So that the last line says how it is, also of a disk that fails and recovers many times a minute.
        self._failure_told = False

    def start(self) -> None:
        """Open the file and begin; `Listener.begin` tells how that went."""
        self._thread.start()

    def submit(self, request: Request) -> None:
        """Let `request` wait for the next transaction; never blocks."""
        self._requests.put(request)

    def erase(self, erasure: Erasure) -> None:
        """Take an erasure, a slice at a time between the transactions; it is told when it is done."""
        self._requests.put(erasure)

    def stop(self) -> None:
        """Finish what was submitted, checkpoint, and end; `Listener.end` tells when."""
        self._requests.put(None)

    def join(self, timeout_s: float) -> None:
        """Wait for the thread to be gone: a moment after `Listener.end` or a failed `begin`."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            store = Store(
                self._file,
                self._retention,
                self._announce_first,
                on_damage=self._on_damage,
                fsyncs=self._fsyncs,
                now_s=self._now(),
            )
        except Exception as error:
            self._close_readers()
            self._post(self._listener.begin, error)
            return
        self._announcer = Announcer(
            store.write_mark,
            lambda commit: self._post(self._listener.take, commit),
            head=store.head,
            # A mirror needs none: what it lacks, the stream has.
            has_marks=not self._file.is_mirror,
        )
        store.settle = self._announcer.wait
        try:
            self._post(self._listener.begin, Extent(store.epoch, store.head, store.first))
            while not (self._stopping or self._announcer.deserted):
                requests = self._gather()
                if requests:
                    self._process(store, requests)
                if not self._stopping:
                    self._maintain(store, idle=not requests)
        finally:
            # Also when the loop was closed under us and `post` raised: the files must not stay open.
            self._finish(store)
        self._post(self._listener.end)

    def _gather(self) -> list[Request]:
        requests: list[Request] = []
        drafts = size_bytes = 0
        wait_s = self._patience_s()
        while drafts < _BATCH_DRAFTS and size_bytes < _BATCH_BYTES:
            try:
                request = self._requests.get(timeout=wait_s) if wait_s > 0 else self._requests.get_nowait()
            except Empty:
                break
            if request is None:
                self._stopping = True
                break
            if type(request) is Erasure:
                self._erasures.append(request)
                break
            requests.append(request)
            drafts += len(request.drafts)
            size_bytes += request.size_bytes
            wait_s = 0.0
        return requests

    def _check_files(self, store: Store, now_s: float) -> None:
        if now_s >= self._watch_at_s:
            self._watch_at_s = now_s + _WATCH_S
            store.check_files()

    def _patience_s(self) -> float:
        if not self._writable:
            return max(self._probe_at_s - time.monotonic(), 0.0)
        if self._purge_more or self._erasures:
            return 0.0
        # The files are looked at when it wakes up anyway: an idle log does so once a second.
        return max(min(self._purge_at_s - time.monotonic(), _NUDGE_S), 0.0)

    def _process(self, store: Store, requests: list[Request]) -> None:
        if not self._writable and not self._recover(store, _HASTY_PROBE_S):
            self._announce(store, [], [StorageUnavailable(retry_after_s=1) for _ in requests])
            return
        try:
            # Before the write as well: after a second of rest the first one must not go into a file that is gone.
            self._check_files(store, time.monotonic())
            if self._file.is_mirror:
                stored = store.apply([request.placed for request in requests])
            else:
                stored = store.write([request.drafts for request in requests], self._now())
        except apsw.TooBigError as error:
            self._answer_apart(store, requests, error)
        except (apsw.Error, OSError, FilesChanged) as error:
            self._fail(store, error)
            self._announce(store, [], [StorageUnavailable(retry_after_s=1) for _ in requests])
        except Exception as error:
            self._answer_apart(store, requests, error)
        else:
            mark = None if self._file.is_mirror else store.mark
            self._announce(store, stored.records, list(stored.results), mark)

    def _answer_apart(self, store: Store, requests: list[Request], error: Exception) -> None:
        # One request holds something that cannot be stored; it alone may fail, not those it waited with.
        if len(requests) > 1:
            for request in requests:
                self._process(store, [request])
            return
        logger.error("a draft cannot be stored: %s", type(error).__name__)
        self._announce(store, [], [Internal()])

    def _maintain(self, store: Store, *, idle: bool) -> None:
        started_s = time.monotonic()
        if not self._writable:
            if started_s >= self._probe_at_s and self._recover(store, _PROBE_S):
                self._announce(store, [], [])
            return
        try:
            if self._announcer.failure is not None:
                raise self._announcer.failure
            self._check_files(store, started_s)
            store.checkpoint()
            if self._erasures:
                self._erase(store)
            if started_s >= self._purge_at_s or (idle and self._purge_more):
                self._purge(store, started_s)
        except (apsw.Error, OSError, FilesChanged) as error:
            self._fail(store, error)
            self._announce(store, [], [])

    def _erase(self, store: Store) -> None:
        erasure = self._erasures[0]
        try:
            erased = store.erase(erasure)
        except apsw.CorruptError as error:
            logger.error("an erasure met damage in the log: %s", error)
            self._finish_erasure(StorageUnavailable("The log is damaged; see `hub check --deep`"))
            return
        except apsw.Error:
            erasure.restart()
            raise
        if erased is not None:
            self._finish_erasure(erased)

    def _finish_erasure(self, outcome: Erased | HubError) -> None:
        self._post(self._erasures.popleft().finish, outcome)

    def _purge(self, store: Store, started_s: float) -> None:
        try:
            self._purge_more = store.purge(self._now())
        except apsw.CorruptError as error:
            # Publishers need not suffer for what is old and damaged; the file only grows meanwhile.
            logger.error("retention met damage in the log and rests for an hour: %s", error)
            self._purge_more = False
            self._purge_at_s = time.monotonic() + _DAMAGED_REST_S
            return
        ended_s = time.monotonic()
        rest_s = _PURGE_REST * (ended_s - started_s) if self._purge_more else _NUDGE_S
        self._purge_at_s = ended_s + rest_s

    def _recover(self, store: Store, rest_s: float) -> bool:
        tried_s = time.monotonic()
        if tried_s < self._probe_at_s - (_PROBE_S - rest_s):
            return False
        self._probe_at_s = tried_s + _PROBE_S
        try:
            store.reopen()
        except (apsw.Error, OSError, FilesChanged, HubError) as error:
            message = f"the log still cannot be written: {type(error).__name__}"
            self._failure_told |= self._lines.write_limited(logging.WARNING, "log_not_writable", message)
            return False
        self._announcer.recover()
        if self._failure_told:
            self._failure_told = False
            self._lines.write(logging.WARNING, "log_writable", "the log can be written again")
        self._writable = True
        return True

    def _fail(self, store: Store, error: Exception) -> None:
        if isinstance(error, FilesChanged):
            store.save_what_is_open()
            message = f"{error}: nothing is accepted until it is back as it was, or the hub is restarted"
        else:
            message = f"the log cannot be written: {type(error).__name__}"
        self._failure_told |= self._lines.write_limited(logging.ERROR, "log_not_writable", message)
        self._writable = False
        self._probe_at_s = time.monotonic()

    def _announce(self, store: Store, records: list[Record], outcomes: list[Outcome], mark: Mark | None = None) -> None:
        self._announcer.announce(Commit(store.head, records, outcomes, self._writable), mark)

    def _announce_first(self, first: int) -> None:
        self._post(self._listener.raise_first, first)

    def _finish(self, store: Store) -> None:
        self._announcer.close()
        while self._erasures:
            self._finish_erasure(StorageUnavailable("The log is closed"))
        self._close_readers()
        try:
            store.finish()
        except (apsw.Error, FilesChanged) as error:
            logger.error("the log was closed without a checkpoint: %s", type(error).__name__)
