"""The page on generated clients and what it was made from; the generators themselves are `make generators`."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

from hub.publish.registry import load_type_registry
from tests.generators.page import Outcome, make_page
from tests.generators.stage import EXAMPLES
from tests.generators.table import GENERATORS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "generators.md").read_text(encoding="utf-8")


def test_every_generator_is_on_the_page() -> None:
    """The checked-in page has each row of the table, in its version, and five languages that work."""
    for row in GENERATORS:
        assert f"| {row.language} | {row.name} | {row.version} | `{row.document}` | works |" in PAGE
    assert len({row.language for row in GENERATORS}) >= 5


def test_versions_are_those_that_are_installed() -> None:
    """What the table says of npm's and PyPI's generators is what their programs ask for."""
    here = Path(__file__).parent
    npm = json.loads((here / "typescript" / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    python = (here / "python" / "requirements.txt").read_text(encoding="utf-8").split()
    rust = (here / "rust" / "Cargo.toml").read_text(encoding="utf-8")
    for row in GENERATORS:
        if row.language == "TypeScript":
            asked = [npm[name] for name in row.name.replace(", with", "").split()]
            assert row.version == ", ".join(asked)
        elif row.language == "Python":
            assert f"{row.name}=={row.version}" in python
        elif row.language == "Rust":
            assert f'{row.name} = "={row.version}"' in rust


def test_every_type_of_avelarsys_is_asked_for() -> None:
    """A program has to publish each type of AvelarSys and another company's, with data."""
    assert [*load_type_registry(["contracts.avelarsys"]).types, "service-order:created"] == list(EXAMPLES)
    assert all(EXAMPLES.values())


def test_a_missing_toolchain_is_told() -> None:
    """A generator that could not be run is neither left out nor called working."""
    outcome = Outcome.of(GENERATORS[0], missing="node not installed on this machine")
    assert not outcome.works
    page = make_page([outcome], date=date(2026, 11, 25), machine="a machine")
    assert "| not run: node not installed on this machine |" in page
    assert "0 languages work" in page
