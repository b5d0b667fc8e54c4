"""What stands in the way of a release that only people can clear: the state of the tree, the tag, the pages."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

__all__ = ["find_obstacles", "read_notes", "run_git"]

#: The heading under which what users must change is collected, until the release gives it its version.
NEXT = "## Next release"


def find_obstacles(root: Path, version: str) -> list[str]:
    """Return a sentence for each thing that must be done before `version` can be tagged in the checkout `root`."""
    obstacles = []
    if run_git(root, "status", "--porcelain"):
        obstacles.append("The checkout has changes that are not committed.")
    if run_git(root, "tag", "--list", f"v{version}"):
        obstacles.append(f"The tag v{version} exists: a version is released once (make version VERSION=...).")
    if not read_notes((root / "CHANGELOG.md").read_text(encoding="utf-8"), version):
        obstacles.append(f"CHANGELOG.md has no heading `## [{version}] - YYYY-MM-DD` with text below it.")
    if NEXT in (root / "UPGRADING.md").read_text(encoding="utf-8"):
        obstacles.append(f"UPGRADING.md still says `{NEXT}`: put {version} there.")
    return obstacles


def read_notes(changelog: str, version: str) -> str:
    """Return what the changelog says of a version that has a date; empty where it has none."""
    heading = rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d\n(.*?)(?=^## |\Z)"
    found = re.search(heading, changelog, re.MULTILINE | re.DOTALL)
    return found[1].strip() if found else ""


def run_git(root: Path, *arguments: str) -> str:
    """Return what git prints; its own words go to stderr.

    Raises:
        subprocess.CalledProcessError: git could not do it.
    """
    done = subprocess.run(["git", *arguments], cwd=root, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()
