"""One random course of events: a network, what breaks in it, when the page is left, what is published meanwhile."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from random import Random
from typing import Literal

from hub.cli.support.connection_faults import Ending, Faults, Upgrade
from tests.schedules.pages import SPEED

__all__ = ["ENDINGS", "Schedule", "Step"]

ENDINGS: tuple[Ending, ...] = ("cut", "reset", "stall")

#: `publish` one; the page is left and loaded again; or what is open ends.
Step = Literal["publish", "leave", "return"] | Ending

#: Of 300 ± 100 ms, in the client's time.
_DELAY_S = (0.2 / SPEED, 0.4 / SPEED)
#: The preamble of a stream has 2 KiB, a notification some 250 bytes.
_LATEST_ENDING_BYTES = 5_000
_LONGEST_PAUSE_S = 0.08


@dataclass(frozen=True)
class Schedule:
    """What happens, drawn from a seed; nothing else is random but the client's own jitter."""

    seed: str
    #: What this network does to every connection, also at the end.
    upgrade: Upgrade
    holds: bool
    #: How likely a connection is to end by itself, to be slow, to come in slices.
    ending_rate: float
    delay_rate: float
    slice_rate: float
    #: What happens, and the pause (s) before it.
    steps: tuple[tuple[Step, float], ...]

    @classmethod
    def draw(cls, seed: str) -> Schedule:
        """Return the schedule of a seed."""
        random = Random(seed)
        upgrades: tuple[Upgrade, ...] = ("pass", "pass", "pass", "pass", "refuse", "silence")
        upgrade = random.choice(upgrades)
        holds = random.random() < 0.1
        return cls(
            seed=seed,
            upgrade="refuse" if holds and upgrade == "pass" else upgrade,
            holds=holds,
            ending_rate=random.choice((0.2, 0.4, 0.8)),
            delay_rate=random.choice((0.0, 0.5)),
            slice_rate=random.choice((0.0, 0.3)),
            steps=tuple(_draw_steps(random)),
        )

    @property
    def published(self) -> list[str]:
        """What the page must see, in order, and nothing else."""
        count = sum(step == "publish" for step, _ in self.steps)
        return [f"{number}" for number in range(count)]

    @property
    def publishes_while_away(self) -> bool:
        """Whether something is published while the page is left."""
        names = [step for step, _ in self.steps]
        return ("leave", "publish") in itertools.pairwise(names)

    def break_connection(self, random: Random) -> Faults:
        """Draw the faults of one connection."""
        return Faults(
            ending=random.choice(ENDINGS) if random.random() < self.ending_rate else None,
            ending_bytes=random.randint(0, _LATEST_ENDING_BYTES),
            delay_s=_DELAY_S if random.random() < self.delay_rate else (0.0, 0.0),
            slices=random.random() < self.slice_rate,
            upgrade=self.upgrade,
            holds=self.holds,
        )

    def heal(self, random: Random) -> Faults:
        """Return what this network is when nothing breaks in it."""
        return Faults(upgrade=self.upgrade, holds=self.holds)


def _draw_steps(random: Random) -> list[tuple[Step, float]]:
    steps: list[tuple[Step, float]] = []

    def add(step: Step) -> None:
        # Bursts and pauses alike.
        steps.append((step, random.uniform(0.0, _LONGEST_PAUSE_S) if random.random() < 0.6 else 0.0))

    away = False
    for _ in range(random.randint(10, 40)):
        draw = random.random()
        if draw < 0.08:
            add("return" if away else "leave")
            away = not away
        elif draw < 0.16 and not away:
            add(random.choice(ENDINGS))
        else:
            add("publish")
    if away:
        add("return")
    return steps
