"""`hub conformance`: it sees whether a client keeps the rules of the protocol, and which one it breaks."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from hub.cli.support.conformance_report import RULES, Report, Verdict
from hub.cli.support.scripted_hub import ISSUER_PATH, Pace, ScriptedHub
from tests.cli.process import run as run_hub_command
from tests.packages import NODE_MODULES, ROOT
from tests.packages import run as run_program
from tests.test_protocol import read_rules

HEARTBEAT_S = 0.3
PACE = Pace(heartbeat_s=HEARTBEAT_S, patience_s=3.0, slack_s=1.0, process_s=0.02, burst_s=2.0)
#: The client that keeps every rule waits so long before it comes back.
PAUSE_S = 0.05
#: What a client can do wrong, and the rule that it breaks.
FAULTS = {
    "has no credential": "R1.3",
    "offers no subprotocol": "R1.4",
    "leaves at what it does not know": "R1.7",
    "forgets its cursor": "R3.2",
    "passes over a heartbeat's cursor": "R3.3",
    "begins with a cursor": "R3.4",
    "hands over twice": "R3.7",
    "loses one": "R3.8",
    "passes over a gap": "R4.3",
    "is never dead": "R5.4",
    "keeps its token": "R6.4",
    "is late after a drain": "R7.2",
    "stops reading": "R7.4",
    "does not wait": "R7.5",
    "gives up": "R8.3",
    "comes back for ever": "R8.4",
}


class Client:
    """A client that keeps every rule but the one that its fault breaks."""

    def __init__(self, hub: ScriptedHub, fault: str = "") -> None:
        self._hub = hub
        self._fault = fault
        self._token = hub.make_token()
        self._cursor = "aaaaaaaaaa-1" if fault == "begins with a cursor" else ""
        self._wait_s = 0.0
        self.printed: list[str] = []
        self.has_gap = False

    async def run(self) -> None:
        """Connect until the hub says that this makes no sense."""
        while True:
            code = await self._connect()
            if code >= 4500 and self._fault != "comes back for ever":
                return
            if code == 1006 and self._fault == "gives up":
                return
            if code == 4001 and self._fault != "keeps its token":
                async with httpx.AsyncClient() as http:
                    self._token = (await http.get(self._hub.url + ISSUER_PATH)).text
            if self._fault != "does not wait":
                await asyncio.sleep(self._wait_s or PAUSE_S)
            self._wait_s = 0.0

    async def _connect(self) -> int:
        query = f"?cursor={self._cursor}" if self._cursor else ""
        offered = [] if self._fault == "offers no subprotocol" else [Subprotocol("hub.v1")]
        headers = {} if self._fault == "has no credential" else {"authorization": f"Bearer {self._token}"}
        url = self._hub.url.replace("http", "ws") + "/ws" + query
        connection = await connect(
            url, subprotocols=offered or None, additional_headers=headers, compression=None, ping_interval=None
        )
        try:
            return await self._listen(connection)
        finally:
            await connection.close()

    async def _listen(self, connection: ClientConnection) -> int:
        limit_s = HEARTBEAT_S
        try:
            while True:
                async with asyncio.timeout(None if self._fault == "is never dead" else 2 * limit_s):
                    frame = json.loads(await connection.recv())
                if frame["type"] == "connection_established":
                    limit_s = frame["data"]["heartbeatSeconds"]
                    if limit_s > HEARTBEAT_S and self._fault == "stops reading":
                        await connection.wait_closed()
                elif frame["type"] == "conformance_of_tomorrow" and self._fault == "leaves at what it does not know":
                    return 1006
                self._take(frame)
        except TimeoutError:
            return 1006
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006

    def _take(self, frame: dict[str, Any]) -> None:
        cursor = frame.get("cursor", "")
        match frame["type"]:
            case "connection_established" if not self._cursor:
                cursor = frame["data"]["cursor"]
            case "gap" if self._fault != "passes over a gap":
                cursor, self.has_gap = frame["data"]["cursor"], True
            case "heartbeat" if self._fault == "passes over a heartbeat's cursor":
                cursor = ""
            case "reconnect" if self._fault == "is late after a drain":
                self._wait_s = frame["withinSeconds"] + PACE.slack_s + 0.5
            case "stock_alert":
                self._hand_over(frame["id"])
        if cursor and not (self._fault == "forgets its cursor" and frame["type"] == "stock_alert"):
            self._cursor = cursor

    def _hand_over(self, identifier: str) -> None:
        if self._fault != "loses one" or self.printed:
            self.printed += [identifier] * (2 if self._fault == "hands over twice" else 1)
        else:
            self.printed.append("another")


async def examine(fault: str = "") -> dict[str, Verdict]:
    """Let a client with this fault meet the scripted hub; return what was seen of each rule."""
    report = Report()
    async with ScriptedHub(report, host="127.0.0.1", port=0, pace=PACE) as hub:
        client = Client(hub, fault)
        hub.make_token()
        running = asyncio.create_task(client.run(), name=f"client that {fault or 'keeps every rule'}")
        await hub.play()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    report.judge_printed(hub.sent, client.printed, gap=client.has_gap)
    return {finding.rule: finding.verdict for finding in report.findings}


async def test_client_that_keeps_the_rules_passes() -> None:
    """Every rule is seen, and kept."""
    assert dict.fromkeys(RULES, "pass") == await examine()


async def test_broken_rule_is_seen() -> None:
    """A client that comes back with a cursor from before what it got breaks that rule, and not the others."""
    verdicts = await examine("forgets its cursor")
    assert {"R3.2"} == {rule for rule, verdict in verdicts.items() if verdict == "fail"} - {"R3.7"}


@pytest.mark.soak
async def test_each_fault_is_seen() -> None:
    """A client that breaks one rule fails that one; no rule but R5.3 is without such a client."""
    async with asyncio.TaskGroup() as tasks:
        seen = {fault: tasks.create_task(examine(fault)) for fault in FAULTS}
    assert {} == {fault: seen[fault].result() for fault, rule in FAULTS.items() if seen[fault].result()[rule] != "fail"}
    # The library that this client is made with sends every pong by itself.
    assert RULES.keys() - {"R5.3"} == set(FAULTS.values())


def test_rules_are_those_of_the_protocol() -> None:
    """What is reported is a client's rule of the specification."""
    rules = read_rules()
    assert {"client"} == {rules[rule] for rule in RULES}


