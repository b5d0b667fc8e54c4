"""The page `docs/reference/benchmarks-cluster.md`: the table, the goals and what is said of those that are not met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.centrifugo_cluster import ENGINES
from bench.figure import Budget, Figure, Figures
from bench.remarks import Remark, write_remarks
from bench.report import align_table, make_table

__all__ = ["REMARKS", "describe_engines", "make_cluster_page", "make_goals"]

_INTRODUCTION = """# Benchmarks of a cluster

Three hubs over three NATS servers, beside the least client that NATS can have and beside three Centrifugo nodes, given
the same work in the same run. Made by `{command}`; do not edit. What one hub alone costs stands on
[another page](benchmarks.md).

| | |
|---|---|
| Date | {date} |
| Machine | {machine} |
| Load average | {load_average} at the end |
| Run | {run} |
| Versions | {versions} |

Everything shares the cores of this one machine: three nodes, three servers and the load. Read ratios, CPU and counts;
times and rates are those of seven processes on {cores} cores.
"""

_METHOD = """
## How it is measured

- **hub**: three hubs, three NATS servers with `deploy/nats/hub.conf` (`sync_interval: always`), a stream of three
  replicas; no directory. A 202 means: on disk on a majority of the servers.
- **raw client** (`bench/raw_nats.py`): JetStream's publish with acknowledgement into a stream of the same settings,
  in 80 lines of protocol, {in_flight} in flight. It checks nothing, stores no index and answers nobody.
- **Centrifugo** {centrifugo}: three nodes, a history of 100,000 for each channel, positions looked at every second,
  recovery of as much. {engines}
- Publishing as fast as it goes: {in_flight} HTTP requests in flight at one node (`bench/fanload.c`), each to one user
  who is away. The notification has about 400 bytes.
- CPU is what the kernel booked on all threads. Of the mirrors what they take while nothing is published was subtracted,
  and the node that took more counts.
- At {rate}/s: `tests/cluster/checker.py` publishes at all nodes, with repeats and concurrent repeats of one key, and
  listens at each. Of the hub over WebSocket, event stream and polls; of Centrifugo over its WebSocket protocol with
  recovery, where a channel stands for a user.
- Kills: `kill -9`, a second's absence, and a start again; first each node, then what leads: the NATS server that leads
  the stream, or Redis. Clients hop between the nodes with their positions meanwhile. A notification that was
  acknowledged and did not come counts as lost, unless its client was told of a gap; gaps are counted by themselves.
  `kill -9` says nothing of a power cut: what the kernel holds survives it.
- 1,000 clients: each waits up to a second, as a browser does, and goes to one of the other nodes with its place. It is
  back when it has the last of 20 notifications that were published meanwhile.
- Catch-up: how much longer the log of a node takes to open without a mirror than with one, in a process of its own.
"""

_SHARED = """The node that takes a publish, two that mirror it, three servers and the load share two cores, where the
raw client has them to itself with the servers. What is left at the node is most of all what a publish costs a hub
alone: its HTTP, its checks and its receipt. Each of the three nodes makes an index of the record, which the raw client
does not have at all. The row of all CPU together says what two cores can give at most."""

REMARKS: tuple[Remark, ...] = (
    Remark(
        r"^publish, \d+ in flight, at one node$",
        f"""{_SHARED} Done: messages of NATS are read without a task or a queue, publishes leave in one write for all
that wait, a mirror announces from its own thread, no timer is made for a single publish, and a slow stream is not sent
everything again. Publish in batches, or at several nodes, where more is needed.""",
    ),
    Remark(
        r"^tap and mirror",
        """A record is read from the socket, put in order, and goes into three tables of SQLite, many in one
transaction. While little is published each transaction has few records, and its fixed price is shared by few.""",
    ),
    Remark(
        r"after the acknowledgement",
        """The acknowledgement and the copy for the mirrors leave the leader at the same time; what comes after is a
transaction of the mirror, and whatever else runs on the cores.""",
    ),
    Remark(
        r"an empty mirror is filled",
        """Pages of a thousand records come from any replica; reading the next page waits for the mirror only when it
is 64 MiB behind. Most of it is SQLite's three tables.""",
    ),
    Remark(
        r"^kill -9 .*(gaps|never got)",
        """A gap is announced where a server cannot tell what a client missed. It is no silent loss: the client loads
its state again.""",
    ),
    Remark(
        r"^kill -9 .*longest time",
        """NATS elects a leader after 4 to 9 seconds, which is a constant of its source. Publishes wait meanwhile and
then go through once.""",
    ),
    Remark(
        r"clients of a killed node",
        """Each connect costs a node its token and its replay (the rows of connecting on the other page), and the
machine has two cores for nodes and clients.""",
    ),
)


def make_goals(figures: Sequence[Figure]) -> list[list[str]]:
    """Return a row for each goal: what, the goal, what was measured, and whether it is met."""
    rows = [["What", "goal", "measured", "met"]]
    for figure in figures:
        for budget in figure.budgets:
            held = figure.holds(budget)
            rows.append([figure.title, str(budget), _measured(figure, budget), _VERDICTS[held]])
    return rows


_VERDICTS = {None: "?", True: "yes", False: "NO"}


def make_cluster_page(figures: Figures, columns: Sequence[str], about: Mapping[str, object]) -> str:
    """Return the page."""
    table = [row[: 2 + len(columns)] for row in make_table(figures, columns)]
    page = _INTRODUCTION.format_map(about)
    page += f"\n## Goals\n\n{align_table(make_goals(figures.rows))}\n"
    page += write_remarks(figures.rows, REMARKS)
    page += f"\n## Figures\n\nMedians of the rounds.\n\n{align_table(table)}\n"
    page += f"\n## What an acknowledgement means\n\n{align_table(_list_meanings(columns))}\n"
    if figures.trouble:
        page += "\n## What to know about this run\n\n" + "".join(f"- {what}\n" for what in figures.trouble)
    return page + _METHOD.format_map(about)


def describe_engines(columns: Sequence[str]) -> str:
    """Return what the engines of these columns are set to."""
    return " ".join(f"**{each.name}**: {each.settings}." for each in ENGINES if each.column in columns)


def _measured(figure: Figure, budget: Budget) -> str:
    value = figure.ratio(budget.versus) if budget.versus else figure.median("hub")
    if value is None:
        return ""
    unit = "" if budget.versus else f" {figure.unit}"
    return f"{value:,.2f}{unit}" if value < 100 and value != int(value) else f"{value:,.0f}{unit}"


def _list_meanings(columns: Sequence[str]) -> list[list[str]]:
    rows = [["Server", "the notification"]]
    rows.append(["hub", "is on the disks of a majority of three servers"])
    rows.append(["raw client", "is on the disks of a majority of three servers"])
    rows += [[each.column, each.acknowledges] for each in ENGINES if each.column in columns]
    return rows
