"""`hub forget`: a user is erased, by whoever may, and only after a yes."""

from __future__ import annotations

import json

from tests.cli.process import DevHub, run

USER = "00000000002"


def test_forget(dev_hub: DevHub) -> None:
    """What was for the user is gone, and the command says how much that was."""
    run(
        "notify",
        "--type",
        "stock_alert",
        "--title",
        "t",
        "--message",
        "m",
        "--user",
        USER,
        "--dev",
        folder=dev_hub.folder,
    )
    done = run("forget", "--user", USER, "--yes", "--dev", folder=dev_hub.folder)
    assert (0, "") == (done.returncode, done.stderr)
    assert "notifications and changes that were for this user alone" in done.stdout
    assert USER not in done.stdout
    again = json.loads(run("forget", "--user", USER, "--yes", "--json", "--dev", folder=dev_hub.folder).stdout)
    assert (0, 0, True) == (again["records"], again["shared"], again["final"])


def test_asks_before_it_does_anything(dev_hub: DevHub) -> None:
    """Without a yes nothing is erased."""
    published = run(
        *("notify", "--type", "stock_alert", "--title", "t", "--message", "m", "--user", USER, "--json", "--dev"),
        folder=dev_hub.folder,
    )
    done = run("forget", "--user", USER, "--dev", folder=dev_hub.folder)
    assert 0 != done.returncode
    assert "cannot be undone" in done.stderr
    traced = run("trace", json.loads(published.stdout)["id"], "--dev", folder=dev_hub.folder)
    assert 0 == traced.returncode


def test_an_id_that_no_user_may_have(dev_hub: DevHub) -> None:
    """The hub's refusal is shown."""
    done = run("forget", "--user", "", "--yes", "--dev", folder=dev_hub.folder)
    assert (1, True) == (done.returncode, "invalid_field" in done.stderr)
