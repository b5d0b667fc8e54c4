"""The clients' packages, built as they are published, and empty folders to install them in without any registry."""

from __future__ import annotations

import atexit
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from functools import cache
from pathlib import Path

__all__ = [
    "DEADLINE_S",
    "NODE_MODULES",
    "ROOT",
    "build_hub_wheel",
    "build_testing_wheel",
    "build_wheels",
    "install_service",
    "install_wheels",
    "list_packed",
    "make_environment",
    "run",
]

ROOT = Path(__file__).parents[1]
#: What `make clients` installs for development.
NODE_MODULES = ROOT / "clients" / "node_modules"
DEADLINE_S = 120.0


def run(*command: str | Path, folder: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; return what it printed and its exit code."""
    return subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=os.environ | (env or {}),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )


def _done(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _make_folder() -> Path:
    folder = tempfile.mkdtemp(prefix="hub-packages-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


@cache
def _pack_service() -> Path:
    folder = _make_folder()
    source = ROOT / "clients" / "typescript"
    # Built beside, not in `dist`: another test may be reading that.
    _done(
        run(NODE_MODULES / ".bin/tsc", "-p", source / "tsconfig.build.json", "--outDir", folder / "dist", folder=source)
    )
    for name in ("README.md", "LICENSE"):
        (folder / name).write_bytes((source / name).read_bytes())
    package = json.loads((source / "package.json").read_text())
    # npm asks its cache for these too, though it installs none of them; a machine without a network has no cache.
    del package["devDependencies"]
    (folder / "package.json").write_text(json.dumps(package))
    # What is packed was built above.
    _done(run("npm", "pack", "--silent", "--ignore-scripts", folder=folder))
    (archive,) = folder.glob("*.tgz")
    return archive


def install_service(folder: Path) -> None:
    """Install the packed `@notification-hub/service` into a folder, offline; link Node's own types beside it."""
    # In a folder of its own: npm asks its cache for the development packages of whatever stands beside it.
    empty = _make_folder()
    (empty / "package.json").write_text('{"name": "empty", "private": true, "type": "module"}')
    _done(run("npm", "install", "--offline", "--no-package-lock", _pack_service(), folder=empty))
    (empty / "node_modules" / "@types").symlink_to(NODE_MODULES / "@types")
    if not (folder / "package.json").exists():
        shutil.copy(empty / "package.json", folder)
    shutil.copytree(empty / "node_modules", folder / "node_modules", symlinks=True)


def list_packed(name: str) -> tuple[set[str], set[str]]:
    """Pack a JavaScript client from a copy that was never built; return its files and those its package.json names."""
    folder = _make_folder()
    ignored = shutil.ignore_patterns("node_modules", "dist")
    shutil.copytree(NODE_MODULES.parent / name, folder / name, ignore=ignored)
    (folder / "node_modules").symlink_to(NODE_MODULES)
    packed = json.loads(_done(run("npm", "pack", "--json", "--dry-run", "--silent", folder=folder / name)))
    # npm 12 answers with an object, those before it with a list.
    (package,) = packed.values() if isinstance(packed, dict) else packed
    described = json.loads((folder / name / "package.json").read_text())
    named = json.dumps([described["exports"], described.get("main", ""), described.get("types", "")])
    return {file["path"] for file in package["files"]}, set(re.findall(r'"\./(dist/[^"]+)"', named))


def _build_wheel(source: Path, *names: str) -> Path:
    """Build what stands in `source`, of which `names` alone are taken; return the wheel."""
    folder = _make_folder()
    # From a copy: setuptools leaves `build` and `*.egg-info` where it builds.
    ignored = shutil.ignore_patterns("__pycache__", "build", "*.egg-info")
    for name in names or [path.name for path in source.iterdir() if path.name not in {"build", "__pycache__"}]:
        if (source / name).is_dir():
            shutil.copytree(source / name, folder / "source" / name, ignore=ignored)
        else:
            (folder / "source").mkdir(exist_ok=True)
            shutil.copy(source / name, folder / "source")
    options = ("--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", folder)
    _done(run(sys.executable, "-m", "pip", "wheel", *options, folder / "source", folder=folder))
    (wheel,) = folder.glob("*.whl")
    return wheel


@cache
def build_wheels() -> tuple[Path, Path]:
    """Return the wheels of the contracts and of the Python client."""
    return _build_wheel(ROOT / "contracts"), _build_wheel(ROOT / "clients" / "python")


@cache
def build_hub_wheel() -> Path:
    """Return the hub's own wheel, built with the contracts' folder beside it as in a checkout."""
    return _build_wheel(ROOT, "pyproject.toml", "README.md", "LICENSE", "hub", "contracts")


@cache
def build_testing_wheel() -> Path:
    """Return the wheel of the test kit for pytest."""
    return _build_wheel(ROOT / "clients" / "testing-python")


def install_wheels(python: Path, *wheels: Path) -> None:
    """Install wheels into an environment, and nothing that they depend on."""
    options = ("--quiet", "--no-index", "--no-deps")
    folder = python.parents[1]
    _done(run(sys.executable, "-m", "pip", "--python", python, "install", *options, *wheels, folder=folder))


def make_environment(folder: Path, *further: Path) -> Path:
    """Make an environment with the Python client and the contracts installed from their wheels; return its Python.

    `further`: more wheels that are installed.

    What they need from others (httpx, msgspec) is lent by this environment, since nothing is fetched.
    """
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    install_wheels(python, *build_wheels(), *further)
    lent = sysconfig.get_path("purelib")
    own = _done(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", folder=folder)).strip()
    # A bare path: the .pth files over there, which lead to this repository, are not followed.
    (Path(own) / "lent.pth").write_text(lent + "\n")
    return python
