"""`python -m bench.cells`: what many connections in many cells need, and what gives way first, for the page on scale.

A cell is a cluster of hubs with its own stream. Costs are measured elsewhere and stand below with their command; load
and machines are assumptions, and can be changed on the command line. Storms of clients that come back are simulated one
client at a time, from a seed.
"""

from __future__ import annotations

import argparse
import heapq
import math
import sys
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

__all__ = ["Cell", "Costs", "Load", "Storm", "main", "make_report", "plan_cell", "simulate_storm"]

GIVES_UP_S, LONGEST_WAIT_S = 10.0, 30.0
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


class Costs(NamedTuple):
    """What was measured, in seconds of one core and bytes. `SOURCES` says where."""

    connection_bytes: int = 16 * KIB
    process_bytes: int = 110 * MIB
    idle_cores_per_connection: float = 2.75e-6
    connect_s: float = 680e-6
    publish_s: float = 254e-6
    delivery_s: float = 8e-6
    mirror_s: float = 61e-6
    stream_per_s: float = 9_461.0
    replay_s: float = 11.5e-6


SOURCES = {
    "connection_bytes": "`BENCH_ONLY=idle make bench`: 10.5 to 11.1 KiB of the process, and the kernel's socket",
    "process_bytes": "`BENCH_ONLY=idle make bench`: 213 MiB with 10,000 connections",
    "idle_cores_per_connection": "`BENCH_ONLY=idle make bench`: 2.75 % of a core for 10,000",
    "connect_s": "`BENCH_ONLY=connect make bench`: a new token of a known user",
    "publish_s": "`BENCH_ONLY=cluster make bench`: 64 in flight at one node, its own mirror included",
    "delivery_s": "`BENCH_ONLY=fanout make bench`: to 1,000 at 20/s",
    "mirror_s": "`BENCH_ONLY=cluster make bench`: of a record at a node that did not publish it, some 2,000 a second",
    "stream_per_s": "`BENCH_ONLY=cluster make bench`: the raw client, 64 in flight, three servers on two cores",
    "replay_s": "`BENCH_ONLY=replay make bench`: of 1,000 missed, each",
}
#: What is measured by a command that stands above; the others are not, and the page says so.
MEASURED = {name for name, source in SOURCES.items() if source.startswith("`")}


class Load(NamedTuple):
    """What is assumed of clients and machines."""

    connections: int = 10_000_000
    cells: int = 50
    #: Of each connection's user.
    notifications_per_hour: float = 2.0
    #: Connections that one notification reaches: tabs and devices of one user, and the accounts' shared ones.
    reached: float = 2.0
    connections_per_node: int = 20_000
    #: Nodes that may be away at once, without the others being over their limits.
    spare_nodes: int = 1
    #: Of one core: beyond it latency grows.
    busy_cores: float = 0.6
    #: Records that a client missed when it comes back from a storm.
    missed: float = 2.0


class Cell(NamedTuple):
    """What one cell needs."""

    connections: int
    nodes: int
    records_per_s: float
    node_cores: float
    node_bytes: int
    #: What each part of `node_cores` is for.
    parts: dict[str, float]


class Storm(NamedTuple):
    """How the return of many clients went."""

    clients: int
    nodes: int
    p50_s: float
    p99_s: float
    last_s: float
    #: Of each client.
    attempts: float


def plan_cell(costs: Costs, load: Load) -> Cell:
    """Return what one cell needs for an even share of the connections."""
    connections = math.ceil(load.connections / load.cells)
    nodes = math.ceil(connections / load.connections_per_node) + load.spare_nodes
    records = connections * load.notifications_per_hour / 3_600
    # In the worst hour: the spare nodes are away.
    serving = nodes - load.spare_nodes
    here = connections / serving
    parts = {
        "mirror": records * costs.mirror_s,
        "publish": records / serving * costs.publish_s,
        "deliver": records * load.reached / serving * costs.delivery_s,
        "idle": here * costs.idle_cores_per_connection,
    }
    memory = costs.process_bytes + round(here * costs.connection_bytes)
    return Cell(connections, nodes, records, sum(parts.values()), memory, parts)


def find_limit(costs: Costs, load: Load) -> tuple[float, str]:
    """Return at which rate (notifications an hour and connection) a cell gives way, and what does."""
    cell = plan_cell(costs, load)
    one = plan_cell(costs, load._replace(notifications_per_hour=1.0))
    per_unit = one.node_cores - one.parts["idle"]
    by_node = (load.busy_cores - cell.parts["idle"]) / per_unit
    by_stream = costs.stream_per_s / one.records_per_s
    part = max((name for name in one.parts if name != "idle"), key=lambda name: one.parts[name])
    return min((by_node, f"the core of each node ({part})"), (by_stream, "the stream's leader"))


