"""`python -m tests.pythons`: the pure rooms and real connections on every other Python that this machine has.

Each Python gets an environment of its own from the developers' lock, below build/pythons, which is kept until the
lock changes. A version that the package supports and the machine has not is named.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

__all__ = ["find_python", "main", "supported_versions"]

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build" / "pythons"
LOCK = ROOT / "requirements" / "dev.txt"
#: For one command; the longest downloads the packages of the lock.
STEP_DEADLINE_S = 600.0
#: What is most likely to differ between two versions: types, annotations, enums, the event loop, sockets, threads.
QUICK = (
    *("tests/contracts", "tests/publish", "tests/delivery", "tests/log/test_tail.py", "tests/log/test_sqlite.py"),
    *("tests/test_cursor.py", "tests/test_target.py", "tests/test_errors.py", "tests/test_settings.py"),
    *("tests/test_metrics.py", "tests/test_allowance.py", "tests/test_logging.py", "tests/test_timestamp.py"),
    *("tests/edge/test_handshake.py", "tests/edge/test_waiters.py", "tests/edge/test_links.py"),
    *("tests/transports/test_delivery.py", "tests/transports/test_closing.py"),
)
#: Proved on one Python: that the model notices what is broken and holds over thousands of steps, what needs a database,
#: and what needs Node.
ELSEWHERE = (
    *("tests/delivery/test_mutations.py", "tests/delivery/test_model.py", "tests/delivery/test_recheck.py"),
    *("tests/publish/test_hyperlink.py",),
)


def supported_versions() -> list[str]:
    """Return the versions that the package's metadata names, as `3.12`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return re.findall(r"Python :: (3\.\d+)", " ".join(project["classifiers"]))


def find_python(version: str, *, path: str | None = None, pyenv: Path | None = None) -> Path | None:
    """Return an interpreter of this version, from `path` (PATH) or below `pyenv` (pyenv's folder); None without one."""
    return next((found for found in _candidates(version, path, pyenv) if _says_version(found, version)), None)


def _candidates(version: str, path: str | None, pyenv: Path | None) -> Iterator[Path]:
    if named := shutil.which(f"python{version}", path=path):
        yield Path(named)
    root = pyenv or Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    # The newest of pyenv's, by number.
    folders = root.glob(f"versions/{version}.*/bin/python")
    yield from sorted(folders, key=lambda found: [int(part) for part in re.findall(r"\d+", found.parts[-3])])[::-1]


def _says_version(python: Path, version: str) -> bool:
    # pyenv puts a program on the PATH also for versions that it would refuse to start.
    code = "import sys; print(*sys.version_info[:2], sep='.')"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=STEP_DEADLINE_S)
    except OSError:
        return False
    return done.stdout.strip() == version


def prepare(version: str, python: Path) -> Path:
    """Return the interpreter of an environment that holds what the lock says, made where it is not there yet."""
    folder = BUILD / version
    inside = folder / "bin" / "python"
    stamp = folder / ".installed"
    digest = hashlib.sha256(LOCK.read_bytes() + (ROOT / "pyproject.toml").read_bytes() + bytes(python)).hexdigest()
    if stamp.is_file() and stamp.read_text(encoding="ascii") == digest:
        return inside
    _run(python, "-m", "venv", "--without-pip", "--clear", folder)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--python", inside, "install")
    _run(*pip, "--quiet", "--require-hashes", "-r", LOCK)
    _run(*pip, "--quiet", "--no-deps", "--no-build-isolation", "--editable", ROOT, "--editable", ROOT / "contracts")
    stamp.write_text(digest, encoding="ascii")
    return inside


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, cwd=ROOT, timeout=STEP_DEADLINE_S)


def main() -> int:
    """Run the quick tests on each, all at once; the exit status is 1 where one failed."""
    here = ".".join(map(str, sys.version_info[:2]))
    prepared: dict[str, Path] = {}
    for version in supported_versions():
        python = find_python(version)
        if version == here:
            _say(f"Python {version}: the whole of `make test` runs on it")
        elif python is None:
            _say(f"Python {version}: NOT TESTED, this machine has none (neither python{version} nor pyenv's)")
        else:
            prepared[version] = prepare(version, python)
    with ThreadPoolExecutor(max_workers=len(prepared) or 1) as pool:
        passed = [
            _passes(version, done) for version, done in zip(prepared, pool.map(_try, prepared.values()), strict=True)
        ]
    return 0 if all(passed) else 1


def _try(python: Path) -> subprocess.CompletedProcess[str]:
    elsewhere = [f"--ignore={path}" for path in ELSEWHERE]
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *QUICK, *elsewhere]
    return subprocess.run(command, cwd=ROOT, timeout=STEP_DEADLINE_S, capture_output=True, text=True)


def _passes(version: str, done: subprocess.CompletedProcess[str]) -> bool:
    *before, last = done.stdout.strip().splitlines() or [done.stderr.strip()]
    if done.returncode:
        _say("\n".join([*before, done.stderr]))
    _say(f"Python {version}: {last}")
    return done.returncode == 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
