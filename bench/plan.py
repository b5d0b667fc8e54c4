"""How much is measured: `quick` to see whether a change helps, `brief` for every row once, `full` to quote."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

__all__ = ["CLUSTER_PARTS", "PARTS", "PLANS", "Plan", "choose_parts"]

#: What `BENCH_ONLY` may name: the parts of `python -m bench`, and those of `python -m bench.cluster`.
PARTS = ("personal", "publish", "fanout", "connect", "replay", "idle", "curves", "instructions")
CLUSTER_PARTS = ("hub", "faults", "centrifugo", "centrifugo-faults")


def choose_parts(asked: str, parts: Sequence[str]) -> set[str]:
    """Return which of a program's parts `BENCH_ONLY` asks for: all where it is empty, none where it names the other's.

    Raises:
        ValueError: it names something that neither program has.
    """
    only = set(filter(None, asked.split(",")))
    if unknown := only - {*PARTS, *CLUSTER_PARTS, "cluster"}:
        raise ValueError(f"BENCH_ONLY: there is no {', '.join(sorted(unknown))}")
    if "cluster" in only:
        only |= set(CLUSTER_PARTS)
    return only & set(parts) if only else set(parts)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The sizes of one run. An empty tuple or a zero leaves that measurement out."""

    name: str
    rounds: int
    #: Only the contestants that are in every row.
    core_only: bool
    fanout_seconds: float
    personal_seconds: float
    connect_connections: int
    publish_seconds: float
    replay_records: int
    idle_connections: int
    curve_connections: tuple[int, ...]
    curve_seconds: float
    #: Publishes in each half of a count of instructions.
    counted_publishes: int


PLANS = {
    "quick": Plan(
        name="quick",
        rounds=1,
        core_only=True,
        fanout_seconds=1.5,
        personal_seconds=2.0,
        connect_connections=500,
        publish_seconds=1.5,
        replay_records=20_000,
        idle_connections=0,
        curve_connections=(),
        curve_seconds=0.0,
        counted_publishes=0,
    ),
    "brief": Plan(
        name="brief",
        rounds=1,
        core_only=True,
        fanout_seconds=2.5,
        personal_seconds=4.0,
        connect_connections=1_000,
        publish_seconds=3.0,
        replay_records=20_000,
        idle_connections=10_000,
        curve_connections=(10, 100, 10_000),
        curve_seconds=2.5,
        counted_publishes=200,
    ),
    "full": Plan(
        name="full",
        rounds=3,
        core_only=False,
        fanout_seconds=5.0,
        personal_seconds=8.0,
        connect_connections=2_000,
        publish_seconds=5.0,
        replay_records=200_000,
        idle_connections=10_000,
        curve_connections=(10, 100, 10_000),
        curve_seconds=3.0,
        counted_publishes=200,
    ),
}