def simulate_storm(costs: Costs, load: Load, clients: int, nodes: int, *, window_s: float, seed: int = 1) -> Storm:
    """Let `clients` come back to `nodes`, first within `window_s`, then with a doubled random wait up to 30 s.

    A load balancer gives each node as many, so one node is simulated. It takes one client after the other, in order of
    arrival, with `busy_cores` of a core; who waits for more than ten seconds gives up and comes again.
    """
    random = Random(seed)
    service_s = (costs.connect_s + load.missed * costs.replay_s) / load.busy_cores
    here = math.ceil(clients / nodes)
    arrivals = [(random.uniform(0.0, window_s), 1) for _ in range(here)]
    heapq.heapify(arrivals)
    free_s = 0.0
    back_s: list[float] = []
    attempts = 0
    while arrivals:
        now_s, number = heapq.heappop(arrivals)
        attempts += 1
        if free_s - now_s > GIVES_UP_S:
            pause_s = random.uniform(0.0, min(LONGEST_WAIT_S, 2.0**number))
            heapq.heappush(arrivals, (now_s + GIVES_UP_S + pause_s, number + 1))
            continue
        free_s = max(now_s, free_s) + service_s
        back_s.append(free_s)
    return Storm(clients, nodes, back_s[here // 2], back_s[here * 99 // 100], back_s[-1], attempts / here)


def make_report(costs: Costs, load: Load) -> list[str]:
    """Return the tables of the page."""
    cell = plan_cell(costs, load)
    lines = ["| Input | Value | From |", "|---|---|---|"]
    for name, value in costs._asdict().items():
        kind = "" if name in MEASURED else "**not measured here**: "
        lines.append(f"| {_NAMES[name]} | {_format_cost(name, value)} | {kind}{SOURCES[name]} |")
    lines += [
        "",
        f"| {load.connections:,} connections in {load.cells} cells, {load.notifications_per_hour:g} an hour each "
        "| One cell | All |",
        "|---|---|---|",
        _row("connections", cell.connections, load.cells),
        _row(f"hub nodes, one core each, with {load.spare_nodes} to spare", cell.nodes, load.cells),
        _row("NATS servers", 3, load.cells),
        _row("notifications a second", cell.records_per_s, load.cells),
        _row("memory of the hubs, GiB", cell.nodes * cell.node_bytes / GIB, load.cells),
        f"| busy part of a node's core | {cell.node_cores:.3f} | |",
        *(f"| of it: {_PARTS[name]} | {value:.3f} | |" for name, value in cell.parts.items()),
    ]
    rate, what = find_limit(costs, load)
    one = load._replace(cells=1)
    alone, of_one = find_limit(costs, one)
    lines += [
        "",
        "| Where it gives way | Notifications an hour and connection | What does |",
        "|---|---|---|",
        f"| {load.cells} cells | {rate:.1f} | {what} |",
        f"| all in one cell of {plan_cell(costs, one).nodes} nodes | {alone:.2f} | {of_one} |",
        "",
        "| Who comes back | Nodes | Half | 99 % | The last | Attempts for each |",
        "|---|---|---|---|---|---|",
    ]
    serving = cell.nodes - load.spare_nodes
    here = math.ceil(cell.connections / cell.nodes)
    storms = [
        ("one node is killed: its clients, at the others", here, serving, 5.0),
        ("a cell drains: all its clients, within a minute", cell.connections, cell.nodes, 60.0),
        ("a cell is gone and back: all its clients, at once", cell.connections, cell.nodes, 1.0),
        (
            "a cell is lost for good: its accounts, in the others",
            cell.connections,
            (load.cells - 1) * serving,
            60.0,
        ),
    ]
    for title, clients, nodes, window_s in storms:
        storm = simulate_storm(costs, load, clients, nodes, window_s=window_s)
        lines.append(
            f"| {title} ({storm.clients:,}) | {storm.nodes} | {storm.p50_s:.1f} s | {storm.p99_s:.1f} s | "
            f"{storm.last_s:.1f} s | {storm.attempts:.2f} |"
        )
    return lines


_NAMES = {
    "connection_bytes": "memory of a connection",
    "process_bytes": "memory of a node without connections",
    "idle_cores_per_connection": "CPU of an idle connection",
    "connect_s": "CPU of a connect",
    "publish_s": "CPU of a publish, at the node that takes it",
    "delivery_s": "CPU of a delivery",
    "mirror_s": "CPU of a record, at each node",
    "stream_per_s": "publishes a second of one stream",
    "replay_s": "CPU of a replayed record",
}
_PARTS = {
    "mirror": "every record of the cell, into the mirror",
    "publish": "its share of the publishes",
    "deliver": "its share of the deliveries",
    "idle": "heartbeats",
}


def _format_cost(name: str, value: float) -> str:
    if name.endswith("_bytes"):
        return f"{value / KIB:.0f} KiB" if value < MIB else f"{value / MIB:.0f} MiB"
    if name == "idle_cores_per_connection":
        return f"{value * 1e6:.2f} us a second"
    return f"{value:,.0f}/s" if name == "stream_per_s" else f"{value * 1e6:.1f} us"


def _row(title: str, value: float, cells: int) -> str:
    return f"| {title} | {value:,.0f} | {value * cells:,.0f} |"


def main(arguments: Sequence[str]) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.cells", description=__doc__)
    for name, value in (*Load._field_defaults.items(), *Costs._field_defaults.items()):
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    options = vars(parser.parse_args(arguments))
    costs = Costs(**{name: options[name] for name in Costs._fields})
    load = Load(**{name: options[name] for name in Load._fields})
    sys.stdout.write("\n".join(make_report(costs, load)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
