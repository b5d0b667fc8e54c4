"""A figure: what was measured of each contestant in each round, its median, and whether the budget holds."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

__all__ = ["Budget", "Figure", "Figures"]


class Budget(msgspec.Struct, frozen=True):
    """A bound on the hub's value, or on its ratio to another contestant's in the same round."""

    bound: float
    versus: str = ""
    at_least: bool = False

    def __str__(self) -> str:
        sign = "≥" if self.at_least else "≤"
        return f"{sign} {self.bound:,g}" + (f" × {self.versus}" if self.versus else "")


class Figure(msgspec.Struct, kw_only=True):
    """One row of the table. `rounds` holds the values by contestant, in the order of the rounds."""

    title: str
    unit: str
    budgets: tuple[Budget, ...] = ()
    rounds: dict[str, list[float]] = {}

    def add(self, contestant: str, value: float) -> None:
        """Take over the value of one round."""
        self.rounds.setdefault(contestant, []).append(value)

    def median(self, contestant: str) -> float | None:
        """Return the middle value of a contestant, or None where it took no part."""
        values = self.rounds.get(contestant)
        return statistics.median(values) if values else None

    def ratio(self, versus: str) -> float | None:
        """Return the median over the rounds of the hub's value divided by another's in the same round."""
        pairs = zip(self.rounds.get("hub", []), self.rounds.get(versus, []), strict=False)
        ratios = [hub / other for hub, other in pairs if other]
        return statistics.median(ratios) if ratios else None

    def holds(self, budget: Budget) -> bool | None:
        """Return whether the hub is within a budget; None where it was not measured."""
        value = self.ratio(budget.versus) if budget.versus else self.median("hub")
        if value is None:
            return None
        return value >= budget.bound if budget.at_least else value <= budget.bound


class Figures:
    """Every figure of a run, in the order of the table, and what went wrong."""

    def __init__(self) -> None:
        self.rows: list[Figure] = []
        #: CPU per delivery by number of connections: transport, contestant, (connections, us).
        self.curves: dict[str, dict[str, list[tuple[int, float]]]] = {}
        #: Time to the last subscriber: transport, contestant, ms at p50, p90, p99 and the longest, by round.
        self.latencies: dict[str, dict[str, list[tuple[float, float, float, float]]]] = {}
        #: One publish to one person: transport, contestant, us of CPU, ms at p50 and p99, by round.
        self.personal: dict[str, dict[str, list[tuple[float, float, float]]]] = {}
        self.trouble: list[str] = []

    def save(self, file: Path, about: Mapping[str, object], contestants: Sequence[str]) -> None:
        """Keep everything, and what is said of the run, so that the page can be written again without measuring."""
        file.write_bytes(msgspec.json.encode([self.__dict__, about, contestants]))

    @classmethod
    def load(cls, file: Path) -> tuple[Figures, dict[str, object], list[str]]:
        """Return what `save` kept.

        Raises:
            OSError: nothing was.
        """
        kept, about, contestants = msgspec.json.decode(file.read_bytes())
        figures = cls()
        figures.__dict__.update(kept, rows=msgspec.convert(kept["rows"], list[Figure]))
        return figures, about, contestants

    def row(self, title: str, unit: str, *budgets: Budget) -> Figure:
        """Return the row with this title; it is made when first asked for."""
        for figure in self.rows:
            if figure.title == title:
                return figure
        figure = Figure(title=title, unit=unit, budgets=budgets, rounds={})
        self.rows.append(figure)
        return figure

    def warn(self, what: str) -> None:
        """Note, and say at once, what a reader of the figures has to know."""
        print(f"    ! {what}", flush=True)
        self.trouble.append(what)
