"""`hub explain`: what a publish would do."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.process import DevHub, run

SELLER = "00000000002"
BODY = {"type": "stock_alert", "title": "t", "message": "m", "user_id": SELLER}


def test_accepted(dev_hub: DevHub) -> None:
    """A publish that the hub would accept ends with 0, and says whom it reaches and why the user would get it."""
    done = run("explain", json.dumps(BODY), "--for-user", SELLER, "--dev", folder=dev_hub.folder)
    assert (0, "") == (done.returncode, done.stderr)
    assert f"user {SELLER} of account 00000000000202" in done.stdout
    assert "not_connected" in done.stdout
    assert "policy:  With a `collapse_key` it takes the place of an older one." in done.stdout


def test_refused(dev_hub: DevHub, tmp_path: Path) -> None:
    """A publish that the hub would refuse ends with 1 and names the code and the field; the body may be a file."""
    body = tmp_path / "body.json"
    body.write_text(json.dumps({**BODY, "type": "nonsense"}), encoding="utf-8")
    done = run("explain", f"@{body}", "--dev", folder=dev_hub.folder)
    assert 1 == done.returncode
    assert "400 unknown_type" in done.stdout
    assert "$.type" in done.stdout


def test_json(dev_hub: DevHub) -> None:
    """With --json it is what the hub says."""
    done = run("explain", json.dumps(BODY), "--as-service", "dev", "--json", "--dev", folder=dev_hub.folder)
    assert json.loads(done.stdout)["accepted"]


def test_unusable_body(dev_hub: DevHub) -> None:
    """A body that is not a JSON object is exit code 2, before the hub is asked."""
    for body in ("[1]", "{", "@no such file"):
        assert 2 == run("explain", body, "--dev", folder=dev_hub.folder).returncode
