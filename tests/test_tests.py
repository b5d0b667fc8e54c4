"""The tests about themselves: their page names everything that is in their folders."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = (HERE / "README.md").read_text(encoding="utf-8")
#: What every folder has, and what is run and not imported.
USUAL = {"__init__.py", "__main__.py", "conftest.py"}


def _rows(page: str) -> dict[str, str]:
    """Return the page's tables by what the first cell of each row has between backquotes."""
    rows: dict[str, str] = {}
    for first, second in re.findall(r"^\| (`.+?`) \| (.+) \|$", page, re.MULTILINE):
        rows |= dict.fromkeys(re.findall(r"`([\w.]+)`", first), second)
    return rows


def test_every_folder_and_helper_is_on_the_page() -> None:
    """Somebody who meets a helper finds what it is; the page names none that is gone."""
    rows = _rows(PAGE)
    folders = {file.parent.name for kind in ("*/*.py", "*/*.mjs") for file in HERE.glob(kind)}
    top = {path.name for path in HERE.glob("*.py") if not path.name.startswith("test_")} - {"__init__.py"}
    assert folders | top == set(rows)
    for folder in folders:
        named = set(re.findall(r"`(\w+\.py)`", rows[folder]))
        there = {path.name for path in (HERE / folder).glob("*.py") if not path.name.startswith("test_")} - USUAL
        assert there == named, folder
