"""Bounds are arguments: a test that needs a small one passes it, and changes no constant of the hub behind its back."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONSTANT = re.compile(r"_?[A-Z][A-Z0-9_]+")


def _changes(tree: ast.Module) -> Iterator[str]:
    """Yield the name of every constant of a module that is replaced, by whatever means."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in {"setattr", "patch", "object"}:
            named = [arg.value for arg in node.args[:2] if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
            yield from (name for text in named[:1] if CONSTANT.fullmatch(name := text.rpartition(".")[2]))
        for target in node.targets if isinstance(node, ast.Assign) else ():
            if isinstance(target, ast.Attribute) and CONSTANT.fullmatch(target.attr):
                yield target.attr


def test_bounds_are_arguments() -> None:
    """No test, benchmark or conformance run changes a constant of the hub."""
    paths = (path for folder in ("tests", "conformance", "bench") for path in (ROOT / folder).rglob("*.py"))
    found = {str(path): changed for path in paths if (changed := [*_changes(ast.parse(path.read_text("utf-8")))])}
    assert not found


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ('monkeypatch.setattr("hub.edge.server.SEND_BUFFER_BYTES", 1)', ["SEND_BUFFER_BYTES"]),
        ('monkeypatch.setattr(recheck, "_RETRY_S", 0.0)', ["_RETRY_S"]),
        ('with mock.patch("hub.delivery.replay.PAGE", 2): pass', ["PAGE"]),
        ('mock.patch.object(replay, "PAGE", 2)', ["PAGE"]),
        ("replay.PAGE = reader.PAGE = 2", ["PAGE", "PAGE"]),
        ('monkeypatch.setattr(Admission, "admit", wait)', []),
        ('monkeypatch.setenv("HUB_PORT", "0")', []),
        ("PAGE = 2", []),
    ],
)
def test_change_is_found(source: str, names: list[str]) -> None:
    """A constant that is replaced counts however that is done; a method that is made to fail does not."""
    assert names == list(_changes(ast.parse(source)))
