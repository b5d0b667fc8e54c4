"""The compiled fan-out under the address and undefined behaviour sanitizers; needs gcc, which `make soak` installs."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FUZZ = Path(__file__).with_name("native_fuzz.py")
BUILD_S, FUZZ_S = 120.0, 60.0


def run(*command: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; what it says is in the failure."""
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=BUILD_S + FUZZ_S,
        env={**os.environ, **(env or {})},
        check=False,
    )


@pytest.mark.soak
def test_random_use_breaks_nothing(tmp_path: Path) -> None:
    """A minute of sockets, subscribers and envelopes of every kind finds no misuse of memory and nothing undefined."""
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    built = run(
        *("gcc", "-shared", "-fPIC", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-fno-omit-frame-pointer"),
        *("-fsanitize=address,undefined", "-fno-sanitize-recover=all", f"-I{sysconfig.get_path('include')}"),
        *(ROOT / "native/hub_native.c", "-o", tmp_path / f"hub_native{suffix}"),
    )
    assert 0 == built.returncode, built.stderr
    libraries = [run("gcc", f"-print-file-name={name}.so").stdout.strip() for name in ("libasan", "libubsan")]
    done = run(
        *(sys.executable, "-X", "dev", FUZZ, str(FUZZ_S), "1"),
        env={
            "LD_PRELOAD": ":".join(libraries),
            "PYTHONPATH": str(tmp_path),
            # Python's own allocator would hide a use after the end; what Python never frees is not ours to find.
            "PYTHONMALLOC": "malloc",
            "ASAN_OPTIONS": "detect_leaks=0",
        },
    )
    assert 0 == done.returncode, done.stdout + done.stderr[-4_000:]
    assert "rounds" in done.stdout
    assert "Error" not in done.stderr
