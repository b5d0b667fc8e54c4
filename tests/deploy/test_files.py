"""The files of deploy/ and the pages that quote them say the same, and name what is there."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from hub import routes
from hub.settings import Settings, describe_settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
PAGES = sorted((ROOT / "docs").rglob("*.md"))
#: A link to a file of deploy/ that ends a paragraph with a colon, and the block that follows.
QUOTE = re.compile(r"\]\(((?:\.\./)+deploy/[^)]+)\):\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
QUOTES = [(page, *found) for page in PAGES for found in QUOTE.findall(page.read_text())]
VARIABLES = {about.variable for _, about, _ in describe_settings()}


def read_yaml(path: Path) -> list[Any]:
    """Return the documents of a YAML file."""
    # Litestar brings it, without types.
    return list(importlib.import_module("yaml").safe_load_all(path.read_text()))


def test_pages_quote_the_files_as_they_are() -> None:
    """Whoever copies a block from a page has the file that the tests run."""
    assert {
        "Caddyfile",
        "collector.yaml",
        "hub.conf",
        "hub.service",
        "hub.socket",
        "hub.yaml",
        "ingress.yaml",
        "traefik.yaml",
    } <= {Path(name).name for _, name, _ in QUOTES}
    for page, name, quoted in QUOTES:
        assert (page.parent / name).read_text() == quoted, name


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_only_settings_that_exist_are_set(path: Path) -> None:
    """A variable that the hub does not know would be passed over in silence."""
    named = set(re.findall(r"\b(?:HUB|JWT|WS)_[A-Z_]+\b", path.read_text()))
    # For the commands that talk to a hub; and ports that Kubernetes would set.
    assert set() == named - VARIABLES - {"HUB_SERVICE_KEY", "HUB_TOKEN", "HUB_URL"}


@pytest.mark.parametrize("path", [path for path in FILES if "example" in path.name], ids=lambda path: path.name)
def test_examples_hold_no_secret_that_works(path: Path) -> None:
    """What is copied and not filled in does not start: nobody runs with a secret that everybody knows."""
    needed = {
        "relay.example.yaml": ["HUB_SERVICE_KEY"],
        "nats.env.example": ["NATS_HUB_PASSWORD", "NATS_ADMIN_PASSWORD", "NATS_SYS_PASSWORD", "NATS_ROUTE_PASSWORD"],
        # Its password is that of nats.env.
        "admin.env.example": [],
    }
    for name in needed.get(path.name, ["JWT_SECRET", "HUB_SERVICE_KEYS"]):
        (value,) = re.findall(rf"^ *{name}[:=] ?(.*)$", path.read_text(), re.MULTILINE)
        assert "" == value.strip('"')


def test_commands_of_the_page_name_files_that_are_there() -> None:
    """Every file that the page installs for systemd is in its folder."""
    page = (ROOT / "docs/operations/deploy.md").read_text()
    installed = re.findall(r"^install -m \d+ (.*)$", page, re.MULTILINE)
    assert 5 == len(installed)
    for line in installed:
        for pattern in shlex.split(line, comments=True)[:-1]:
            assert list((DEPLOY / "systemd").glob(pattern)) or (DEPLOY / "systemd" / pattern).exists(), pattern


class TestCompose:
    """deploy/compose/compose.yaml, as it can be known without an engine."""

    (COMPOSE,) = read_yaml(DEPLOY / "compose/compose.yaml")

    @pytest.mark.parametrize("name", ["hub", "backup"])
    def test_the_hub_has_no_rights_that_it_does_not_need(self, name: str) -> None:
        """A read-only root file system, the image's own user, no capabilities."""
        service = self.COMPOSE["services"][name]
        assert (True, "10001:10001", ["ALL"], ["no-new-privileges:true"]) == (
            service["read_only"],
            service["user"],
            service["cap_drop"],
            service["security_opt"],
        )

    def test_it_is_given_the_time_to_drain(self) -> None:
        """SIGKILL comes after HUB_DRAIN, and what the hub takes behind it."""
        assert f"{Settings().drain_s + 15:.0f}s" == self.COMPOSE["services"]["hub"]["stop_grace_period"]

    def test_nothing_is_open_to_the_network(self) -> None:
        """Every published port is on loopback: TLS is a proxy's."""
        ports = [port for service in self.COMPOSE["services"].values() for port in service.get("ports", ())]
        assert ports
        assert [] == [port for port in ports if not port.startswith("127.0.0.1:")]

    def test_what_is_mounted_is_there(self) -> None:
        """Each file and folder beside it that it mounts is in deploy/, except where backups go."""
        volumes = [volume for service in self.COMPOSE["services"].values() for volume in service.get("volumes", ())]
        sources = [volume.partition(":")[0] for volume in volumes]
        missing = [name for name in sources if name.startswith(".") and not (DEPLOY / "compose" / name).exists()]
        assert ["./backup"] == missing
        assert {name for name in sources if not name.startswith(".")} == set(self.COMPOSE["volumes"])


class TestTraefik:
    """deploy/traefik, as it can be known without Traefik."""

    (DYNAMIC,) = read_yaml(DEPLOY / "traefik/hub.yaml")
    (STATIC,) = read_yaml(DEPLOY / "traefik/traefik.yaml")

    def test_the_inside_stays_inside(self) -> None:
        """The rule leaves out what is for services and operators."""
        rule = self.DYNAMIC["http"]["routers"]["hub"]["rule"]
        assert f"!Path(`{routes.METRICS}`)" in rule
        for path in (routes.NOTIFY, routes.NOTIFY_BATCH, routes.STATS, routes.DISCONNECT):
            assert path.startswith(re.findall(r"!PathPrefix\(`([^`]+)`\)", rule)[0])

    def test_its_clocks(self) -> None:
        """It releases an idle connection before the hub does, and waits for longer than a heartbeat."""
        transport = self.DYNAMIC["http"]["serversTransports"]["hub"]["forwardingTimeouts"]
        assert int(transport["idleConnTimeout"].removesuffix("s")) * 2 < Settings().keep_alive_s
        timeouts = self.STATIC["entryPoints"]["websecure"]["transport"]["respondingTimeouts"]
        assert "0s" == timeouts["readTimeout"]
        assert int(timeouts["idleTimeout"].removesuffix("s")) > 2 * Settings().heartbeat_s

    def test_no_token_is_logged(self) -> None:
        """Neither the path with its query nor a header is in the access log."""
        fields = self.STATIC["accessLog"]["fields"]
        assert ("drop", "drop") == (fields["names"]["RequestPath"], fields["headers"]["defaultMode"])
