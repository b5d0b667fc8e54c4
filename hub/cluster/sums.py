"""The statistics of several nodes together. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from contracts.stats import ConnectionCounts, NodeStats, Stats, Totals

__all__ = ["cut_accounts", "sum_stats"]

T = TypeVar("T", bound=msgspec.Struct)

#: Accounts that a node names to another one: those with the most connections.
MAX_ACCOUNTS = 5_000


def cut_accounts(stats: Stats) -> Stats:
    """Return the statistics with the largest accounts alone, where there are so many that no message holds them."""
    if len(stats.connections_by_account) <= MAX_ACCOUNTS:
        return stats
    largest = Counter(stats.connections_by_account).most_common(MAX_ACCOUNTS)
    return msgspec.structs.replace(stats, connections_by_account=dict(largest))


def sum_stats(own: Stats, others: Sequence[Stats], nodes: list[NodeStats]) -> Stats:
    """Return the sums; a user who is connected to two nodes counts twice, and the result says so."""
    every = [own, *others]
    accounts: Counter[str] = Counter()
    refusals: Counter[str] = Counter()
    for stats in every:
        accounts.update(stats.connections_by_account)
        refusals.update(stats.refusals)
    connections = _add(ConnectionCounts, [stats.connections for stats in every])
    return Stats(
        total_connections=sum(stats.total_connections for stats in every),
        connections_by_account=dict(sorted(accounts.items())),
        connections=connections,
        unique_users=sum(stats.unique_users for stats in every),
        uptime_seconds=own.uptime_seconds,
        totals=_add(Totals, [stats.totals for stats in every]),
        refusals=dict(sorted(refusals.items())),
        nodes=nodes,
        users_are_distinct=len(nodes) <= 1,
    )


def _add(kind: type[T], values: Sequence[T]) -> T:
    """Return the sum of structs that hold counts and nothing else."""
    names = [field.name for field in msgspec.structs.fields(kind)]
    return kind(**{name: sum(getattr(value, name) for value in values) for name in names})
