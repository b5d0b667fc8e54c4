"""The relay: claims rows, publishes them, marks them, for as long as the process runs.

Why nothing is lost, nothing comes twice and each key keeps its order, wherever the process ends: a row is marked only
after the hub's receipt; its id is its Idempotency-Key, so that the hub stores it once however often it is sent; and a
row is sent only after the receipt of its predecessor. None of this depends on the locks of the database, which keep
several relays from doing the same work.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Callable

from contracts.relay import RelayReport
from hub.backoff import choose_delay_s
from hub.operator_log import OperatorLog
from hub.relay.bounds import RelayBounds
from hub.relay.database import Database
from hub.relay.fault import DATABASE_ERRORS
from hub.relay.metrics import Metrics
from hub.relay.round import Round
from hub.relay.row import Dead, Failed, HubAway, Outcome, Row
from hub.relay.sender import Sender
from hub.relay.table import Backlog, OutboxTable

__all__ = ["Relay"]

logger = logging.getLogger("hub.relay")


class Relay:
    """One relay of one outbox. Several may run on the same table, anywhere."""

    def __init__(
        self,
        database: Database,
        table: OutboxTable,
        sender: Sender,
        metrics: Metrics,
        bounds: RelayBounds,
        *,
        poll_s: float,
        max_in_flight: int,
        max_attempts: int,
        keep_s: float,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Take the parts. `keep_s`: how long published rows are kept; `jitter` gives numbers from 0 to 1."""
        self._database = database
        self._table = table
        self._sender = sender
        self._metrics = metrics
        self._bounds = bounds
        self._poll_s = poll_s
        self._max_in_flight = max_in_flight
        self._max_attempts = max_attempts
        self._keep_s = keep_s
        self._jitter = jitter
        self._lines = OperatorLog(logger)
        self._woken = asyncio.Event()
        self._stopping = False
        self._round: Round | None = None
        #: The key behind which the next scan begins, and whether rows were found since the scan last began anew.
        self._after = ""
        self._found = False
        #: Failures in a row of the hub, and of the database.
        self._hub_failures = 0
        self._database_failures = 0
        self._polls_said = False
        self._next_upkeep_s = 0.0
        #: What a report says: which relay this is, what is in the table, and what was published since the start.
        self._instance = secrets.token_hex(8)
        self._backlog = Backlog(0, 0.0, 0)
        self._published = 0

    @property
    def is_ready(self) -> bool:
        """Whether both servers did what was asked of them last."""
        return self._hub_failures == 0 and self._database_failures == 0

    def stop(self) -> None:
        """Send no further row; `run` returns once those in flight have their response and are marked."""
        self._stopping = True
        if self._round is not None:
            self._round.stop()
        self._woken.set()

    async def run(self) -> None:
        """Publish until `stop`."""
        while not self._stopping:
            try:
                delay_s = await self._step()
                self._note_database_up()
            except DATABASE_ERRORS as error:
                delay_s = self._note_database_down(error)
            if delay_s > 0:
                await self._wait(delay_s)
        await self._report(ends=True)

    async def _step(self) -> float:
        """Do one round and what is due beside; return how long to wait for the next one."""
        self._woken.clear()
        await self._listen()
        more, away = await self._publish_some()
        if time.monotonic() >= self._next_upkeep_s and not self._stopping:
            self._next_upkeep_s = time.monotonic() + self._bounds.upkeep_s
            await self._do_upkeep()
        if away is not None:
            return self._note_hub_down(away)
        return 0.0 if more else self._poll_s

    async def _listen(self) -> None:
        if not await self._database.listen(self._woken.set) and not self._polls_said:
            self._polls_said = True
            self._lines.write(
                logging.INFO,
                "relay_polls",
                "a pooler in transaction mode is before the database, where LISTEN hears nothing: the relay looks every"
                f" {self._poll_s:g} s (HUB_RELAY_POLL; or name the database's direct host in HUB_RELAY_DATABASE)",
            )
        self._metrics.listening.set(self._database.is_listening)

    async def _publish_some(self) -> tuple[bool, HubAway | None]:
        """Do one round; return whether to look again at once, and why the hub is away, if it is."""
        # While the hub is away one row finds out whether it is back; each time another key's, for it may be the row.
        probes = self._hub_failures > 0
        async with self._database.transaction() as connection:
            scan = await self._table.scan(connection, after=self._after, keys=1 if probes else self._bounds.keys)
            rows = await self._table.claim(connection, scan.due_ids)
            done = Round(rows[:1] if probes else rows, max_in_flight=self._max_in_flight)
            if rows:
                await self._send_all(done)
            done.close()
            await self._mark(connection, done)
        self._after = scan.last_key if scan.keys == (1 if probes else self._bounds.keys) else ""
        self._note(done)
        self._found = self._found or done.settled > 0
        if self._after:
            return True, done.away
        found, self._found = self._found, False
        return found, done.away

    async def _send_all(self, done: Round) -> None:
        """Send the rows of a round, several at once, until it is over or has taken long enough."""
        self._round = done
        if self._stopping:
            done.stop()
        ends_at_s = time.monotonic() + self._bounds.round_s
        tasks: dict[asyncio.Task[Outcome], Row] = {}
        try:
            while not done.is_over:
                if time.monotonic() > ends_at_s:
                    done.stop()
                while (row := done.take()) is not None:
                    tasks[asyncio.create_task(self._send(row), name="relay-send")] = row
                if not tasks:
                    # What is left waits for its next attempt.
                    return
                finished, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in finished:
                    done.settle(tasks.pop(task), task.result())
        finally:
            self._round = None
            for task in tasks:
                task.cancel()

    async def _send(self, row: Row) -> Outcome:
        begun_s = time.monotonic()
        outcome = await self._sender.send(row)
        self._metrics.publish_seconds.observe(time.monotonic() - begun_s)
        if isinstance(outcome, Failed) and outcome.counts and row.attempts + 1 >= self._max_attempts:
            return Dead(outcome.code, f"{outcome.reason} (given up after {row.attempts + 1} attempts)")
        return outcome

    async def _mark(self, connection: object, done: Round) -> None:
        """Write the outcomes down; what has none waits as before."""
        if done.published:
            await self._table.mark_published(connection, done.published)
        if done.dead:
            await self._table.mark_dead(connection, done.dead)
        if done.failed:
            await self._table.postpone(
                connection, [(row, self._choose_row_delay_s(row, why)) for row, why in done.failed]
            )

    def _choose_row_delay_s(self, row: Row, why: Failed) -> float:
        bounds = self._bounds
        return choose_delay_s(
            row.attempts + 1,
            base_s=bounds.row_base_s,
            cap_s=bounds.row_cap_s,
            retry_after_s=why.retry_after_s,
            random=self._jitter,
        )

    def _note(self, done: Round) -> None:
        """Count and log a round, after its outcomes are durable."""
        self._metrics.rounds.inc(done.settled > 0)
        self._metrics.published.inc(len(done.published))
        self._published += len(done.published)
        self._metrics.duplicates.inc(done.duplicates)
        for row, dead in done.dead:
            self._metrics.dead.labels(dead.code).inc()
            self._lines.write(
                logging.WARNING,
                "relay_row_dead",
                f"the hub refuses the row {row.id} with {dead.code}: it is kept, and its key goes on"
                " (`hub relay --dead` lists such rows)",
                code=dead.code,
                row=row.id,
            )
        for _, failed in done.failed:
            self._metrics.failures.labels(failed.code).inc()
            self._lines.write_limited(
                logging.WARNING,
                "relay_row_failed",
                f"a row failed with {failed.code} and is sent again later; its key waits",
                code=failed.code,
            )
        if done.away is not None:
            self._metrics.failures.labels(done.away.code).inc()
        elif done.settled and self._hub_failures:
            self._hub_failures = 0
            self._metrics.hub_up.set(1)
            self._lines.write(logging.WARNING, "relay_hub_up", "the hub takes rows again")

    def _note_hub_down(self, away: HubAway) -> float:
        self._hub_failures += 1
        self._metrics.hub_up.set(0)
        self._lines.write_limited(
            logging.WARNING,
            "relay_hub_down",
            f"no row can be published: {away.reason}; the rows wait (HUB_URL, HUB_SERVICE_KEY)",
            code=away.code,
        )
        return self._choose_away_delay_s(self._hub_failures, away.retry_after_s)

    def _note_database_down(self, error: BaseException) -> float:
        self._database_failures += 1
        self._metrics.database_up.set(0)
        words = self._database.describe(error)
        self._lines.write_limited(logging.WARNING, "relay_database_down", f"the outbox cannot be used: {words}")
        return self._choose_away_delay_s(self._database_failures, None)

    def _note_database_up(self) -> None:
        self._metrics.database_up.set(1)
        if self._database_failures:
            self._database_failures = 0
            self._lines.write(logging.WARNING, "relay_database_up", "the outbox can be used again")

    def _choose_away_delay_s(self, failures: int, retry_after_s: float | None) -> float:
        base_s, cap_s = self._bounds.away_base_s, self._bounds.away_cap_s
        return choose_delay_s(failures, base_s=base_s, cap_s=cap_s, retry_after_s=retry_after_s, random=self._jitter)

    async def _do_upkeep(self) -> None:
        """Measure the table, and delete some of the rows that have been published for long enough."""
        async with self._database.transaction() as connection:
            self._backlog = await self._table.measure(connection)
        self._metrics.set_backlog(self._backlog)
        await self._report()
        for _ in range(self._bounds.purge_statements):
            async with self._database.transaction() as connection:
                purged = await self._table.purge(connection, older_than_s=self._keep_s)
            self._metrics.purged.inc(purged)
            if purged < self._bounds.purge_rows or self._stopping:
                return

    async def _report(self, *, ends: bool = False) -> None:
        """Tell the hub's operators of this relay, unless the hub is away."""
        if self._hub_failures:
            return
        report = RelayReport(
            instance=self._instance,
            waiting_rows=self._backlog.waiting,
            dead_rows=self._backlog.dead,
            oldest_waiting_seconds=self._backlog.oldest_s,
            published=self._published,
            interval_seconds=self._bounds.upkeep_s,
            ends=ends,
        )
        await self._sender.report(report)

    async def _wait(self, delay_s: float) -> None:
        """Wait for so long; while all is well a commit of the service ends it, and a stop always does."""
        try:
            async with asyncio.timeout(delay_s):
                while not self._stopping:
                    await self._woken.wait()
                    if self.is_ready:
                        return
                    # A commit does not bring the hub back; its back-off holds.
                    if not self._stopping:
                        self._woken.clear()
        except TimeoutError:
            return
