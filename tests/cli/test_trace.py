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
