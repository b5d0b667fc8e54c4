"""requirements/install-debian.sh: what it says beforehand, and what it leaves behind; apt-get is played by a script."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "requirements" / "install-debian.sh"
#: What apt-get prints of sizes: up to Debian 12, and from Debian 13 on.
SIZES = {
    "12": "Need to get 78.9 MB of archives.\nAfter this operation, 301 MB of additional disk space will be used.\n",
    "13": "  Download size: 78.9 MB / 92.1 MB\n  Space needed: 301 MB / 52.1 GB available\n",
}
APT = """#!/bin/sh
echo "apt-get $*" >> "$CALLS"
case "$*" in *--assume-no*) printf '%s' "$SIZES"; exit 1 ;; *install*) exit "${STATUS:-0}" ;; esac
"""


def play(folder: Path, *packages: str, sudo: str | None = None, **env: str) -> tuple[int, str, list[str]]:
    """Run the script where nothing is installed; return its exit status, what it said, and how apt-get was called."""
    programs = folder / "bin"
    programs.mkdir()
    scripts = {"apt-get": APT, "id": "#!/bin/sh\necho 1000\n", "install": "#!/bin/sh\n", "rm": "#!/bin/sh\n"}
    if sudo is not None:
        scripts["sudo"] = sudo
    for name, text in scripts.items():
        (programs / name).write_text(text)
        (programs / name).chmod(stat.S_IRWXU)
    for name in ("sh", "env", "sed", "paste", "find", "sort", "mktemp", "comm", "grep", "tail", "true"):
        (programs / name).symlink_to(f"/usr/bin/{name}")
    calls = folder / "calls"
    done = subprocess.run(
        [SCRIPT, "The test run", *packages],
        env={"PATH": str(programs), "CALLS": str(calls), "TMPDIR": str(folder), **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
    )
    return done.returncode, done.stdout + done.stderr, calls.read_text().splitlines() if calls.exists() else []


@pytest.mark.parametrize("release", SIZES)
def test_it_says_what_and_how_much_before_it_installs(tmp_path: Path, release: str) -> None:
    """The packages, their sizes and that no service is started stand in the output of either apt."""
    sudo = '#!/bin/sh\n[ "$1" != -n ] || shift\nexec "$@"\n'
    status, said, calls = play(tmp_path, "hub-test-one", "hub-test-two", sudo=sudo, SIZES=SIZES[release])
    assert 0 == status
    assert "The test run needs Debian packages that are not here: hub-test-one hub-test-two\n" in said
    assert "(78.9 MB to download, 301 MB on disk); no service is started or enabled\n" in said
    assert calls[-1].endswith("install --yes --no-install-recommends hub-test-one hub-test-two")


def test_without_root_and_sudo_it_says_what_to_type(tmp_path: Path) -> None:
    """Nothing is tried; the line to paste has every package."""
    status, said, calls = play(tmp_path, "hub-test-one", "hub-test-two")
    assert (1, []) == (status, calls)
    assert "Only root may install it, and there is no sudo" in said
    assert "sudo apt-get install hub-test-one hub-test-two\n" in said


def test_without_a_terminal_it_does_not_wait_for_a_password(tmp_path: Path) -> None:
    """In the background, sudo would stop the process or wait for ever for somebody to type."""
    sudo = '#!/bin/sh\n[ "$1" = -n ] && exit 1\nsleep 60\n'
    status, said, _ = play(tmp_path, "hub-test-one", sudo=sudo)
    assert 1 == status
    assert "sudo wants a password, and there is no terminal to type it" in said


def test_a_failure_of_apt_is_told_as_one(tmp_path: Path) -> None:
    """The way out is the same: what to install by hand."""
    sudo = '#!/bin/sh\n[ "$1" != -n ] || shift\nexec "$@"\n'
    status, said, _ = play(tmp_path, "hub-test-one", sudo=sudo, STATUS="100", SIZES="")
    assert 1 == status
    assert "apt-get could not install it" in said


def test_what_is_there_is_not_installed(tmp_path: Path) -> None:
    """A program counts as there however it came, and the second run asks nobody."""
    programs = tmp_path / "there"
    programs.mkdir()
    (programs / "curl").symlink_to("/bin/true")
    done = subprocess.run(
        [SCRIPT, "The test run", "curl"],
        env={"PATH": f"{programs}:{os.environ['PATH']}"},
        capture_output=True,
        timeout=30,
        check=True,
    )
    assert (b"", b"") == (done.stdout, done.stderr)
