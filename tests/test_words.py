"""One word for one thing, and the one that a reader would search for: words that were replaced do not come back."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
#: What a stranger reads. The changelog quotes what was; generated text is held where it is made.
READ = ("hub", "contracts", "clients", "docs", "deploy", "examples", "README.md", "SECURITY.md", "UPGRADING.md")
NOT_READ = re.compile(
    r"(^|/)(package-lock\.json|generated/.*|CHANGELOG\.md)$|\.(png|ico|woff2?|svg|tsbuildinfo)$|(^|/)(next-env\.d\.ts|\.installed)$"
)


#: Folders of what is made or installed.
MADE = {"node_modules", "__pycache__", "dist", "build", "coverage", ".next", ".mypy_cache", "hub-data"}


class Word(NamedTuple):
    """A pattern of what is not written, what is written instead, and the lines that may have it all the same."""

    pattern: str
    instead: str
    allowed: str = r"(?!)"


WORDS = [
    Word(r"\bexpulsions?\b|\bexpel\w*", "disconnect"),
    Word(r"\bpulses?\b|\bsigns? of life\b|\bshared clock\b", "heartbeat"),
    Word(r"\bjournal\b", "logging, log lines", allowed=r"journal_mode|-journal\b|systemd|journald"),
    Word(r"\bcomplain\w*", "decoding error, report"),
    Word(r"\bexaminations?\b|\bexamines?\b", "check"),
    Word(r"\bexposition\b", "metrics text, registry", allowed=r"prometheus_client\.exposition|exposition_formats"),
    Word(r"\bturnstiles?\b", "handshake limit"),
    Word(r"\bstorms? of returns\b", "reconnect storm"),
    Word(r"\bconfess\w*", "announce, report"),
    Word(r"\bto the letter\b", "exactly"),
    Word(r"\b(frontends?|clients?|hooks?|hubs?|browsers?) in the field\b", "deployed"),
    Word(r"\bspells\b", "is written, parses as"),
    Word(r"\bturns? of the loop\b", "loop iteration"),
    Word(r"\bwork(s|ed|ing)? off\b", "process"),
    Word(r"\boperator's word\b", "an operator's request"),
    Word(r"\blet(s|ting)? go of\b|\bwinning it back\b", "release, close, drop; re-acquire"),
    Word(r"\bwhoever\b", "a client that, the one that"),
    Word(
        r"(?<!there )\b(is|are) no (?!longer|more|such|other|different|fewer|less|wider|older|newer)\w",
        "is not a valid",
    ),
    Word(r"\btheatre\b|\bcrowd\b", "harness, scenario, clients"),
]
#: A page may say which words are not used.
SAYS_WHICH = "docs/contributing.md"


def _files() -> Iterator[Path]:
    """Yield every file that is read; an archive of the project has no git to ask."""
    for name in READ:
        if (ROOT / name).is_file():
            yield ROOT / name
        for folder, folders, files in os.walk(ROOT / name):
            folders[:] = [inner for inner in folders if inner not in MADE and not inner.endswith(".egg-info")]
            yield from (Path(folder, file) for file in files)


def _lines() -> Iterator[tuple[str, int, str]]:
    for file in sorted(_files()):
        path = file.relative_to(ROOT).as_posix()
        if NOT_READ.search(path) is None and path != SAYS_WHICH:
            for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
                yield path, number, line


LINES = list(_lines())


def find(word: Word, line: str) -> bool:
    """Return whether a line has a word that is not written there."""
    return bool(re.search(word.pattern, line, re.IGNORECASE)) and not re.search(word.allowed, line)


@pytest.mark.parametrize("word", WORDS, ids=[word.instead for word in WORDS])
def test_word_is_not_written(word: Word) -> None:
    """The named word stands in its place, in code, messages and pages."""
    found = [f"{path}:{number}: {line.strip()}" for path, number, line in LINES if find(word, line)]
    assert [] == found, f"write instead: {word.instead}"


def test_everything_is_read() -> None:
    """A walk that finds nothing proves nothing."""
    paths = {path for path, _, _ in LINES}
    assert {"hub/app.py", "contracts/frame.py", "docs/glossary.md", "README.md"} <= paths
    assert any(path.startswith("clients/browser/src/") for path in paths)


@pytest.mark.parametrize(
    ("line", "is_found"),
    [
        ("the Pulse of a hub", True),
        ("that is no JWT", True),
        ("there is no JWT", False),
        ("it is no longer one", False),
        ('connection.pragma("journal_mode", "WAL")', False),
    ],
)
def test_word_is_found(line: str, is_found: bool) -> None:
    """Case does not matter, and what a standard calls so is left alone."""
    assert is_found is any(find(word, line) for word in WORDS)