def test_client_that_never_comes_is_not_seen(tmp_path: Path) -> None:
    """A command that ends at once breaks nothing, and nothing was seen."""
    done = run_hub_command(
        "conformance", "--patience", "1", "--json", "--", sys.executable, "-c", "print(1)", folder=tmp_path
    )
    assert 0 == done.returncode, done.stderr
    findings = json.loads(done.stdout)
    assert {"not seen"} == {finding["verdict"] for finding in findings}
    assert [*RULES] == [finding["rule"] for finding in findings]


def test_client_that_cannot_be_run(tmp_path: Path) -> None:
    """The command line is wrong: exit code 2."""
    done = run_hub_command("conformance", "--", "/no/such/client", folder=tmp_path)
    assert (2, "hub: /no/such/client cannot be run: No such file or directory\n") == (done.returncode, done.stderr)


def report_of(folder: Path, *client: str | Path, **environ: str) -> dict[str, str]:
    """Run the command with one of our own clients; return the verdicts."""
    done = run_program(sys.executable, "-m", "hub", "conformance", "--json", "--", *client, folder=folder, env=environ)
    assert done.stdout, done.stderr
    return {finding["rule"]: finding["verdict"] for finding in json.loads(done.stdout)}


@pytest.mark.soak
def test_our_python_client_keeps_the_rules(tmp_path: Path) -> None:
    """`hub tail`; it has one token, so what it does with a newer one is not seen."""
    verdicts = report_of(tmp_path, sys.executable, "-m", "hub", "tail", "--json")
    assert {**dict.fromkeys(RULES, "pass"), "R6.4": "not seen"} == verdicts


@pytest.mark.soak
def test_our_typescript_client_keeps_the_rules(tmp_path: Path) -> None:
    """The browser client, in Node."""
    bundle = tmp_path / "client.cjs"
    options = ("--bundle", "--platform=node", "--format=cjs", "--log-level=error", f"--outfile={bundle}")
    source = ROOT / "tests/cli/conformance_client.mjs"
    command = (NODE_MODULES / ".bin/esbuild", source, *options)
    built = run_program(*command, folder=NODE_MODULES, env={"NODE_PATH": str(NODE_MODULES)})
    assert built.returncode == 0, built.stderr
    assert dict.fromkeys(RULES, "pass") == report_of(tmp_path, "node", bundle)
