"""No code that nobody runs: what vulture finds unused in the packages is either called from outside, or goes.

vulture compares names, in one tree: what only the tests name counts as unused, and what a library calls by its name
looks so. The rules below know the libraries' classes and the structs of the wire; the rest is a list with reasons.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {"hub": ROOT / "hub", "contracts": ROOT / "contracts", "notification_hub": ROOT / "clients/python"}
#: What somebody outside of this tree uses, by name and with the reason.
ALLOWED = {
    # The Python client: its users' part.
    "enqueue": "publishes in the background",
    "traceback": "the third argument of `__exit__`",
    "__getattr__": "Python calls it for a name that the module does not have",
    "DONE": "exit code 0, which `hub --help` and the page of the commands explain",
    # On objects that replace a library's own, or are read by a name in a variable.
    "on_message_begin": "httptools calls it",
    "on_url": "httptools calls it",
    "on_header": "httptools calls it",
    "on_headers_complete": "httptools calls it",
    "on_body": "httptools calls it",
    "on_message_complete": "httptools calls it",
    "init": "click calls it: `hub push init`",
    "local_address": "httpcore passes it",
    "socket_options": "httpcore passes it",
    "deflated": "the links read a form of an envelope by its name",
}


def _scavenge(*places: Path) -> Any:
    # It has no types.
    finder = importlib.import_module("vulture").Vulture()
    finder.scavenge([str(place) for place in places], exclude=["*/build/*"])
    return finder.get_unused_code()


def _unused() -> Iterator[tuple[str, str, Path]]:
    """Yield name, kind and file of what vulture finds unused."""
    for item in _scavenge(*PACKAGES.values()):
        yield str(item.name), str(item.typ), Path(item.filename)


def _classes_of(path: Path) -> list[type]:
    """Return the classes that the module in this file defines."""
    package = next(
        folder.parent if folder.name != "python" else folder
        for folder in PACKAGES.values()
        if path.is_relative_to(folder)
    )
    parts = path.relative_to(package).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    module = importlib.import_module(name)
    return [value for value in vars(module).values() if inspect.isclass(value) and value.__module__ == name]


def _is_foreign(kind: type) -> bool:
    return kind.__module__.partition(".")[0] not in {*PACKAGES, "builtins", "typing", "abc"}


def _is_called_by_a_library(name: str, path: Path) -> bool:
    """Whether a library's class, from which one in this file inherits, names it."""
    bases = {base for kind in _classes_of(path) for base in kind.__mro__ if _is_foreign(base)}
    return any(hasattr(base, name) or re.search(rf"\b{name}\b", _source_of(base)) for base in bases)


def _source_of(kind: type) -> str:
    try:
        return inspect.getsource(kind)
    except (OSError, TypeError):
        return ""


def _is_field(name: str, path: Path) -> bool:
    """Whether it is a field of a struct, which msgspec reads and writes."""
    return any(name in kind.__struct_fields__ for kind in _classes_of(path) if issubclass(kind, msgspec.Struct))


@pytest.fixture(scope="module")
def unused() -> list[tuple[str, str, Path]]:
    """What vulture finds, but for what the rules know."""
    return [
        (name, kind, path)
        for name, kind, path in _unused()
        if not (kind == "variable" and _is_field(name, path)) and not _is_called_by_a_library(name, path)
    ]


def test_everything_is_used(unused: list[tuple[str, str, Path]]) -> None:
    """Whatever is defined is used by something other than a test."""
    dead = [f"{path.relative_to(ROOT)}: {kind} {name}" for name, kind, path in unused if name not in ALLOWED]
    assert [] == dead


def test_every_exception_is_needed(unused: list[tuple[str, str, Path]]) -> None:
    """The list names nothing that is gone, or used by now."""
    assert set() == ALLOWED.keys() - {name for name, _, _ in unused}


def test_dead_code_is_found(tmp_path: Path) -> None:
    """A function, a method and a member of an enum that nothing names are found."""
    module = tmp_path / "dead.py"
    module.write_text("import enum\ndef f(): pass\nclass C(enum.Enum):\n    A = 1\n    def m(self): pass\nprint(C)\n")
    assert {"f", "A", "m"} == {item.name for item in _scavenge(module)}
