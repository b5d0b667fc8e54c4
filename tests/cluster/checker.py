"""`python -m tests.cluster.checker FILE`: whether hubs lose, repeat or reorder anything, asked from outside.

FILE is what `make serve-cluster` writes: the fields of `Target` as JSON. Nothing of the hub's code is used: this
publishes over HTTP, listens as clients do, and compares.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import secrets
import statistics
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from random import Random
from typing import Any

import jwt
import msgspec

from tests.cluster.ledger import History, Ledger, User, summarise
from tests.cluster.listener import Listener
from tests.cluster.sender import Sender

__all__ = ["Report", "Target", "check", "main", "make_token"]

#: Every account has the same user ids, so that a mix-up shows.
USERS = tuple(
    (account, user) for account in ("12345678000190", "98765432000110") for user in ("00000000191", "00000000272")
)
START_DEADLINE_S = 30.0
#: From the last notification until every listener has it.
FINISH_DEADLINE_S = 60.0
#: Listeners that change their node and transport, beside one per node and transport that do not.
HOPPERS = 4
#: A listener is away for so long at most, before it comes back.
AWAY_S = 0.2
TOKEN_TTL_S = 7 * 86_400


class Target(msgspec.Struct, frozen=True):
    """The hubs under test: the base URL of each node (and of a proxy), and what one needs there."""

    urls: list[str]
    service_key: str
    jwt_secret: str
    #: Where to publish, if not at each of `urls`.
    publish_urls: list[str] = []
    #: Who listens: account and user; known to the hubs' directory, if they have one.
    users: tuple[tuple[str, str], ...] = USERS


class Report(msgspec.Struct, frozen=True):
    """How a run ended; `violations` is empty where nothing is wrong."""

    violations: list[str]
    acknowledged: int
    #: Of the notifications, over the time in which they were published.
    rate_per_s: float
    deliveries: int
    #: Of all connections of all listeners, by transport.
    connections: dict[str, int]
    gaps: int
    #: How often a listener did not get what was acknowledged; without a violation, it was told of a gap.
    missed: int
    #: Responses that were no receipt, by status; 0: none came.
    refusals: dict[int, int]
    #: From the first attempt to the receipt.
    wait_p50_s: float
    wait_p99_s: float
    wait_max_s: float
    #: The longest time in which nothing was acknowledged.
    silence_s: float
    #: From the receipt to each listener's frame; below 0 where the frame was first.
    dispatch_p50_s: float

    def describe(self) -> str:
        """Return the figures in one line."""
        refused = ", ".join(f"{count} x {status or 'no response'}" for status, count in sorted(self.refusals.items()))
        by_transport = ", ".join(f"{count} {name}" for name, count in sorted(self.connections.items()))
        return (
            f"{self.acknowledged} acknowledged ({self.rate_per_s:.0f}/s), "
            f"{self.deliveries} deliveries over {by_transport} connections; "
            f"{len(self.violations)} violations, {self.gaps} announced gaps, {self.missed} missed; "
            f"receipt after {self.wait_p50_s * 1000:.0f} ms (p50), {self.wait_p99_s * 1000:.0f} ms (p99), "
            f"{self.wait_max_s:.1f} s (longest), longest silence {self.silence_s:.1f} s; "
            f"dispatched {self.dispatch_p50_s * 1000:+.0f} ms from the receipt (p50); "
            f"attempts without a receipt: {refused or 'none'}"
        )


async def check(
    target: Target,
    *,
    rate_per_s: float,
    meanwhile: Callable[[], Coroutine[Any, Any, None]],
    seed: int,
    may_have_gaps: bool = False,
    hoppers: int = HOPPERS,
    away_s: float = AWAY_S,
    finish_s: float = FINISH_DEADLINE_S,
    least: int = 0,
    listener: type[Listener] = Listener,
    sender: type[Sender] = Sender,
) -> Report:
    """Publish and listen at `target` while `meanwhile` runs, then compare.

    `listener` and `sender` speak another server's protocol.

    It goes on until `least` were acknowledged. Hoppers are away for up to `away_s` between two nodes. Listeners may
    take `finish_s` after the last notification; what one has not got then is missing.

    Raises:
        TimeoutError: a listener did not get in.
    """
    random = Random(seed)
    ledger = Ledger()
    listeners = list(_make_listeners(target, random, hoppers, away_s, listener))
    users = [User(*user) for user in target.users]
    publisher = sender(target.publish_urls or target.urls, target.service_key, users, ledger, random)
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        listening = [tasks.create_task(each.run()) for each in listeners]
        async with asyncio.timeout(START_DEADLINE_S):
            await asyncio.gather(*(each.started.wait() for each in listeners))
        publishing = tasks.create_task(publisher.run(rate_per_s, stop))
        await meanwhile()
        await ledger.wait_acknowledged(least)
        stop.set()
        await publishing
        await publisher.finish()
        # A listener that does not get there is told by what it misses.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(finish_s):
                await asyncio.gather(*(each.finished.wait() for each in listeners))
        for task in listening:
            task.cancel()
    histories = [each.history for each in listeners]
    return _report(ledger, histories, publisher, may_have_gaps=may_have_gaps)


def _make_listeners(
    target: Target, random: Random, hoppers: int, away_s: float, kind: type[Listener]
) -> Sequence[Listener]:
    def listener(name: str, user: User, urls: list[str], transport: str | None, away_s: float = AWAY_S) -> Listener:
        token = make_token(target.jwt_secret, user)
        return kind(History(name, user), urls, token, Random(random.random()), transport=transport, away_s=away_s)

    users = itertools.cycle([User(*user) for user in target.users])
    return [
        *(
            listener(f"{transport} at node {number}", next(users), [url], transport)
            for number, url in enumerate(target.urls, 1)
            for transport in kind.transports
        ),
        *(listener(f"hopper {number}", next(users), target.urls, None, away_s) for number in range(1, hoppers + 1)),
    ]


def make_token(secret: str, user: User) -> str:
    """Return a token for a user."""
    claims = {"sub": user.user_id, "user_id": user.user_id, "account_id": user.account_id, "role": "user"}
    return jwt.encode({**claims, "exp": time.time() + TOKEN_TTL_S}, secret, algorithm="HS256")


def _report(ledger: Ledger, histories: list[History], sender: Sender, *, may_have_gaps: bool) -> Report:
    waits_s = sorted(sender.waits_s) or [0.0]
    dispatched_s = [
        seen.at_s - ledger.acknowledged_at_s[seen.title]
        for history in histories
        for seen in history.seen
        if seen.title in ledger.acknowledged_at_s
    ]
    connections: dict[str, int] = {}
    for history in histories:
        for name, count in history.connections.items():
            connections[name] = connections.get(name, 0) + count
    return Report(
        violations=ledger.compare(histories, may_have_gaps=may_have_gaps),
        acknowledged=len(ledger.acknowledged),
        rate_per_s=len(ledger.acknowledged) / max(sender.lasted_s, 0.001),
        deliveries=sum(len(history.seen) for history in histories),
        connections=connections,
        gaps=sum(len(history.gaps) for history in histories),
        missed=ledger.count_missed(histories),
        refusals=dict(sender.refusals),
        wait_p50_s=waits_s[len(waits_s) // 2],
        wait_p99_s=waits_s[len(waits_s) * 99 // 100],
        wait_max_s=waits_s[-1],
        silence_s=sender.longest_silence_s,
        dispatch_p50_s=statistics.median(dispatched_s or [0.0]),
    )


def main() -> int:
    """Check the hubs of a file, print the report, and return 1 where something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.checker", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=10.0, help="notifications a second")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    parser.add_argument("--gaps", action="store_true", help="announced gaps are no violation")
    options = parser.parse_args()
    target = msgspec.json.decode(options.file.read_bytes(), type=Target)

    async def wait() -> None:
        await asyncio.sleep(options.seconds)

    report = asyncio.run(
        check(target, rate_per_s=options.rate, meanwhile=wait, seed=options.seed, may_have_gaps=options.gaps)
    )
    sys.stdout.write("\n".join([f"seed {options.seed}", report.describe(), *summarise(report.violations)]) + "\n")
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
