"""The guide, followed as a stranger would: its commands, in its order, on a real database and a real hub."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from pathlib import Path

from tests.cli.process import DevHub, Running
from tests.relay.outbox import Outbox

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/guides/outbox.md").read_text(encoding="utf-8")
#: The blocks of the part "Try it": the relay's commands, what a seller sees, the service's transaction.
RELAY, TAIL, SERVICE = re.findall(r"^```sh\n(.*?)^```$", GUIDE.partition("## From Node")[0], re.MULTILINE | re.DOTALL)
DATABASE = "postgresql://postgres@127.0.0.1:5432/postgres"


async def test_a_stranger_gets_the_notification(outbox: Outbox, tmp_path: Path) -> None:
    """The table is made, the check passes, and what `psql` commits is what the seller's terminal shows."""
    await outbox.connection.execute("DROP TABLE notification_outbox")
    folder = tmp_path / "data"
    env = {"HUB_DATA_DIR": str(folder), "PATH": os.environ["PATH"]}

    def shell(script: str) -> str:
        script = script.replace(DATABASE, outbox.url)
        done = subprocess.run(["bash", "-ec", script], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
        assert 0 == done.returncode, done.stdout + done.stderr
        return done.stdout

    export, migrate, check, run = RELAY.strip().splitlines()
    assert [f"export HUB_RELAY_DATABASE={DATABASE}", ".venv/bin/hub relay --dev"] == [export, run]
    assert ".venv/bin/hub tail --dev --as seller\n" == TAIL
    with DevHub(folder):
        assert "is there" in await asyncio.to_thread(shell, f"{export}\n{migrate}")
        assert re.search("^ok +hub", await asyncio.to_thread(shell, f"{export}\n{check}"), re.MULTILINE)
        relay = Running("relay", "--dev", folder=folder, env={"HUB_RELAY_DATABASE": outbox.url})
        with relay, Running("tail", "--dev", "--as", "seller", folder=folder) as tail:
            await asyncio.to_thread(tail.wait_for, "connected|connection_established")
            await asyncio.to_thread(shell, SERVICE)
            await asyncio.to_thread(tail.wait_for, "PED-7")
            tail.stop()
            assert 0 == relay.stop()
