"""What stands in the way of a tag, in a repository of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.obstacles import find_obstacles, read_notes, run_git

CHANGELOG = "# Changelog\n\n## [0.2.0] - 2026-12-31\n\n### Added\n- A bell.\n\n## [0.1.0] - 2026-11-30\n\nThe first.\n"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a repository in which 0.2.0 can be tagged."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Somebody")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "somebody@example.com")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    (tmp_path / "UPGRADING.md").write_text("# Upgrading\n\n## 0.2.0, from 0.1.0\n")
    run_git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    return tmp_path


def commit(folder: Path) -> None:
    """Commit all that is in the folder."""
    run_git(folder, "add", "--all")
    run_git(folder, "commit", "--quiet", "--message", "Something")


def test_nothing_stands_in_the_way(checkout: Path) -> None:
    """A clean checkout whose pages name the version can be tagged."""
    assert [] == find_obstacles(checkout, "0.2.0")


def test_changes(checkout: Path) -> None:
    """A file that is not committed is named: it would be in what is built, and not in the tag."""
    (checkout / "new.py").write_text("")
    (obstacle,) = find_obstacles(checkout, "0.2.0")
    assert "not committed" in obstacle


def test_tag(checkout: Path) -> None:
    """A version is released once."""
    run_git(checkout, "tag", "v0.2.0")
    (obstacle,) = find_obstacles(checkout, "0.2.0")
    assert "v0.2.0 exists" in obstacle


@pytest.mark.parametrize(
    "heading", ["## [0.2.0] - Unreleased", "## [Unreleased]", "## [0.2.0]", "## [0.2.00] - 2026-12-31"]
)
def test_changelog(checkout: Path, heading: str) -> None:
    """The changelog has the version with a date."""
    (checkout / "CHANGELOG.md").write_text(CHANGELOG.replace("## [0.2.0] - 2026-12-31", heading))
    commit(checkout)
    (obstacle,) = find_obstacles(checkout, "0.2.0")
    assert "CHANGELOG.md" in obstacle


def test_upgrading(checkout: Path) -> None:
    """What is collected for the next release has got its version."""
    (checkout / "UPGRADING.md").write_text("# Upgrading\n\n## Next release, from 0.1.0\n")
    commit(checkout)
    (obstacle,) = find_obstacles(checkout, "0.2.0")
    assert "UPGRADING.md" in obstacle


def test_notes_are_those_of_the_version() -> None:
    """The tag's text is what the changelog says of this version, to the next heading or the end."""
    assert "### Added\n- A bell." == read_notes(CHANGELOG, "0.2.0")
    assert "The first." == read_notes(CHANGELOG, "0.1.0")
    assert "" == read_notes(CHANGELOG, "0.3.0")
