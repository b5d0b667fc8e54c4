"""Every alert fires in a real Prometheus when a real hub fails as its name says, and none for a hub that is well."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import httpx
import pytest

from contracts.closing import CloseCode
from hub import errors
from hub.bounds import Bounds
from hub.cluster.local import SharedLog
from hub.delivery.dispatcher import Dispatcher
from hub.log.port import Record
from hub.log.sqlite.mark import Mark, MarkFile
from hub.publish.publisher import Publisher
from tests.cluster.test_hubs import make_stream
from tests.deadlines.stage import SECRET
from tests.deploy.prometheus import CONFIGURATION, RULES, Prometheus, free_port
from tests.deploy.test_files import DEPLOY, ROOT, read_yaml
from tests.fakes import FakeClock
from tests.faults.process import HubProcess, wait_ready
from tests.harness import ACCOUNT, RunningHub, run_hub
from tests.nats_servers import NatsServer
from tests.outbound.endpoint import open_endpoint, respond_with
from tests.postgres import Postgres
from tests.relay.outbox import body, open_outbox
from tests.relay.processes import RelayProcess
from tests.test_documentation import anchors

(GROUPS,) = read_yaml(RULES)
ALERTS = {rule["alert"]: rule for group in GROUPS["groups"] for rule in group["rules"]}
PROMTOOL_DEADLINE_S = 60.0
#: Of another log, as after a restore.
OLD_CURSOR = "a2b3c4d5e6-1"


def run_promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run promtool to its end."""
    program = shutil.which("promtool")
    assert program is not None, "promtool is not installed: sudo apt-get install prometheus"
    return subprocess.run(
        [program, *map(str, arguments)], capture_output=True, text=True, timeout=PROMTOOL_DEADLINE_S, check=False
    )


@contextlib.asynccontextmanager
async def watched(prometheus: Prometheus, folder: Path, **settings: Any) -> AsyncIterator[tuple[RunningHub, str]]:
    """Run a hub that is scraped, once it is; yield it and what its alerts name it."""
    port = free_port()
    async with run_hub(folder, metrics_port=port, **settings) as hub:
        with prometheus.scraping(port) as instance:
            await prometheus.wait_scraped(instance)
            yield hub, instance


class TestFiles:
    """What can be said of the rules without a hub."""

    def test_promtool_takes_the_rules_and_the_configuration(self) -> None:
        """`promtool check` finds nothing in either."""
        for done in (run_promtool("check", "rules", RULES), run_promtool("check", "config", CONFIGURATION)):
            assert 0 == done.returncode, done.stdout + done.stderr

    def test_each_fires_at_its_moment_and_not_before(self) -> None:
        """`promtool test rules` holds, with an example for every alert."""
        examples = DEPLOY / "prometheus/hub.rules.test.yml"
        done = run_promtool("test", "rules", examples)
        assert 0 == done.returncode, done.stdout + done.stderr
        assert set(ALERTS) == set(re.findall(r'alertname="(\w+)"', examples.read_text()))

    @pytest.mark.parametrize("name", ALERTS)
    def test_each_says_what_to_do(self, name: str) -> None:
        """How urgent, what it is, and a runbook that is there."""
        rule = ALERTS[name]
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert {"summary", "description", "runbook"} == set(rule["annotations"])
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert anchor in anchors(Path(page))
        assert name in (ROOT / "docs/operations/monitoring.md").read_text()

    def test_every_alert_is_fired_here(self) -> None:
        """No rule is without a hub that failed so."""
        tests = Path(__file__).read_text().partition("class TestFiring")[2]
        assert set(ALERTS) == set(re.findall(r'"(Hub[A-Z]\w+)"', tests))

    def test_the_walk_through_breaks_the_hub_in_each_way(self) -> None:
        """Its table has an alert of the hub in each row and how long it takes; its log lines are those of the page."""
        page = (ROOT / "docs/operations/walk-through.md").read_text()
        rows = [row.split(" | ") for row in re.findall(r"^\| (.*) \|$", page, re.MULTILINE)[1:]]
        events = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/operations/logs.md").read_text(), re.MULTILINE))
        codes = {getattr(getattr(errors, name), "code", "") for name in errors.__all__}
        broken: set[str] = set()
        for way, line, _, alerts in rows:
            named = re.findall(r"`(Hub\w+)`,? (at once|\d min)", alerts)
            assert named, way
            for name, after in named:
                wait = ALERTS[name].get("for", "0m")
                assert after == ("at once" if wait == "0m" else wait.replace("m", " min")), name
            broken |= {name for name, _ in named}
            assert set() == set(re.findall(r"`([a-z]+_\w+|[a-z]+)`", line)) - events - codes, way
        # Of the others a test fires each, and the page says where they are.
        assert 10 <= len(broken)

    def test_compose_scrapes_the_same(self) -> None:
        """The configuration for Compose is the example with the name that the hub has there."""
        theirs = CONFIGURATION.read_text().split("\n", 1)[1].replace("127.0.0.1:9464", "hub:9464")
        theirs = theirs.replace("127.0.0.1:9465", "relay:9465")
        assert theirs == (DEPLOY / "compose/prometheus.yml").read_text().split("\n", 1)[1]


