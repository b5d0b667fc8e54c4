"""`hub conformance`: it sees whether a client keeps the rules of the protocol, and which one it breaks."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from pathlib import Path

import pytest

from hub.cli.support.conformance_report import RULES, Report, Transport, Verdict, rules_of
from hub.cli.support.conformance_script import Pace
from hub.cli.support.scripted_hub import ScriptedHub
from tests.cli.clients import AT_ONCE_S, HEARTBEAT_S, SLACK_S, faults_over, make_client
from tests.cli.process import run as run_hub_command
from tests.packages import NODE_MODULES, ROOT
from tests.packages import run as run_program
from tests.test_protocol import read_rules

PACE = Pace(heartbeat_s=HEARTBEAT_S, patience_s=3.0, slack_s=SLACK_S, process_s=0.02, burst_s=2.0, at_once_s=AT_ONCE_S)
TRANSPORTS: tuple[Transport, ...] = ("websocket", "sse", "poll")
over_each = pytest.mark.parametrize("transport", TRANSPORTS)


async def examine(transport: Transport, fault: str = "") -> dict[str, Verdict]:
    """Let a client with this fault meet the scripted hub; return what was seen of each rule."""
    report = Report(transport)
    async with ScriptedHub(report, host="127.0.0.1", port=0, pace=PACE) as hub:
        client = make_client(hub, transport, fault)
        hub.make_token()
        running = asyncio.create_task(client.run(), name=f"client that {fault or 'keeps every rule'}")
        await hub.play()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    report.judge_printed(hub.sent, client.printed, gap=client.has_gap)
    return {finding.rule: finding.verdict for finding in report.findings}


@over_each
async def test_client_that_keeps_the_rules_passes(transport: Transport) -> None:
    """Every rule is seen, and kept."""
    assert dict.fromkeys(rules_of(transport), "pass") == await examine(transport)


@over_each
async def test_broken_rule_is_seen(transport: Transport) -> None:
    """A client that comes back with a cursor from before what it got breaks that rule, and not the others."""
    verdicts = await examine(transport, "forgets its cursor")
    broken = {rule for rule, verdict in verdicts.items() if verdict == "fail"}
    # What it gets again it hands over again, and a signal leaves it an old cursor. A page has one cursor, which stands
    # for a gap and for nothing as well.
    follow = {"R3.7", "R10.5"} | ({"R1.7", "R3.3", "R4.3"} if transport == "poll" else set())
    assert {"R3.2"} == broken - follow


async def test_late_acknowledgement_is_seen() -> None:
    """The visits may be shorter than the second between two acknowledgements; the last one waits for it."""
    assert "pass" == (await examine("websocket", "acknowledges late"))["R12.3"]


@pytest.mark.soak
@over_each
async def test_each_fault_is_seen(transport: Transport) -> None:
    """A client that breaks one rule fails that one; no rule is without such a client."""
    faults = faults_over(transport)
    async with asyncio.TaskGroup() as tasks:
        seen = {fault: tasks.create_task(examine(transport, fault)) for fault in faults}
    assert {} == {fault: seen[fault].result() for fault, rule in faults.items() if seen[fault].result()[rule] != "fail"}
    assert set(rules_of(transport)) == set(faults.values())


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
    assert rules_of("websocket") == [finding["rule"] for finding in findings]


def test_client_that_cannot_be_run(tmp_path: Path) -> None:
    """The command line is wrong: exit code 2."""
    done = run_hub_command("conformance", "--", "/no/such/client", folder=tmp_path)
    assert (2, "hub: /no/such/client cannot be run: No such file or directory\n") == (done.returncode, done.stderr)


def report_of(transport: Transport, folder: Path, *client: str | Path, **environ: str) -> dict[str, str]:
    """Run the command with one of our own clients; return the verdicts."""
    command = (sys.executable, "-m", "hub", "conformance", "--json", "--transport", transport, "--")
    done = run_program(*command, *client, folder=folder, env=environ)
    assert done.stdout, done.stderr
    return {finding["rule"]: finding["verdict"] for finding in json.loads(done.stdout)}


@pytest.mark.soak
@pytest.mark.parametrize("transport", ["websocket", "sse"])
def test_our_command_keeps_the_rules(transport: Transport, tmp_path: Path) -> None:
    """`hub tail`; it has one token, so what it does with a newer one is not seen, and it acknowledges nothing."""
    verdicts = report_of(transport, tmp_path, sys.executable, "-m", "hub", "tail", "--json", "--transport", transport)
    unseen = {"R6.4", "R10.5", "R12.3"} & set(rules_of(transport))
    assert {**dict.fromkeys(rules_of(transport), "pass"), **dict.fromkeys(unseen, "not seen")} == verdicts


@pytest.mark.soak
def test_our_test_kit_keeps_the_rules(tmp_path: Path) -> None:
    """The listener of the pytest plugin, which reads the event stream."""
    folders = os.pathsep.join([str(ROOT), str(ROOT / "clients/testing-python")])
    client = (sys.executable, "-m", "tests.cli.conformance_listener")
    assert dict.fromkeys(rules_of("sse"), "pass") == report_of("sse", tmp_path, *client, PYTHONPATH=folders)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Our clients in TypeScript, each in one file for Node: that of browsers, and the listener of the test kit."""
    folder = tmp_path_factory.mktemp("bundles")
    bundles: dict[str, Path] = {}
    for name in ("client", "kit"):
        bundles[name] = folder / f"{name}.cjs"
        options = ("--bundle", "--platform=node", "--format=cjs", "--log-level=error", f"--outfile={bundles[name]}")
        source = ROOT / f"tests/cli/conformance_{name}.mjs"
        command = (NODE_MODULES / ".bin/esbuild", source, *options)
        built = run_program(*command, folder=NODE_MODULES, env={"NODE_PATH": str(NODE_MODULES)})
        assert built.returncode == 0, built.stderr
    return bundles


@pytest.mark.soak
@over_each
def test_our_typescript_client_keeps_the_rules(transport: Transport, bundles: dict[str, Path], tmp_path: Path) -> None:
    """The browser client, in Node."""
    assert dict.fromkeys(rules_of(transport), "pass") == report_of(transport, tmp_path, "node", bundles["client"])


@pytest.mark.soak
def test_our_typescript_test_kit_keeps_the_rules(bundles: dict[str, Path], tmp_path: Path) -> None:
    """The listener for vitest and Playwright, which reads the event stream."""
    assert dict.fromkeys(rules_of("sse"), "pass") == report_of("sse", tmp_path, "node", bundles["kit"])
