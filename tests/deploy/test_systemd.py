"""The units are what systemd takes, and leave the hub no right that it does not need."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from hub.settings import Settings
from tests.deploy.test_files import DEPLOY

FOLDER = DEPLOY / "systemd"
UNITS = sorted(path for path in FOLDER.iterdir() if path.suffix in {".service", ".socket", ".timer"})
SERVICES = [path for path in UNITS if path.suffix == ".service"]
DEADLINE_S = 60.0
#: Of 10; what systemd itself calls "OK" ends at 5, and a service without any of it has 9.6.
MOST_EXPOSED = 2.0


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program of systemd, which needs no systemd that runs."""
    program = shutil.which(str(command[0]))
    assert program is not None, f"{command[0]} is not installed: sudo apt-get install systemd"
    done = subprocess.run(
        [program, *map(str, command[1:])], capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout, done.stderr)


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units in a folder of their own, with programs that this machine has."""
    for path in UNITS:
        text = re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", path.read_text())
        (tmp_path / path.name).write_text(text)
    return tmp_path


def test_systemd_understands_them(units: Path) -> None:
    """`systemd-analyze verify` finds nothing in any unit."""
    done = run("systemd-analyze", "verify", "--man=no", *sorted(units.iterdir()))
    assert (0, "") == (done.returncode, done.stdout + done.stderr)


def test_a_misspelt_line_would_be_noticed(units: Path) -> None:
    """The same program finds a line that it does not know."""
    with (units / "hub.service").open("a") as unit:
        unit.write("\n[Service]\nProtectTheSystem=strict\n")
    done = run("systemd-analyze", "verify", "--man=no", units / "hub.service", units / "hub.socket")
    assert "ProtectTheSystem" in done.stdout + done.stderr


@pytest.mark.parametrize("name", [path.name for path in SERVICES])
def test_they_are_shut_in(units: Path, name: str) -> None:
    """`systemd-analyze security` counts little that a service could do beyond its work."""
    done = run("systemd-analyze", "security", "--no-pager", "--offline=yes", units / name)
    (level,) = re.findall(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert float(level) <= MOST_EXPOSED


def test_user_and_folders_are_made(tmp_path: Path) -> None:
    """systemd-sysusers makes the user that the services run as, and systemd-tmpfiles the folders they name."""
    (tmp_path / "etc").mkdir()
    done = run("systemd-sysusers", f"--root={tmp_path}", FOLDER / "hub.sysusers.conf")
    assert 0 == done.returncode, done.stderr
    (user,) = (tmp_path / "etc/passwd").read_text().splitlines()
    assert ("hub", "/usr/sbin/nologin") == (user.split(":")[0], user.split(":")[-1])
    folders = dict(re.findall(r"^d (\S+) +(\d+)", (FOLDER / "hub.tmpfiles.conf").read_text(), re.MULTILINE))
    assert {"/etc/hub": "0700", "/var/backups/hub": "0700"} == folders
    for service in SERVICES:
        text = service.read_text()
        assert "User=hub\nGroup=hub\n" in text
        for path in re.findall(r"/var/backups/\w+", text):
            assert path in folders


def test_the_hub_is_given_the_time_to_drain() -> None:
    """SIGKILL comes after HUB_DRAIN, and what the hub takes behind it."""
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.read_string((FOLDER / "hub.service").read_text())
    assert int(unit["Service"]["TimeoutStopSec"]) >= Settings().drain_s + 15
    # Exit code 2 is a setting that cannot be used.
    assert "2" == unit["Service"]["RestartPreventExitStatus"]