async def test_a_hub_that_is_well_fires_nothing(prometheus: Prometheus, tmp_path: Path) -> None:
    """Connections, a return with a cursor, publishes and wrong requests are nothing to alert about."""
    async with watched(prometheus, tmp_path) as (hub, instance):
        async with hub.websocket() as socket, hub.events():
            assert 202 == (await hub.publish()).status_code
            cursor = (await socket.frame())["cursor"]
        async with hub.websocket(cursor=cursor):
            pass
        assert 404 == (await hub.http.get("/nowhere")).status_code
        assert 400 == (await hub.publish(type="unknown_type")).status_code
        await prometheus.wait_scraped(instance)
        await prometheus.wait_scraped(instance)
        assert set() == await prometheus.firing(instance)


@pytest.mark.soak
class TestFiring:
    """A hub is made to fail, and the alert with that name fires."""

    async def test_down(self, prometheus: Prometheus, tmp_path: Path) -> None:
        """It was there and answers no more."""
        port = free_port()
        with prometheus.scraping(port) as instance:
            async with run_hub(tmp_path, metrics_port=port):
                await prometheus.wait_scraped(instance)
            await prometheus.wait_firing(instance, "HubDown")

    async def test_restarts(self, prometheus: Prometheus, tmp_path: Path) -> None:
        """It starts four times in a row."""
        port = free_port()
        hub = HubProcess(tmp_path, HUB_METRICS_PORT=str(port))
        with prometheus.scraping(port) as instance:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{hub.port}") as client:
                for _ in range(4):
                    await hub.start()
                    await wait_ready(client)
                    await prometheus.wait_scraped(instance)
                    assert 0 == await hub.stop()
            await prometheus.wait_firing(instance, "HubRestarts")

    async def test_cannot_write(self, prometheus: Prometheus, tmp_path: Path) -> None:
        """Its write-ahead log is moved away under it, and publishers are refused."""
        async with watched(prometheus, tmp_path) as (hub, instance):
            (tmp_path / "data/log.sqlite3-wal").rename(tmp_path / "moved")
            await hub.wait_until(lambda: not hub.hub.log.writable)
            assert 503 == (await hub.publish()).status_code
            await prometheus.wait_firing(instance, "HubCannotWrite", "HubPublishesRefused")
            (tmp_path / "moved").rename(tmp_path / "data/log.sqlite3-wal")

    async def test_damaged_log(self, prometheus: Prometheus, tmp_path: Path) -> None:
        """A client asks for a record whose bytes have changed."""
        async with run_hub(tmp_path) as hub:
            for _ in range(3):
                await hub.publish()
            epoch = hub.hub.log.epoch
        connection = apsw.Connection(str(tmp_path / "data/log.sqlite3"))
        connection.execute("UPDATE record SET payload = x'00' WHERE position = 2")
        connection.close()
        async with watched(prometheus, tmp_path) as (hub, instance), hub.websocket(cursor=f"{epoch}-0") as socket:
            assert "gap" in [(await socket.frame())["type"] for _ in range(3)]
            await prometheus.wait_firing(instance, "HubLogDamaged")

    async def test_dispatch_lag(self, prometheus: Prometheus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Its dispatcher hangs in the first record of a thousand and two."""

        async def hang(dispatcher: Dispatcher, record: Record) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr(Dispatcher, "_dispatch", hang)
        async with watched(prometheus, tmp_path) as (hub, instance):
            notification = {"type": "stock_alert", "title": "t", "message": "m", "everyone": True}
            for count in (1_000, 2):
                answer = await hub.post("/api/internal/notify/batch", {"notifications": [notification] * count})
                assert 202 == answer.status_code
            await prometheus.wait_firing(instance, "HubDispatchLag")

    async def test_slow_publishes(
        self, prometheus: Prometheus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its disk needs more than a second for each write of the mark."""
        write = MarkFile.write

        def crawl(file: MarkFile, mark: Mark) -> None:
            time.sleep(1.2)
            write(file, mark)

        async with watched(prometheus, tmp_path) as (hub, instance):
            monkeypatch.setattr(MarkFile, "write", crawl)
            waiting = asyncio.create_task(prometheus.wait_firing(instance, "HubPublishesSlow"))
            while not waiting.done():
                assert 202 == (await hub.publish()).status_code
            await waiting
            monkeypatch.undo()

    async def test_failed(self, prometheus: Prometheus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A publish meets an error of ours."""

        def break_down(*_: object, **__: object) -> None:
            raise RuntimeError("a bug")

        async with watched(prometheus, tmp_path) as (hub, instance):
            monkeypatch.setattr(Publisher, "_read", break_down)
            assert 500 == (await hub.publish()).status_code
            await prometheus.wait_firing(instance, "HubFailed")

    async def test_full(self, prometheus: Prometheus, tmp_path: Path) -> None:
        """One connection more comes than it may hold."""
        async with watched(prometheus, tmp_path, max_connections=1) as (hub, instance), hub.websocket():
            async with hub.websocket(greet=False) as refused:
                assert 4503 == await refused.wait_closed()
            await prometheus.wait_firing(instance, "HubFull")

    async def test_connections_dropped(self, prometheus: Prometheus, tmp_path: Path) -> None:
        """Eleven of twenty connections end at once."""
        async with watched(prometheus, tmp_path) as (hub, instance), contextlib.AsyncExitStack() as stay:
            async with contextlib.AsyncExitStack() as leave:
                for number in range(20):
                    await (leave if number < 11 else stay).enter_async_context(hub.websocket())
                await prometheus.wait_scraped(instance)
                assert set() == await prometheus.firing(instance)
            await prometheus.wait_firing(instance, "HubConnectionsDropped")

    async def test_reconnect_loop(self, prometheus: Prometheus, tmp_path: Path) -> None:
        """One client connects, is gone, and connects again."""
        async with watched(prometheus, tmp_path) as (hub, instance):
            for _ in range(130):
                async with hub.websocket():
                    pass
            await prometheus.wait_firing(instance, "HubReconnectLoop")

    async def test_slow_clients(self, prometheus: Prometheus, tmp_path: Path) -> None:
        """The hub ends two dozen clients as it ends those that take nothing while it replays to them.

        Which clients those are is another test's: a heartbeat may find them dead before, under another code.
        """
        async with (
            watched(prometheus, tmp_path, max_connections_per_user=100) as (hub, instance),
            contextlib.AsyncExitStack() as stack,
        ):
            clients = [await stack.enter_async_context(hub.websocket()) for _ in range(24)]
            for subscriber in hub.hub.subscribers.everyone():
                hub.hub.connections.end(subscriber, CloseCode.SLOW, "too slow")
            assert {CloseCode.SLOW} == {await client.wait_closed() for client in clients}
            await prometheus.wait_firing(instance, "HubSlowClients")

    async def test_gaps(self, prometheus: Prometheus, tmp_path: Path) -> None:
        """One client comes with a cursor of a log that is gone."""
        async with watched(prometheus, tmp_path) as (hub, instance):
            async with hub.websocket(cursor=OLD_CURSOR) as socket:
                assert "gap" == socket.hello["data"]["resume"]
            await prometheus.wait_firing(instance, "HubGaps")

    async def test_directory(self, prometheus: Prometheus, tmp_path: Path) -> None:
        """Nobody listens where its directory should be, and a client comes."""
        url = f"postgresql://hub:secret@127.0.0.1:{free_port()}/avadmin"
        async with watched(prometheus, tmp_path, directory_url=url) as (hub, instance):
            answer = await hub.http.get("/sse", headers={"authorization": f"Bearer {hub.token(account_id=ACCOUNT)}"})
            assert (503, "directory_unavailable") == (answer.status_code, answer.json()["code"])
            await prometheus.wait_firing(instance, "HubDirectoryDown", "HubDirectoryRefuses")

    async def test_node(self, prometheus: Prometheus, tmp_path: Path) -> None:
        """A node of a cluster hears of records that never come, and then loses NATS."""
        server = NatsServer(tmp_path / "nats")
        await server.start()
        try:
            stream = await make_stream(server.url)
            nodes: dict[str, Any] = {"log_url": server.url, "log_stream": stream, "append_deadline_s": 1.0}
            async with watched(prometheus, tmp_path, node="one", **nodes) as (hub, instance):
                shared = hub.hub.log
                assert isinstance(shared, SharedLog)
                shared.learn_head(5_000)
                await prometheus.wait_firing(instance, "HubNodeBehind")
                server.kill()
                await prometheus.wait_firing(instance, "HubNodeCutOff", "HubCannotWrite")
        finally:
            server.stop()

    async def test_dead_letter(self, prometheus: Prometheus, tmp_path: Path) -> None:
        """A webhook whose endpoint says that it is gone."""
        clock = FakeClock(time.time())
        async with open_endpoint(respond_with(410)) as endpoint:
            url = f"http://127.0.0.1:{endpoint.port}/"
            webhook: dict[str, object] = {"url": url, "secret": SECRET, "allow_private": True}
            bounds = Bounds(webhook_look_s=0.05, webhook_count_s=0.2)
            async with watched(prometheus, tmp_path, webhook=webhook, monotonic=clock, bounds=bounds) as (
                hub,
                instance,
            ):
                await hub.publish(confirm={"within_seconds": 10, "by": "delivered"})
                clock.now_s += 11.0
                await prometheus.wait_firing(instance, "HubWebhooksDead")

    async def test_contract_mismatch(self, prometheus: Prometheus, tmp_path: Path) -> None:
        """A publisher sends a list where the contract has a name."""
        async with watched(prometheus, tmp_path) as (hub, instance):
            assert 202 == (await hub.publish(data={"productName": [1]})).status_code
            await prometheus.wait_firing(instance, "HubContractMismatch")

    async def test_relay(self, prometheus: Prometheus, tmp_path: Path, postgres: Postgres) -> None:
        """A relay meets a row that the hub refuses, then no hub, then no database, and then it is gone."""
        port = free_port()
        async with open_outbox(postgres) as outbox, contextlib.AsyncExitStack() as stack:
            serving = contextlib.AsyncExitStack()
            hub = await serving.enter_async_context(run_hub(tmp_path / "hub"))
            stack.push_async_callback(serving.aclose)
            address = f"postgresql://hub@127.0.0.1:{free_port()}/postgres"
            relay = RelayProcess(tmp_path / "relay.log", outbox.url, hub.url, hub.key, HUB_RELAY_PORT=str(port))
            elsewhere = RelayProcess(tmp_path / "relay.log", address, hub.url, hub.key, HUB_RELAY_PORT=str(port))
            with prometheus.scraping(port, "hub-relay") as instance:
                await relay.start()
                stack.push_async_callback(relay.stop)
                await outbox.write(("k", body("t", type="unheard_of")))
                await prometheus.wait_firing(instance, "HubRelayDeadRows")
                await outbox.connection.execute("DELETE FROM notification_outbox")
                await serving.aclose()
                await outbox.write(("k", "waits"))
                await outbox.connection.execute(
                    "UPDATE notification_outbox SET created_at = now() - interval '2 minutes'"
                )
                await prometheus.wait_firing(instance, "HubRelayHubAway", "HubRelayBehind")
                await relay.stop()
                await elsewhere.start()
                stack.push_async_callback(elsewhere.stop)
                await prometheus.wait_firing(instance, "HubRelayDatabaseAway")
                await elsewhere.stop()
                await prometheus.wait_firing(instance, "HubRelayDown")
