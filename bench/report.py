"""The table on the terminal, and the page `docs/reference/benchmarks.md` with its plots."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.contestant import CONTESTANTS
from bench.figure import Figure, Figures
from bench.plot import plot_bars, plot_lines
from bench.remarks import write_remarks
from bench.transport import TRANSPORTS

__all__ = ["align_table", "make_page", "make_plots", "make_table"]

RATIOS = ("C floor", "nchan", "Centrifugo")
PERCENTILES = ("p50", "p90", "p99", "longest")

_INTRODUCTION = """# Benchmarks

What the hub costs, beside what others cost for the same work in the same run. Made by `{command}`; do not edit.

| | |
|---|---|
| Date | {date} |
| Machine | {machine} |
| Load average | {load_average} at the end; a machine with other work makes times worse than costs |
| Run | {run} |
| Versions | {versions} |

## Figures

Medians of the rounds. A ratio is the median of the ratios within each round. A goal is what the hub should reach.
Rows in which the hub is behind stand here like the others.

"""

_METHOD = """
## How it is measured

- Server on core {server_core}, load on core {load_core}; the contestants take turns within each round, each in a
  fresh process.
- The load (`bench/fanload.c`) counts deliveries on raw sockets. CPU is what the kernel booked on all threads of the
  server process while notifications of about 400 bytes were published; what the publishing itself cost (HTTP, and
  in the hub's case checks and fsync) is in it.
- **C floor** (`bench/rawcast.c`): one `send(2)` of ready bytes to each socket, and nothing else. **nchan**: nginx
  with Debian's nchan, one process, no tokens. **Centrifugo**: built from the Go module proxy; a signed token for
  each client, who is on two channels, its account's and its own, as a user of the hub is; unidirectional WebSocket
  and SSE. By default it gives nothing to a client that missed more than 300
  (`client.recovery_max_publication_limit`); here it is set to 1,000. **ws** and **Socket.IO**: the npm packages on
  Node.js, as their documentation shows a broadcast, no compression. **Litestar** (`bench/naive.py`): the hub's own
  stack used in the straightforward way, awaiting a send to each client; its SSE is Litestar's `ServerSentEvent`,
  beside it sse-starlette's `EventSourceResponse`.
- Only the hub asks a directory who a user is, and only the hub has notifications on disk before it acknowledges
  them.
- Memory is the growth of the resident set per connection, once {connect_connections:,} idle ones stand. Connect is
  the CPU from the TCP handshake to the greeting: with users and tokens that the server has never seen, with new
  tokens of known users, and with known tokens.
- One to one: {personal_connections:,} users with a connection each, and each publish goes to the next of them.
- Publishing as fast as it goes: {in_flight} requests in flight, to a user who is away. **Litestar** there is a POST
  that appends to SQLite (WAL, `synchronous=FULL`) with a commit for each request, and no checks at all.
- Replay: a user missed 1,000 notifications. The hub has them among those of 1,000 others in one log; the peers have
  a channel for each user.
- Idle connections: the hub sends each a heartbeat every 30 s, Centrifugo a ping every 25 s, nchan nothing.
- Instructions: `valgrind --tool=callgrind` on the hub, without the kernel's. They repeat to about 5 %, since how many
  publishes share a commit depends on the moment.
- Times to the last subscriber need an idle machine more than CPU costs do: with other work on the cores read the
  costs.
"""


def make_table(figures: Figures, contestants: Sequence[str]) -> list[list[str]]:
    """Return the rows of the table, header first."""
    ratios = [name for name in RATIOS if name in contestants]
    header = ["What", "unit", *contestants, *(f"hub / {name}" for name in ratios), "goal", "met"]
    return [header, *(_make_row(figure, contestants, ratios) for figure in figures.rows)]


def align_table(rows: Sequence[Sequence[str]]) -> str:
    """Return the table for a terminal, which is valid Markdown too."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for number, row in enumerate(rows):
        cells = [
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(f"| {' | '.join(cells)} |")
        if number == 0:
            lines.append("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def make_page(figures: Figures, contestants: Sequence[str], about: Mapping[str, object], plots: Sequence[str]) -> str:
    """Return the page; `plots` are the names of the SVG files beside it."""
    page = _INTRODUCTION.format_map(about) + align_table(make_table(figures, contestants)) + "\n"
    page += _describe_contestants(contestants)
    page += write_remarks(figures.rows)
    if figures.trouble:
        page += "\n## What to know about this run\n\n" + "".join(f"- {what}\n" for what in figures.trouble)
    if plots:
        page += "\n## Plots\n\n" + "".join(f"![{name}]({name})\n\n" for name in plots).rstrip("\n") + "\n"
    return page + _METHOD.format_map(about)


def make_plots(figures: Figures, order: Sequence[str], folder: Path) -> list[str]:
    """Write the plots that this run has points for; return their file names."""
    files = {}
    for transport, name in TRANSPORTS.items():
        lines = {who: _medians(points) for who, points in figures.curves.get(transport, {}).items()}
        if any(len(points) > 1 for points in lines.values()):
            files[f"benchmarks-fan-out-{transport}.svg"] = plot_lines(
                f"{name}: server CPU per delivery", "connections", "us, the publish included", lines, order
            )
        latencies = figures.latencies.get(transport, {})
        if latencies:
            bars = {
                who: [statistics.median(column) for column in zip(*latencies[who], strict=True)]
                for who in order
                if who in latencies
            }
            files[f"benchmarks-latency-{transport}.svg"] = plot_bars(
                f"{name}: from the publish to the last of 1,000 subscribers", "ms", PERCENTILES, bars
            )
        personal = {who: figures.personal.get(transport, {}).get(who, []) for who in order}
        middle = {
            who: [statistics.median(column) for column in zip(*rounds, strict=True)]
            for who, rounds in personal.items()
            if rounds
        }
        if middle:
            cost = {who: values[:1] for who, values in middle.items()}
            files[f"benchmarks-personal-cost-{transport}.svg"] = plot_bars(
                f"{name}: server CPU of one publish to one person, 500/s", "us", ("CPU",), cost
            )
            latency = {who: values[1:] for who, values in middle.items()}
            files[f"benchmarks-personal-latency-{transport}.svg"] = plot_bars(
                f"{name}: from the publish to its one receiver, 500/s", "ms", ("p50", "p99"), latency
            )
    for file, content in files.items():
        (folder / file).write_text(content)
    return list(files)


def _describe_contestants(names: Sequence[str]) -> str:
    rows = [["Server", "keeps", "its response to a publish means: the notification", "checks tokens"]]
    rows += [
        [each.name, each.keeps, each.acknowledges, "yes" if each.has_tokens else "no"]
        for each in CONTESTANTS
        if each.name in names
    ]
    return f"\n## What a response means\n\n{align_table(rows)}\n"


def _make_row(figure: Figure, contestants: Sequence[str], ratios: Sequence[str]) -> list[str]:
    values = [_number(figure.median(name)) for name in contestants]
    quotients = [figure.ratio(name) for name in ratios]
    met = [figure.holds(budget) for budget in figure.budgets]
    verdicts = ["?" if held is None else "yes" if held else "NO" for held in met]
    return [
        figure.title,
        figure.unit,
        *values,
        *("" if quotient is None else f"{quotient:.2f}" for quotient in quotients),
        ", ".join(str(budget) for budget in figure.budgets),
        ", ".join(verdicts),
    ]


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _medians(points: Sequence[tuple[int, float]]) -> list[tuple[float, float]]:
    """Return one point for each number of connections."""
    by_count: dict[int, list[float]] = {}
    for connections, value in points:
        by_count.setdefault(connections, []).append(value)
    return [(count, statistics.median(values)) for count, values in sorted(by_count.items())]
