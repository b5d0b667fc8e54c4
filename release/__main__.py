"""`python -m release`: build what is published, look at it, tag it. Publishing is left to a person.

`--dry-run` does all but the tag and names what stands in its way; `--set 0.2.0` writes a new version everywhere.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from release.obstacles import find_obstacles, read_notes, run_git
from release.version import read_versions, write_version

__all__ = ["main"]

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
#: Twine has an environment of its own, which `make release` makes.
TWINE = ROOT / "build/release/bin/twine"
#: npm's packages in the order in which they can be published: the second depends on the first.
ARCHIVES = ("service", "stocktech", "client", "bell", "testing")
STEP_S = 600.0


def main(arguments: list[str]) -> int:
    """Do what the arguments say; the exit status is 1 where something stands in the way of the release."""
    if arguments[:1] == ["--set"] and len(arguments) == 2:
        return _set_version(arguments[1])
    if arguments not in ([], ["--dry-run"]):
        print(__doc__, file=sys.stderr)
        return 2
    versions = {version for found in read_versions(ROOT).values() for version in found}
    if len(versions) != 1:
        print(f"The packages have more than one version: {', '.join(sorted(versions))}", file=sys.stderr)
        return 1
    (version,) = versions
    obstacles = find_obstacles(ROOT, version)
    if obstacles and not arguments:
        # Said before the build: nobody waits minutes to hear it.
        return _name(obstacles, version)
    try:
        _build()
        _look(version)
    except subprocess.CalledProcessError as error:
        print(f"This failed: {' '.join(map(str, error.cmd))}", file=sys.stderr)
        return 1
    if arguments:
        print(f"\nA dry run: nothing was tagged. {'The release can be made.' if not obstacles else ''}")
        return _name(obstacles, version) if obstacles else 0
    notes = read_notes((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version)
    run_git(ROOT, "tag", "--annotate", "--cleanup=verbatim", f"v{version}", "--message", f"{version}\n\n{notes}\n")
    print(f"\nTagged v{version}; nothing is published. What is left to do (docs/releasing.md):\n")
    print(f"  git push origin v{version}\n  {TWINE.relative_to(ROOT)} upload dist/*.whl")
    for archive in _archives(version):
        print(f"  npm publish {archive.relative_to(ROOT)}")
    return 0


def _set_version(version: str) -> int:
    try:
        write_version(ROOT, version)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"All packages are {version} now: make setup openapi clients-types, then look at git diff")
    return 0


def _name(obstacles: list[str], version: str) -> int:
    print(f"\nBefore {version} can be tagged:", file=sys.stderr)
    for obstacle in obstacles:
        print(f"- {obstacle}", file=sys.stderr)
    return 1


def _build() -> None:
    # What an older version left must not be published with this one.
    shutil.rmtree(DIST, ignore_errors=True)
    _run("make", "--no-print-directory", "packages", "wheel-check")


def _look(version: str) -> None:
    """Have the registries' own clients look at what was built.

    Raises:
        subprocess.CalledProcessError: one of them would not publish it.
    """
    _run(TWINE, "check", "--strict", *sorted(DIST.glob("*.whl")))
    for archive in _archives(version):
        _run("npm", "publish", "--dry-run", "--loglevel=error", archive)


def _archives(version: str) -> list[Path]:
    return [DIST / f"notification-hub-{name}-{version}.tgz" for name in ARCHIVES]


def _run(*command: str | Path) -> None:
    print(f"== {' '.join(str(part).removeprefix(f'{ROOT}/') for part in command)}", flush=True)
    subprocess.run([str(part) for part in command], cwd=ROOT, check=True, timeout=STEP_S)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
