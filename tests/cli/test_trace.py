"""`hub trace`: what became of a notification."""

from __future__ import annotations

import json

from tests.cli.process import DevHub, run


def test_trace(dev_hub: DevHub) -> None:
    """What `hub notify` published is traced by the id and, with its cursor, without a search."""
    published = ["notify", "--type", "stock_alert", "--title", "t", "--message", "m", "--user", "00000000002"]
    receipt = json.loads(run(*published, "--json", "--dev", folder=dev_hub.folder).stdout)
    for more in ([], ["--cursor", receipt["cursor"]]):
        done = run("trace", receipt["id"], *more, "--dev", folder=dev_hub.folder)
        assert (0, "") == (done.returncode, done.stderr)
        assert "of dev" in done.stdout
        assert receipt["cursor"] in done.stdout
        assert "read          unknown" in done.stdout
    told = json.loads(run("trace", receipt["id"], "--json", "--dev", folder=dev_hub.folder).stdout)
    assert receipt["id"] == told["id"]


def test_unknown_id(dev_hub: DevHub) -> None:
    """An id that the log does not have ends with 1."""
    done = run("trace", "no such/id", "--dev", folder=dev_hub.folder)
    assert (1, True) == (done.returncode, "not_found" in done.stderr)


def test_confirmation(dev_hub: DevHub) -> None:
    """What has to be confirmed is published and traced by the commands; nobody is told, and the command says so."""
    published = ["notify", "--type", "stock_alert", "--title", "t", "--message", "m", "--user", "00000000002"]
    confirm = ["--confirm-within", "1h", "--confirm-by", "delivered"]
    done = run(*published, *confirm, "--json", "--dev", folder=dev_hub.folder)
    receipt = json.loads(done.stdout)
    assert "$.confirm" == receipt["warnings"][0]["field"]
    told = run("trace", receipt["id"], "--dev", folder=dev_hub.folder).stdout
    assert "to be delivered until" in told
    listed = run("webhooks", "--dev", folder=dev_hub.folder)
    assert (0, "") == (listed.returncode, listed.stdout)
    done = run(*published, "--confirm-by", "read", "--dev", folder=dev_hub.folder)
    assert (2, True) == (done.returncode, "--confirm-within" in done.stderr)
    done = run("webhooks", "--dev", "repeat", "msg_none", folder=dev_hub.folder)
    assert (1, True) == (done.returncode, "not_found" in done.stderr)
    assert 2 == run("webhooks", "--dev", "repeat", folder=dev_hub.folder).returncode
