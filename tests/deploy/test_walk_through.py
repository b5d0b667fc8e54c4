"""What an operator types on a new Debian, as the pages have it: the units, a notification, Prometheus, a backup."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.machine import Machine, boot
from tests.deploy.test_files import DEPLOY, ROOT
from tests.fresh.root import Root, make_base
from tests.packages import build_hub_wheel, build_wheels

pytestmark = pytest.mark.soak

PAGES = ROOT / "docs/operations"
CHECKOUT = "/srv/hub-checkout"
PACKAGES = ("systemd", "systemd-sysv", "dbus", "python3-venv", "prometheus", "curl", "openssl")
FILL_IN = "# and fill it in"


def read_block(page: str, heading: str) -> str:
    """Return the first commands of a page under a heading."""
    _, _, part = ("\n" + (PAGES / page).read_text()).partition(f"\n{heading}\n")
    assert part, f"{page} has no {heading}"
    block: str = re.findall(r"(?s)```sh\n(.*?)```", part)[0]
    return block


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A Debian 12 with the hub installed from its wheels, and booted."""
    assert os.geteuid() == 0, "a machine is made and booted as root: sudo make soak"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "notification-hub/fresh"
    root = Root(make_base("bookworm", cache), tmp_path_factory.mktemp("machine") / "root")
    root.install(*PACKAGES)
    checkout = root.folder / CHECKOUT.lstrip("/")
    (checkout / "dist").mkdir(parents=True)
    for wheel in (build_hub_wheel(), build_wheels()[0]):
        shutil.copy(wheel, checkout / "dist")
    for folder in (DEPLOY, ROOT / "requirements"):
        shutil.copytree(folder, checkout / folder.name)
    install = [line for line in read_block("deploy.md", "# Deploying").splitlines() if "venv" in line or "pip" in line]
    assert len(install) == 3
    root.run(" && ".join(install), folder=CHECKOUT)
    try:
        with boot(root.folder) as machine:
            yield machine
    finally:
        shutil.rmtree(root.folder)


@pytest.fixture(scope="module")
def secret() -> str:
    """The secret of the tokens."""
    return secrets.token_hex(32)


@pytest.fixture(scope="module")
def key(machine: Machine, secret: str) -> str:
    """The key of a service that may publish; the hub runs from the units."""
    before, fill_in, after = read_block("deploy.md", "## systemd").partition(FILL_IN)
    assert fill_in
    machine.run(f"set -e; {before}", folder=CHECKOUT)
    printed = {name: machine.run(f"hub key {name}") for name in ("shop", "maria")}
    lines = ",".join(re.findall(rf"{name}:[0-9a-f]{{64}}", printed[name])[0] for name in printed)
    for setting, value in (("JWT_SECRET", secret), ("HUB_SERVICE_KEYS", lines)):
        machine.run(f"sed -i 's/^{setting}=.*/{setting}={value}/' /etc/hub/environment")
    machine.run(f"set -e; {after}", folder=f"{CHECKOUT}/deploy/systemd")
    made: str = re.findall(r"hubk_\S+", printed["shop"])[0]
    return made


@pytest.fixture(scope="module")
def notify(secret: str, key: str) -> str:
    """The command that publishes, with what it needs before it."""
    (line,) = (line for line in read_block("walk-through.md", "## 2. Send something").splitlines() if "notify" in line)
    return f"export JWT_SECRET={secret} HUB_SERVICE_KEY={key}; {line}"


def test_the_units_start_a_hub(machine: Machine, key: str) -> None:
    """The first step: it is ready, and the timers wait for their time."""
    *_, enable, curl = read_block("walk-through.md", "## 1. Install and start").splitlines()
    assert machine.run(f"{enable} && {curl}").rpartition("\n")[2].startswith('{"ready":true')
    assert {"hub-backup", "hub-restore-drill"} <= set(
        re.findall(r"(hub-\S+)\.timer", machine.run("systemctl list-timers --no-pager"))
    )


def test_a_notification_arrives(machine: Machine, secret: str, key: str) -> None:
    """The second step, and the console that the third opens."""
    block = read_block("walk-through.md", "## 2. Send something")
    block = block.replace("JWT_SECRET=...", f"JWT_SECRET={secret}").replace(
        "HUB_SERVICE_KEY=hubk_...", f"HUB_SERVICE_KEY={key}"
    )
    # A shell leaves a moment between what is typed.
    block = block.replace(
        '--account 1)" &\n', '--account 1)" >tail.txt 2>&1 &\nuntil grep -q connected tail.txt; do sleep 0.1; done\n'
    )
    printed = machine.run(f"rm -f tail.txt; {block}\nuntil grep -q 'Low stock' tail.txt; do sleep 0.1; done; kill %1")
    assert "1 connection matched" in printed
    assert "<title>" in machine.run("curl -fsL http://127.0.0.1:8000/console")


def test_prometheus_scrapes_it(machine: Machine, key: str) -> None:
    """The fourth step, with Debian's own package."""
    printed = machine.run(f"set -e; {read_block('walk-through.md', '## 4. Measure it')}", folder=CHECKOUT)
    assert "=> 1" in printed.splitlines()[-1]


def test_a_backup_is_made_and_proven(machine: Machine, key: str) -> None:
    """The fifth step: the drill tries the backup that is made at the same moment."""
    printed = machine.run(f"set -e; {read_block('walk-through.md', '## 5. Back it up')}", folder=CHECKOUT)
    assert "restore drill PASSED" in printed.splitlines()[-1]


@pytest.mark.parametrize("end", ["systemctl restart hub", "systemctl kill --signal=KILL hub"])
def test_connections_wait_while_it_is_started_again(machine: Machine, notify: str, end: str) -> None:
    """The socket is systemd's: a publish that begins while there is no hub is late, and not refused."""
    old = machine.run("systemctl show --property MainPID --value hub")
    printed = machine.run(f"{end} & {notify}; wait")
    assert "is on disk at" in printed
    machine.wait("systemctl is-active hub", "active", within_s=30)
    assert old != machine.run("systemctl show --property MainPID --value hub")


def test_a_hub_that_is_stopped_fires_its_alert(machine: Machine, key: str) -> None:
    """The first row of the sixth step."""
    machine.wait("promtool query instant http://127.0.0.1:9090 'up{job=\"hub\"}'", "=> 1", within_s=60)
    machine.run("systemctl stop hub.socket hub.service")
    alerts = "promtool query instant http://127.0.0.1:9090 'ALERTS{alertstate=\"firing\"}'"
    machine.wait(alerts, 'alertname="HubDown"', within_s=180)
    machine.run("systemctl start hub.socket hub.service")
    assert '"ready":true' in machine.run("curl -s http://127.0.0.1:8000/health/ready")


def test_a_setting_that_cannot_be_used_is_one_line(machine: Machine, key: str) -> None:
    """The unit does not try again and again, and its status names the setting."""
    machine.run("cp -a /etc/hub/environment good && echo WS_MAX_CONNECTIONS=many >> /etc/hub/environment")
    try:
        machine.run("systemctl restart hub || true")
        assert "failed" in machine.wait("systemctl is-active hub", "failed", within_s=30)
        assert "WS_MAX_CONNECTIONS" in machine.run("systemctl status --no-pager --lines=5 hub || true")
    finally:
        machine.run("cp -a good /etc/hub/environment; systemctl reset-failed; systemctl restart hub")
