"""The framework's handlers: structs go in and out of the framework, and nothing is encoded beside it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import hub.api.handlers

HANDLERS = sorted(path.name for path in Path(hub.api.handlers.__path__[0]).glob("[!_]*.py"))
#: Plain ASGI handlers, which send their own answers: publishing is hot, metrics are not JSON, a stream has no end.
PLAIN = {"notify.py", "metrics.py", "observe.py"}


def _calls(name: str) -> set[str]:
    tree = ast.parse((Path(hub.api.handlers.__path__[0]) / name).read_text(encoding="utf-8"))
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


@pytest.mark.parametrize("name", [name for name in HANDLERS if name not in PLAIN])
def test_the_framework_encodes(name: str) -> None:
    """A handler returns a struct, or a document that was encoded at the start; it encodes nothing by itself."""
    assert not {call for call in _calls(name) if call.endswith(("json.encode", "Encoder", "dumps"))}


def test_plain_handlers_exist() -> None:
    """The exceptions are handlers that there are."""
    assert set(HANDLERS) >= PLAIN
