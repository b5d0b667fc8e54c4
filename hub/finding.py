"""What a check finds: one line, and whether it would stop a hub."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import msgspec

__all__ = ["Finding", "State", "find_safely"]

State: TypeAlias = Literal["ok", "warn", "fail"]


class Finding(msgspec.Struct, frozen=True):
    """One line of `hub check`: `fail` would stop a hub, `warn` is doubtful."""

    name: str
    state: State
    detail: str


def find_safely(name: str, look: Callable[[], tuple[State, str]]) -> Finding:
    """Return what `look` finds; an error of the operating system in it is a failure."""
    try:
        return Finding(name, *look())
    except OSError as error:
        return Finding(name, "fail", f"{error.strerror or type(error).__name__}")
