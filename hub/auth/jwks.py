"""Public keys fetched from an issuer's key set (JWKS, RFC 7517), anew every hour and whenever a token needs it.

A token whose key is not known may have been signed with one that was published a moment ago, so it is worth a fetch.
A forged token looks the same until the answer arrives. Therefore all waiting tokens share one fetch, fetches follow
each other at a rate that no issuer minds, and no token is refused because of a fetch that another one caused: it waits
at most a second for its turn. When the server fails, the last good keys stay, and clients that need others are told to
come back (CVE-2026-48524: a fetch for every unknown kid, and a cache wiped by one error).
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Sequence

from hub.auth.key_server import KeyServer, describe_failure
from hub.auth.key_set import KeySet, read_key_set
from hub.auth.keys import Key
from hub.errors import KeysUnavailable
from hub.operator_log import OperatorLog

__all__ = ["JwksKeys", "Pace"]

#: How long keys are good without asking again; the issuer may say less (`Cache-Control`), but not next to nothing.
_REFRESH_S = 3600.0
_LEAST_REFRESH_S = 300.0
#: How long one fetch may take.
FETCH_TIMEOUT_S = 3.0
#: What a token may wait in all: its turn and a fetch.
_PATIENCE_S = 4.5
#: After a failure, until the issuer is asked again: doubled each time, up to the last.
_FIRST_REST_S = 1.0
_LONGEST_REST_S = 5.0
#: Nobody waits for the hourly fetch, so a failed one takes its time.
_REFRESH_REST_S = 60.0
#: Tokens that may wait at once, 8 KiB each at most.
_MAX_WAITING = 4_096

logger = logging.getLogger("hub.auth")


class Pace:
    """How long after one fetch the next may begin: at once as long as there were few, later on within a second."""

    _SPAN_S = 60.0
    #: So many fetches within a minute follow at once, the rest at these distances.
    _AT_ONCE, _SOON = 10, 60
    _SOON_S, _LATE_S = 0.25, 1.0

    def __init__(self) -> None:
        self._begun: deque[float] = deque(maxlen=self._SOON)

    def wait_s(self, at_s: float) -> float:
        """Return how long a fetch must wait; `at_s` is the time of a monotonic clock."""
        while self._begun and self._begun[0] <= at_s - self._SPAN_S:
            self._begun.popleft()
        if len(self._begun) < self._AT_ONCE:
            return 0.0
        distance_s = self._SOON_S if len(self._begun) < self._SOON else self._LATE_S
        return max(0.0, self._begun[-1] + distance_s - at_s)

    def note(self, at_s: float) -> None:
        """Take note that a fetch begins."""
        self._begun.append(at_s)


class JwksKeys:
    """The keys behind a JWKS URL.

    Owns at most two tasks, the fetch under way and the one after it; `close` ends them.
    """

    by_kid = True

    def __init__(self, url: str, algorithm: str, *, timeout_s: float = FETCH_TIMEOUT_S) -> None:
        self._server = KeyServer(url, timeout_s=timeout_s)
        self._timeout_s = timeout_s
        self._algorithm = algorithm
        self._keys = KeySet()
        self._version = 0
        self._refresh_s = _REFRESH_S
        # Unix time, as the verifier is told it; before the first fetch it binds nobody.
        self._fetched_at_s = float("-inf")
        # The event loop's clock, which is monotonic.
        self._rests_until_s = float("-inf")
        self._refreshes_at_s = float("-inf")
        self._failures = 0
        self._failure = ""
        self._lines = OperatorLog(logger)
        # So that the last line says how it is, also of a server that fails and recovers many times a minute.
        self._failure_told = False
        self._pace = Pace()
        self._turn = asyncio.Lock()
        self._flight: asyncio.Task[bool] | None = None
        self._next: asyncio.Task[bool] | None = None
        self._waiting = 0

    @property
    def version(self) -> int:
        """Counts the changes of the key set; unchanged when a fetch brought the same keys."""
        return self._version

    def begin(self, now_s: float) -> None:
        """Begin to fetch the keys before the first token asks for them; a URL that is wrong is in the log then."""
        if self._flight is None and self._next is None:
            self._begin_next(now_s)

    def refresh_if_due(self, now_s: float) -> None:
        """Begin to fetch the keys again if they are an hour old, or as old as the issuer lets them be."""
        # A clock set back must not make a fetch count for longer than the span.
        if self._fetched_at_s <= now_s < self._fetched_at_s + self._refresh_s or not self._keys:
            return
        at_s = asyncio.get_running_loop().time()
        if self._flight is None and self._next is None and at_s >= self._refreshes_at_s:
            self._refreshes_at_s = at_s + _REFRESH_REST_S
            self._begin_next(now_s)

    def candidates(self, kid: str | None) -> Sequence[Key]:
        """Return the keys to try: of this name, then those that have none; all of them for a token without one."""
        return self._keys.find(kid)

    async def join(self, now_s: float) -> bool:
        """Wait for the fetch under way; False if there is none.

        Raises:
            KeysUnavailable: it failed, or takes too long.
        """
        if self._flight is None:
            return False
        await self._wait_for(self._flight)
        return True

    async def renew(self, now_s: float) -> bool:
        """Wait for a fetch that begins after this call, at most a second and the fetch itself.

        Raises:
            KeysUnavailable: it failed, takes too long, or too many wait already.
        """
        rest_s = self._rests_until_s - asyncio.get_running_loop().time()
        if rest_s > 0:
            raise _unavailable("the issuer's key server failed a moment ago", rest_s)
        await self._wait_for(self._next or self._begin_next(now_s))
        return True

    async def close(self) -> None:
        """End what is under way and close the connections."""
        tasks = {task for task in (self._flight, self._next) if task is not None}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._server.close()

    def _begin_next(self, now_s: float) -> asyncio.Task[bool]:
        self._next = asyncio.create_task(self._fetch_in_turn(now_s), name="jwks")
        self._next.add_done_callback(self._land)
        return self._next

    def _land(self, task: asyncio.Task[bool]) -> None:
        if self._flight is task:
            self._flight = None
        if self._next is task:
            self._next = None

    async def _wait_for(self, fetch: asyncio.Task[bool]) -> None:
        if self._waiting >= _MAX_WAITING:
            raise _unavailable("too many tokens with unknown keys wait for the issuer", _FIRST_REST_S)
        self._waiting += 1
        try:
            async with asyncio.timeout(_PATIENCE_S):
                # Shielded: a client that hangs up must not cancel the fetch others wait for.
                succeeded = await asyncio.shield(fetch)
        except TimeoutError:
            raise _unavailable("the issuer's key server does not answer in time", _FIRST_REST_S) from None
        finally:
            self._waiting -= 1
        if not succeeded:
            raise _unavailable(f"the key server (HUB_JWKS_URL) {self._failure}", _FIRST_REST_S)

    async def _fetch_in_turn(self, now_s: float) -> bool:
        loop = asyncio.get_running_loop()
        async with self._turn:
            await asyncio.sleep(self._pace.wait_s(loop.time()))
            # From here on this is the fetch under way; a token that comes now and needs a newer answer begins another.
            self._flight, self._next = self._next, None
            self._pace.note(loop.time())
            try:
                async with asyncio.timeout(self._timeout_s):
                    answer = await self._server.fetch()
                keys = read_key_set(answer.document, self._algorithm)
            except Exception as error:
                # Every exception, not only the known ones: whatever a library raises, the waiting clients are told to
                # come back, and the next fetch is made.
                self._fail(error, loop.time())
                return False
            if self._failure_told:
                self._failure_told = False
                self._lines.write(logging.INFO, "key_server_up", "the key server (HUB_JWKS_URL) answers again")
            self._failures = 0
            self._fetched_at_s = now_s
            max_age_s = answer.max_age_s
            self._refresh_s = _REFRESH_S if not max_age_s else min(_REFRESH_S, max(_LEAST_REFRESH_S, max_age_s))
            if keys.raw_keys != self._keys.raw_keys:
                self._keys = keys
                self._version += 1
            return True

    def _fail(self, error: BaseException, at_s: float) -> None:
        rest_s = min(_LONGEST_REST_S, _FIRST_REST_S * 2**self._failures)
        self._failures = min(self._failures + 1, 8)
        self._rests_until_s = at_s + rest_s
        self._failure = describe_failure(error)
        kept = len(self._keys)
        message = f"the key server (HUB_JWKS_URL) {self._failure}; {kept} keys are kept"
        self._failure_told |= self._lines.write_limited(logging.WARNING, "key_server_down", message, keys=kept)


def _unavailable(reason: str, rest_s: float) -> KeysUnavailable:
    return KeysUnavailable(retry_after_s=max(1, math.ceil(rest_s)), reason=reason)
