"""`hub stats`: what a running hub says of itself."""

from __future__ import annotations

import httpx
import msgspec
from click.testing import CliRunner

from contracts.stats import Stats
from hub.cli import main
from tests.cli.process import DevHub, Running, run


def test_json(dev_hub: DevHub) -> None:
    """With --json it is what the hub answers."""
    with Running("tail", "--dev", "--as", "seller", folder=dev_hub.folder) as tail:
        tail.wait_for("connected to")
        done = run("stats", "--dev", "--json", folder=dev_hub.folder)
    stats = msgspec.json.decode(done.stdout, type=Stats)
    assert 0 == done.returncode
    assert stats.connections_by_account["00000000000202"] == 1


def test_refusals_are_told_by_code(dev_hub: DevHub) -> None:
    """Who was refused stands in the answer and in the table by the code they were refused with."""
    refused = httpx.get(f"{dev_hub.url}/poll?token=%3Chtml%3E")
    assert "invalid_token" == refused.json()["code"]
    stats = msgspec.json.decode(run("stats", "--dev", "--json", folder=dev_hub.folder).stdout, type=Stats)
    assert stats.refusals["invalid_token"] >= 1
    assert sum(stats.refusals.values()) == stats.totals.refused
    assert "refused: invalid_token" in run("stats", "--dev", folder=dev_hub.folder).stdout


def test_table_names_nobody(dev_hub: DevHub) -> None:
    """What is shown to people has no account's number in it."""
    with Running("tail", "--dev", "--as", "seller", folder=dev_hub.folder) as tail:
        tail.wait_for("connected to")
        done = run("stats", "--dev", folder=dev_hub.folder)
    assert 0 == done.returncode
    assert "connections" in done.stdout
    assert "0000000" not in done.stdout


def test_watch(dev_hub: DevHub) -> None:
    """With --watch one object a line comes until it is interrupted."""
    with Running("stats", "--dev", "--json", "--watch", "--interval", "0.2", folder=dev_hub.folder) as watch:
        lines = watch.wait_for("uptimeSeconds", count=3)
    ages = [msgspec.json.decode(line, type=Stats).uptime_seconds for line in lines]
    assert sorted(set(ages)) == ages


def test_wrong_key(dev_hub: DevHub) -> None:
    """A key the hub does not know is exit code 1."""
    runner = CliRunner(env={"HUB_URL": dev_hub.url, "HUB_SERVICE_KEY": "hubk_" + "x" * 43})
    done = runner.invoke(main, ["stats"])
    assert (1, True) == (done.exit_code, "invalid_token" in done.stderr)
