"""The pages agree with each other and with the code: links, paths, metrics."""

from __future__ import annotations

import ast
import importlib
import json
import re
from pathlib import Path
from typing import get_args
from urllib.parse import unquote

import pytest
from prometheus_client import generate_latest

from contracts.explanation import ReasonCode
from contracts.trace import TraceStep
from hub.api.prometheus import make_registry
from hub.auth.grant import OPERATIONS
from hub.bounds import Bounds
from hub.cluster.alone import Alone
from hub.delivery.progress import Progress
from hub.delivery.subscribers import Subscribers
from hub.directory.off import TrustingDirectory
from hub.directory.probe import DirectoryProbe
from hub.log.jetstream.administration import ClusterStatus
from hub.log.sqlite.log import open_sqlite_log
from hub.log.sqlite.schema import SCHEMA_VERSION
from hub.metrics import PUSH_OUTCOMES, Metrics

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


def test_decisions_have_their_own_number() -> None:
    """The title of a decision begins with the number that its file has, and no two have the same."""
    named = {
        path.name[:4]: (ROOT / path).read_text().partition(".")[0] for path in PAGES if path.parent.name == "decisions"
    }
    assert {number: f"# {number}" for number in named} == named
    assert len(named) == len([path for path in PAGES if path.parent.name == "decisions"])


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
        Metrics(started_at_s=0),
        subscribers,
        Progress(0),
        log,
        DirectoryProbe(TrustingDirectory(), Bounds()),
        cluster=Alone(),
        version="0",
    )
    text = generate_latest(registry).decode()
    await log.close()
    shown = re.findall(r"^# HELP (\S+)", text, re.MULTILINE)
    rows = re.findall(
        r"^\| (`(?:hub|process|python)_.*?) \|", prose(Path("docs/operations/monitoring.md")), re.MULTILINE
    )
    explained = [name for row in rows for name in re.findall(r"`(\w+)", row)]
    assert sorted(shown) == sorted(explained)


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("docs/concepts/targets.md", {*get_args(ReasonCode), *OPERATIONS}),
        ("docs/concepts/notification.md", set(get_args(TraceStep))),
        ("docs/operations/monitoring.md", set(PUSH_OUTCOMES)),
        ("docs/reference/cli.md", set(ClusterStatus.__struct_fields__)),
    ],
    ids=["reasons and operations", "steps of a trace", "outcomes of a push", "status of a cluster"],
)
def test_a_page_has_every_word(page: str, words: set[str]) -> None:
    """Where a page explains the words of an answer, none is left out."""
    explained = set(re.findall(r"[`\"](\w+)[`\"]", prose(Path(page))))
    assert set() == words - explained


def module_words() -> dict[str, str]:
    """Return the modules and packages of the hub and the contracts, and the word that each is named by."""
    words = {}
    for room in ("contracts", "hub"):
        for path in (ROOT / room).rglob("*.py"):
            name = path.relative_to(ROOT).with_suffix("")
            word = name.parent.name if name.name == "__init__" else name.name
            if not word.startswith("_"):
                words[str(name)] = word
    return words


def glossary_terms() -> list[str]:
    """Return the words that the glossary explains, in lower case, in order."""
    return [term.lower() for term in re.findall(r"\*\*(.+?)\*\*", prose(Path("docs/glossary.md")))]


def is_explained(word: str, terms: set[str]) -> bool:
    """Say whether a module's word has an entry: as it is or as a plural, or each part of a compound has one."""
    known = {_plain(term) for term in terms}
    plain = _plain(re.sub(r"\d+$", "", word))
    if any(term in known for term in (plain, plain.removesuffix("s"), plain.removesuffix("es"), f"{plain}s")):
        return True
    parts = word.split("_")
    cuts = [("_".join(parts[:place]), "_".join(parts[place:])) for place in range(1, len(parts))]
    return any(is_explained(first, terms) and is_explained(second, terms) for first, second in cuts)


def _plain(word: str) -> str:
    return re.sub(r"[ _-]", "", word.lower())


def test_every_module_has_its_word_in_the_glossary() -> None:
    """The name of each module of the hub and the contracts is a word that the glossary explains."""
    terms = set(glossary_terms())
    unexplained = {name: word for name, word in module_words().items() if not is_explained(word, terms)}
    assert {} == unexplained


def test_the_glossary_explains_a_word_once() -> None:
    """No word of the glossary has two entries."""
    terms = glossary_terms()
    assert [] == sorted({term for term in terms if terms.count(term) > 1})


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("resume_points", True),
        ("openapi30", True),
        ("resume_point_openapi", True),
        ("expulsion", False),
        ("openapi_expulsion", False),
    ],
)
def test_a_word_without_an_entry_is_noticed(word: str, expected: bool) -> None:
    """A plural, a number and a compound of known words need no entry of their own; any other word does."""
    assert expected is is_explained(word, {"resume point", "openapi"})


def drawn_rooms() -> set[tuple[str, str]]:
    """Return the arrows of the picture of the rooms."""
    page = (ROOT / "docs/contributing.md").read_text()
    (picture,) = re.findall(r"^```mermaid\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return set(re.findall(r"(\w+)(?:\[.*?\])? --> (\w+)", picture.replace('main["__main__"]', "__main__")))


def imported_rooms() -> set[tuple[str, str]]:
    """Return which room imports which; the root's other modules are `shared`, as the page says."""
    drawn = {room for arrow in drawn_rooms() for room in arrow}
    arrows = set()
    for path in [*(ROOT / "hub").rglob("*.py"), *(ROOT / "contracts").rglob("*.py")]:
        importing = path.relative_to(ROOT).with_suffix("").parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.ImportFrom)
                and node.module
                and node.module.partition(".")[0] in {"hub", "contracts"}
            ):
                arrows.add((_room(importing, drawn), _room((*node.module.split("."), node.names[0].name), drawn)))
    return {(room, other) for room, other in arrows if room != other}


def _room(parts: tuple[str, ...], drawn: set[str]) -> str:
    if parts[0] == "contracts":
        return "contracts"
    return parts[1] if parts[1] in drawn else "shared"


def test_the_picture_of_the_rooms_is_the_code() -> None:
    """The picture has every import from room to room, except those that a way over other rooms implies."""
    imported = imported_rooms()

    def reached(room: str) -> set[str]:
        return {last for first, other in imported if first == room for last in ({other} | reached(other))}

    implied = {
        (room, other)
        for room, other in imported
        if any(other in reached(between) for first, between in imported if first == room and between != other)
    }
    assert imported - implied == drawn_rooms()


def test_upgrading_says_the_schema() -> None:
    """Who upgrades learns that the file is converted, and to what an older hub will not read."""
    assert f"Its schema is now {SCHEMA_VERSION}:" in (ROOT / "UPGRADING.md").read_text()
