"""A directory with a cache, which does not add load to a database that is down."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence

from hub.directory.directory import Directory, User
from hub.errors import DirectoryUnavailable
from hub.histogram import Histogram

__all__ = ["CachedDirectory"]

#: A user who signs up must not stay unknown for the whole time to live.
_UNKNOWN_TTL_S = 5.0
#: Unknown ids remembered; a flood of them must not push out the users that there are.
_MAX_UNKNOWN = 10_000
#: After a failure, one look-up in this time finds out whether the directory is back; the others fail at once.
_RETRY_S = 1.0
#: How old an answer may be that refuses somebody; it bounds such queries to one a second and user.
_ANEW_S = 1.0
#: Queries under way at once, and users in one. Users that come meanwhile are asked for together, in the next.
_QUERIES = 3
_BATCH = 200
#: How often a query is repeated because a user was forgotten meanwhile.
_FRESH_TRIES = 3


class CachedDirectory:
    """`inner` with a memory.

    A found user is remembered for `ttl_s` and at most `max_entries` of them, the least recently used go first; an
    unknown one for at most 5 s. `now` is any clock in seconds. Concurrent look-ups of one id are one, and many ids
    share few queries. When `inner` is down, what is remembered still answers and everything else raises
    `DirectoryUnavailable`, at once but for one look-up a second; nobody waits longer than `wait_s`.

    Owns a task for each query under way; `close` ends them.
    """

    def __init__(
        self,
        inner: Directory,
        *,
        ttl_s: float,
        now: Callable[[], float],
        max_entries: int = 100_000,
        wait_s: float = 10.0,
        query_durations: Histogram | None = None,
    ) -> None:
        self._query_durations = Histogram() if query_durations is None else query_durations
        self._inner = inner
        self._ttl_s = ttl_s
        self._now = now
        self._max_entries = max_entries
        self._wait_s = wait_s
        self._circuit = _Circuit(now)
        self._known: OrderedDict[str, tuple[User, float]] = OrderedDict()
        self._unknown: OrderedDict[str, float] = OrderedDict()
        #: Users that are asked for; those in the queue are not yet part of a query.
        self._awaited: dict[str, asyncio.Future[User | None]] = {}
        self._queue: deque[str] = deque()
        self._queries: set[asyncio.Task[None]] = set()
        #: How often something was forgotten: an answer that is older than that is asked for again.
        self._forgotten = 0

    @property
    def trusts_claims(self) -> bool:
        """As `inner` does."""
        return self._inner.trusts_claims

    def find_user_nowait(self, user_id: str) -> User | None:
        """Return the user if they are remembered; None means: ask `find_user`."""
        return self._recall(user_id, self._ttl_s)

    async def find_user(self, user_id: str) -> User | None:
        """Return the user with this id, remembered or asked for, or None if there is none.

        Raises:
            DirectoryUnavailable: not remembered, and `inner` failed just now or takes too long.
        """
        user = self._recall(user_id, self._ttl_s)
        if user is not None or self._is_unknown(user_id, _UNKNOWN_TTL_S):
            return user
        return await self._find(user_id)

    async def find_user_anew(self, user_id: str) -> User | None:
        """Return the user, asked for unless that was done within the last second.

        Raises:
            DirectoryUnavailable: `inner` failed just now, whatever is remembered.
        """
        user = self._recall(user_id, _ANEW_S)
        if user is not None or self._is_unknown(user_id, _ANEW_S):
            return user
        return await self._find(user_id)

    async def find_users(self, user_ids: Sequence[str]) -> dict[str, User]:
        """Return those of these users that there are, asked for now; what is learnt is remembered.

        Raises:
            DirectoryUnavailable: `inner` failed, now or within the last second.
        """
        self._circuit.enter()
        return await self._learn(user_ids)

    def forget(self, *, user_id: str | None = None, account_id: str | None = None) -> None:
        """Ask anew at the next look-up of this user, or of every user of this account; both: of either."""
        self._forgotten += 1
        gone = [user_id] if user_id is not None else []
        if account_id is not None:
            gone += [known for known, (user, _) in self._known.items() if user.account_id == account_id]
        for one in gone:
            self._known.pop(one, None)
            self._unknown.pop(one, None)

    async def check(self) -> None:
        """Ask `inner`, whatever is remembered.

        Raises:
            DirectoryUnavailable: it failed.
        """
        await self._inner.check()
        # After a check that succeeded, an earlier failure must not make look-ups fail.
        self._circuit.report(failed=False)

    async def close(self) -> None:
        """End the queries under way and close `inner`."""
        while self._queue:
            self._awaited.pop(self._queue.popleft()).cancel()
        for query in self._queries:
            query.cancel()
        if self._queries:
            await asyncio.wait(self._queries)
        await self._inner.close()

    def _recall(self, user_id: str, max_age_s: float) -> User | None:
        entry = self._known.get(user_id)
        if entry is None or not 0 <= self._now() - entry[1] < min(self._ttl_s, max_age_s):
            return None
        self._known.move_to_end(user_id)
        return entry[0]

    def _is_unknown(self, user_id: str, max_age_s: float) -> bool:
        since_s = self._unknown.get(user_id)
        return since_s is not None and 0 <= self._now() - since_s < min(self._ttl_s, max_age_s)

    async def _find(self, user_id: str) -> User | None:
        awaited = self._awaited.get(user_id)
        if awaited is None:
            self._circuit.enter()
            awaited = self._awaited[user_id] = asyncio.get_running_loop().create_future()
            self._queue.append(user_id)
            self._ask()
        try:
            # Shielded: one connection that hangs up must not fail the others that wait for the same user.
            async with asyncio.timeout(self._wait_s):
                return await asyncio.shield(awaited)
        except TimeoutError:
            raise DirectoryUnavailable(retry_after_s=1) from None
        finally:
            # Its error holds this frame, which would hold it.
            del awaited

    def _ask(self) -> None:
        while self._queue and len(self._queries) < _QUERIES:
            asked = [self._queue.popleft() for _ in range(min(_BATCH, len(self._queue)))]
            query = asyncio.create_task(self._resolve(asked), name="directory-query")
            self._queries.add(query)
            query.add_done_callback(self._go_on)

    async def _resolve(self, asked: list[str]) -> None:
        try:
            found = await self._learn(asked)
        except DirectoryUnavailable as error:
            # The users in the queue would get the same answer, later.
            asked += self._queue
            self._queue.clear()
            for one in asked:
                self._fail(one, error)
        except BaseException as error:
            for one in asked:
                self._fail(one, error)
            raise
        else:
            for one in asked:
                awaited = self._awaited.pop(one)
                if not awaited.done():
                    awaited.set_result(found.get(one))

    async def _learn(self, user_ids: Sequence[str]) -> dict[str, User]:
        for _ in range(_FRESH_TRIES):
            before, began_s = self._forgotten, time.monotonic()
            try:
                found = await self._inner.find_users(user_ids)
            except DirectoryUnavailable:
                self._circuit.report(failed=True)
                raise
            finally:
                # A failure counts too: it is what a client waited for.
                self._query_durations.observe(time.monotonic() - began_s)
            self._circuit.report(failed=False)
            # A user was disconnected while the query was under way: its answer may be from before that.
            if before == self._forgotten:
                break
        now_s = self._now()
        for one in user_ids:
            self._remember(one, found.get(one), now_s)
        return found

    def _remember(self, user_id: str, user: User | None, now_s: float) -> None:
        if user is None:
            self._known.pop(user_id, None)
            self._unknown[user_id] = now_s
            self._unknown.move_to_end(user_id)
            if len(self._unknown) > _MAX_UNKNOWN:
                self._unknown.popitem(last=False)
        else:
            self._unknown.pop(user_id, None)
            self._known[user_id] = (user, now_s)
            self._known.move_to_end(user_id)
            if len(self._known) > self._max_entries:
                self._known.popitem(last=False)

    def _fail(self, user_id: str, error: BaseException) -> None:
        awaited = self._awaited.pop(user_id)
        if awaited.done():
            return
        if isinstance(error, DirectoryUnavailable):
            # One each: an error that is raised in several places collects the traces of all of them.
            awaited.set_exception(DirectoryUnavailable(retry_after_s=error.retry_after_s))
            # Taken note of here, for the case that everybody who waited has hung up.
            awaited.exception()
        else:
            awaited.cancel()

    def _go_on(self, query: asyncio.Task[None]) -> None:
        self._queries.discard(query)
        if query.cancelled():
            return
        query.exception()
        self._ask()


class _Circuit:
    """Whether it makes sense to ask: always, or once a second after a failure."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._failed_at_s: float | None = None

    def enter(self) -> None:
        if self._failed_at_s is None:
            return
        now_s = self._now()
        if self._failed_at_s <= now_s < self._failed_at_s + _RETRY_S:
            raise DirectoryUnavailable(retry_after_s=1)
        # The first look-up finds out; those that come meanwhile fail as before.
        self._failed_at_s = now_s

    def report(self, *, failed: bool) -> None:
        self._failed_at_s = self._now() if failed else None
