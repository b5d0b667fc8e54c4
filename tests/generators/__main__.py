"""`python -m tests.generators [WORD...]`: make, compile and run a client with each generator; write the page.

With words, only the generators whose folder, name or language has one of them, and no page.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.machine import describe_machine
from tests.generators.page import Outcome, make_page
from tests.generators.stage import Stage, Unmet, open_stage, write_documents
from tests.generators.table import GENERATORS, OPENAPI_GENERATOR, Generator

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
BUILD = ROOT / "build" / "generators"
CACHE = BUILD / "cache"
PAGE = ROOT / "docs" / "reference" / "generators.md"
#: For one command; the longest compiles a hundred Rust packages on a busy machine.
STEP_DEADLINE_S = 1200.0


async def main(words: list[str]) -> int:
    """Run all; the exit status is 1 where one failed or could not be run."""
    chosen = [row for row in GENERATORS if not words or any(word in row.about for word in words)]
    outcomes: list[Outcome] = []
    with TemporaryDirectory() as folder:
        async with open_stage(Path(folder)) as stage:
            for row in chosen:
                outcomes.append(await try_generator(row, stage))
    for outcome in outcomes:
        sys.stdout.write(f"{outcome.name} ({outcome.language}): {outcome.said}\n")
    if not words:
        date = datetime.now(UTC).date()
        PAGE.write_text(make_page(outcomes, date=date, machine=describe_machine()), encoding="utf-8")
    worked = [outcome for outcome in outcomes if outcome.works]
    missing = [outcome for outcome in outcomes if outcome.missing]
    failed = len(outcomes) - len(worked) - len(missing)
    languages = len({outcome.language for outcome in outcomes if outcome.works})
    sys.stdout.write(f"{len(worked)} work ({languages} languages), {failed} failed, {len(missing)} could not be run\n")
    return 0 if len(worked) == len(outcomes) else 1


async def try_generator(row: Generator, stage: Stage) -> Outcome:
    """Take one generator through all of its steps."""
    lacking = [tool for tool in row.needs if shutil.which(tool) is None]
    if lacking:
        return Outcome.of(row, missing=f"{', '.join(lacking)} not installed on this machine")
    sys.stdout.write(f"== {row.language}: {row.name} {row.version}\n")
    sys.stdout.flush()
    folder = lay_out(row)
    try:
        for command in (*row.install, *row.generate, *row.compile):
            run_step(command, folder)
        await stage.check(fill(row.run), folder=folder, environment=environment())
    except Unmet as error:
        sys.stderr.write(f"{error}\n")
        return Outcome.of(row, failure=str(error).splitlines()[0])
    return Outcome.of(row)


def lay_out(row: Generator) -> Path:
    """Return a folder with the row's sources and the documents; what was installed there before stays."""
    folder = BUILD / row.folder
    shutil.copytree(HERE / row.folder, folder, dirs_exist_ok=True)
    write_documents(folder)
    return folder


def run_step(command: str, folder: Path) -> None:
    """Run one command to its end.

    Raises:
        Unmet: it failed, or took too long.
    """
    try:
        done = subprocess.run(
            fill(command),
            cwd=folder,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=STEP_DEADLINE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unmet(f"`{command}` was not done within {STEP_DEADLINE_S:.0f} s") from None
    if done.returncode != 0:
        raise Unmet(f"`{command}` failed\n{(done.stdout + done.stderr)[-4000:]}")


def fill(command: str) -> list[str]:
    """Return the words of a command, its placeholders filled."""
    cli = f"openapi-generator-cli/{OPENAPI_GENERATOR}/openapi-generator-cli-{OPENAPI_GENERATOR}.jar"
    filled = {"{cache}": str(CACHE), "{python}": sys.executable, "{jar}": f"{CACHE}/maven/org/openapitools/{cli}"}
    words = shlex.split(command)
    for placeholder, value in filled.items():
        words = [word.replace(placeholder, value) for word in words]
    return words


def environment() -> dict[str, str]:
    """Return the environment of every command: what is installed goes into build/, not into the user's home."""
    return {
        **os.environ,
        "NO_PROXY": "127.0.0.1",
        "GOPATH": str(CACHE / "go"),
        "GOFLAGS": "-modcacherw",
        "CARGO_HOME": str(CACHE / "cargo"),
        "CARGO_TARGET_DIR": str(CACHE / "rust"),
        "PYTHONPATH": "",
    }


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
