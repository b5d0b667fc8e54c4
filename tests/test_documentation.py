"""The pages agree with each other and with the code: links, paths, metrics."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from prometheus_client import generate_latest

from hub.api.prometheus import make_registry
from hub.delivery.progress import Progress
from hub.delivery.subscribers import Subscribers
from hub.directory.off import TrustingDirectory
from hub.directory.probe import DirectoryProbe
from hub.log.sqlite.log import open_sqlite_log
from hub.metrics import Metrics

ROOT = Path(__file__).resolve().parents[1]
MADE = {".git", ".venv", "node_modules", "build", "dist", "hub-data", ".hypothesis", ".pytest_cache"}
PAGES = sorted(
    path.relative_to(ROOT) for path in ROOT.rglob("*.md") if not MADE.intersection(path.relative_to(ROOT).parts)
)
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def prose(page: Path) -> str:
    """Return a page without its blocks of code."""
    return FENCE.sub("", (ROOT / page).read_text())


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ +(.*?)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of a page names a file or folder that is there, and an anchor that it has."""
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = unquote(link).partition("#")
        target = Path(page.parent, name) if name else page
        if not (ROOT / target).exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert [] == broken


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_paths_of_the_code_exist(page: Path) -> None:
    """A module or test that a page names is in the tree."""
    named = re.findall(r"\b(?:hub|contracts|tests)/[\w/]+\.py\b", prose(page))
    assert [] == [name for name in named if not (ROOT / name).exists()]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_examples_can_be_read(page: Path) -> None:
    """Each block of JSON or YAML is what it says it is."""
    # Litestar brings it, without types.
    yaml = importlib.import_module("yaml")
    for kind, text in re.findall(r"^```(json|yaml)\n(.*?)^```$", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL):
        assert (json.loads if kind == "json" else yaml.safe_load)(text)


async def test_every_metric_is_explained(tmp_path: Path) -> None:
    """The table of the monitoring page has exactly the metrics that `/metrics` shows."""
    log = await open_sqlite_log(
        tmp_path / "log.sqlite3",
        now=lambda: 0.0,
        retention_s=60,
        retention_records=1,
        idempotency_s=60,
        max_pending=1,
    )
    subscribers = Subscribers(limit=1, limit_per_user=1)
    registry = make_registry(
        Metrics(started_at_s=0), subscribers, Progress(0), log, DirectoryProbe(TrustingDirectory()), version="0"
    )
    text = generate_latest(registry).decode()
    await log.close()
    shown = re.findall(r"^# HELP (\S+)", text, re.MULTILINE)
    explained = re.findall(r"^\| `(hub_\w+)", prose(Path("docs/operations/monitoring.md")), re.MULTILINE)
    assert sorted(shown) == sorted(explained)
