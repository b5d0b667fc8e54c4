"""Hubs with one piece of a function's text replaced: what a test is worth that must notice it."""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from functools import reduce
from typing import Any
from unittest import mock

__all__ = ["install", "make_mutant", "name_mutation"]


def make_mutant(function: Callable[..., Any], old: str, new: str) -> Callable[..., Any]:
    """Return the function with one piece of its text replaced.

    Call it outside of what must raise: a text that is not there (any more), or more than once, is an AssertionError of
    its own, and no mutation that was noticed.
    """
    source = textwrap.dedent(inspect.getsource(function))
    assert 1 == source.count(old), f"{function.__qualname__} has {old!r} {source.count(old)} times, not once"
    scope: dict[str, Any] = {}
    exec(compile(source.replace(old, new), function.__qualname__, "exec"), function.__globals__, scope)  # the mutant
    mutant: Callable[..., Any] = scope[function.__name__]
    return mutant


@contextmanager
def install(function: Callable[..., Any], mutant: Callable[..., Any]) -> Generator[None, None, None]:
    """Have the mutant in the function's place: in its class, or in its module and all that have imported it."""
    *path, name = function.__qualname__.split(".")
    owner = reduce(getattr, path, sys.modules[function.__module__])
    assert getattr(owner, name) is function
    owners = (
        [owner]
        if path
        else [each for each in [*sys.modules.values()] if getattr(each, "__dict__", {}).get(name) is function]
    )
    with ExitStack() as stack:
        for each in owners:
            stack.enter_context(mock.patch.object(each, name, mutant))
        yield


def name_mutation(function: Callable[..., Any], old: str, new: str) -> str:
    """Return what a report calls this mutation."""
    return f"{function.__qualname__}: {old} -> {new}"
