"""Autobahn's fuzzing client: installed below build/, run against one server, its verdicts read back."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import msgspec

__all__ = ["BUILD", "Missing", "Verdict", "find_python27", "install_suite", "run_suite"]

HERE = Path(__file__).parent
BUILD = HERE.parent / "build" / "conformance"
REQUIREMENTS = HERE / "requirements.txt"
AGENT = "notification-hub"
#: Groups 12 and 13 send hundreds of thousands of messages.
RUN_DEADLINE_S = 3_600
#: The suite's own `wstest` needs its folder in `site-packages`, for namespace packages are found by .pth files.
RUN = "import site, sys; site.addsitedir(sys.argv.pop(1)); from autobahntestsuite.wstest import run; run()"


class Missing(Exception):
    """What the machine lacks, in one sentence."""


class Verdict(msgspec.Struct, frozen=True, rename={"closing": "behaviorClose", "duration_ms": "duration"}):
    """What the suite says of one case: of what was exchanged, and of how the connection ended."""

    behavior: str
    closing: str
    duration_ms: int

    @property
    def passed(self) -> bool:
        """Whether nothing failed; NON-STRICT and INFORMATIONAL are the suite's words for allowed."""
        return {self.behavior, self.closing} <= {"OK", "NON-STRICT", "INFORMATIONAL"}

    @property
    def strict(self) -> bool:
        """Whether the suite has no reservation."""
        return "NON-STRICT" not in {self.behavior, self.closing}

    @property
    def informational(self) -> bool:
        """Whether the suite only reports what it saw, for either answer is right."""
        return "INFORMATIONAL" in {self.behavior, self.closing}


def find_python27(choice: str) -> str:
    """Return the CPython 2.7 at `choice`, or the first one found where nothing is chosen.

    Raises:
        Missing: there is none.
    """
    installed = sorted((str(found) for found in Path.home().glob(".pyenv/versions/2.7.*/bin/python2.7")), reverse=True)
    for candidate in [choice] if choice else ["python2.7", *installed]:
        command = shutil.which(candidate)
        if command is not None:
            asked = subprocess.run(
                [command, "-c", "import sys; print(sys.version_info[:2] == (2, 7))"],
                capture_output=True,
                text=True,
                check=False,
            )
            if asked.stdout.strip() == "True":
                return command
    named = f"PYTHON27={choice} is no CPython 2.7" if choice else "CPython 2.7 was not found"
    raise Missing(
        f"{named}: Autobahn's test suite runs on nothing else (see conformance/README.md).\n"
        "pyenv install 2.7.18, then: make conformance PYTHON27=~/.pyenv/versions/2.7.18/bin/python2.7"
    )


def install_suite(python27: str) -> Path:
    """Return the folder with the suite; it is installed there once for each list of requirements.

    Raises:
        Missing: it cannot be installed.
    """
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    folder = BUILD / f"python27-{digest}"
    if folder.exists():
        return folder
    BUILD.mkdir(parents=True, exist_ok=True)
    making = BUILD / "making"
    shutil.rmtree(making, ignore_errors=True)
    pip = [python27, "-W", "ignore", "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet"]
    done = subprocess.run(
        [*pip, "--no-deps", "--target", str(making), "--requirement", str(REQUIREMENTS)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Missing(f"Autobahn's test suite cannot be installed with {python27}:\n{done.stderr.strip()}")
    making.rename(folder)
    return folder


def run_suite(python27: str, site: Path, port: int, *, name: str, groups: Sequence[str]) -> dict[str, Verdict]:
    """Return the verdict on every case of `groups`, by the case's number.

    Raises:
        RuntimeError: the suite did not finish.
    """
    output = BUILD / name
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    specification = {
        "outdir": str(output / "cases"),
        "servers": [{"agent": AGENT, "url": f"ws://127.0.0.1:{port}/ws"}],
        "cases": [f"{group}.*" for group in groups],
        "exclude-cases": [],
        "exclude-agent-cases": {},
    }
    (output / "specification.json").write_bytes(msgspec.json.encode(specification))
    command = [python27, "-c", RUN, str(site), "--mode", "fuzzingclient", "--spec", str(output / "specification.json")]
    with (output / "wstest.log").open("w") as log:
        done = subprocess.run(command, stdout=log, stderr=log, timeout=RUN_DEADLINE_S, check=False)
    index = output / "cases" / "index.json"
    if done.returncode != 0 or not index.exists():
        raise RuntimeError(f"the suite did not finish: see {output / 'wstest.log'}")
    return msgspec.json.decode(index.read_bytes(), type=dict[str, dict[str, Verdict]])[AGENT]
