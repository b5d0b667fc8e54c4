"""Deadlines that end together: those of a notification and of older ones whose place it has taken. Pure.

What counts of several notifications with one collapse key is the newest. Who has confirmed that one has confirmed all,
and the earliest deadline of all is the newest's, too: its service is told once, of the newest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from hub.deadlines.deadline import Deadline

__all__ = ["OpenDeadline", "gather", "select_confirmed"]


class OpenDeadline(NamedTuple):
    """A deadline without an outcome, the position of its notification, and that of what has taken its place."""

    deadline: Deadline
    position: int
    newest: int

    @property
    def is_superseded(self) -> bool:
        """Whether a newer notification has taken the place of this one."""
        return self.newest != self.position

    @property
    def group(self) -> tuple[str, str, str]:
        """What all deadlines have in common that end together."""
        deadline = self.deadline
        return deadline.target, deadline.service, deadline.collapse or deadline.id


def select_confirmed(known: Sequence[OpenDeadline], confirms: Callable[[OpenDeadline], bool]) -> Iterable[OpenDeadline]:
    """Return which deadlines of a user end where these are confirmed: they, and with the newest all of its group."""
    ended = [confirms(each) for each in known]
    groups = {each.group for each, is_ended in zip(known, ended, strict=True) if is_ended and not each.is_superseded}
    return [each for each, is_ended in zip(known, ended, strict=True) if is_ended or each.group in groups]


def gather(over: Iterable[OpenDeadline], known: Iterable[OpenDeadline]) -> list[list[OpenDeadline]]:
    """Return the groups of the deadlines that are over, each with its open deadlines, those that are over first."""
    groups: dict[tuple[str, str, str], dict[str, OpenDeadline]] = {}
    for each in over:
        groups.setdefault(each.group, {})[each.deadline.id] = each
    for each in known:
        if (group := groups.get(each.group)) is not None:
            group.setdefault(each.deadline.id, each)
    return [[*group.values()] for group in groups.values()]
