"""The lines of a relay that an operator looks for: each one provoked, and as the page on log lines has it."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from hub.relay.bounds import RelayBounds
from hub.relay.runner import run_relay as run_whole_relay
from hub.settings import Settings
from tests.clients.stand_in import StandIn, accept
from tests.harness import RunningHub
from tests.operator_lines import Lines, check_lines
from tests.pooler import run_pooler
from tests.postgres import run_postgres
from tests.relay.outbox import Outbox, body, open_outbox, read_titles, run_relay
from tests.relay.test_relay import KEY, check_order, numbered, refuse

#: Every event of the relay; `tests/test_operator_log.py` compares them with the code and the page.
RELAY_EVENTS = {
    *("relay_started", "relay_ended", "relay_polls", "relay_row_dead", "relay_row_failed"),
    *("relay_hub_down", "relay_hub_up", "relay_database_down", "relay_database_up"),
}
BOUNDS = RelayBounds(away_base_s=0.02, away_cap_s=0.1, row_base_s=0.02, row_cap_s=0.1, database_s=0.5)


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Lines:
    """The lines from level info on."""
    caplog.set_level(logging.INFO, logger="hub")
    return Lines(caplog)


async def test_rows_and_hub(outbox: Outbox, lines: Lines) -> None:
    """A row that fails, a hub that is away and comes back, a row that is dead."""
    await outbox.write(("a", "one"), ("a", body("two")))
    failures = refuse(500, "internal"), refuse(503, "draining"), refuse(503, "draining"), accept
    with StandIn(*failures, refuse(400, "unknown_type")) as server:
        async with run_relay(outbox.url, server.url, KEY, bounds=BOUNDS):
            await outbox.wait_settled()
    check_lines(lines, {"relay_row_failed", "relay_hub_down", "relay_hub_up", "relay_row_dead"})
    assert 1 == len(lines.of("relay_hub_down")), "the second is counted"


async def test_a_whole_life_behind_a_pooler(outbox: Outbox, hub: RunningHub, lines: Lines) -> None:
    """Where it begins, that it polls, and that it ends."""
    with run_pooler(outbox.server) as pooler:
        settings = Settings(relay_database=pooler.url, relay_poll_s=0.05)
        stops: list[object] = []
        running = asyncio.create_task(run_whole_relay(settings, hub.url, hub.key, now=time.time, on_start=stops.append))
        await lines.wait("relay_polls")
        (stop,) = stops
        stop()  # type: ignore[operator]
        await running
    check_lines(lines, {"relay_started", "relay_polls", "relay_ended"})


async def test_the_database_may_be_restarted(hub: RunningHub, lines: Lines) -> None:
    """A relay whose database hangs, or crashes, says so, listens again afterwards and publishes the rest in order."""
    rows = numbered(10, 200)
    with run_postgres() as server:
        server.start()
        async with (
            open_outbox(server) as outbox,
            run_relay(outbox.url, hub.url, hub.key, bounds=BOUNDS, poll_s=0.5) as (relay, metrics),
        ):
            await outbox.write(*rows[:100])
            await outbox.wait_for("EXISTS (SELECT FROM notification_outbox WHERE published_at IS NOT NULL)")
            # First it hangs: the kernel takes what is sent, and nothing comes back.
            server.pause()
            await lines.wait("relay_database_down")
            server.resume()
            await lines.wait("relay_database_up")
            server.stop()
            await hub.wait_until(lambda: not relay.is_ready)
            server.start()
            await outbox.reconnect()
            await outbox.write(*rows[100:])
            await outbox.wait_settled()
            await hub.wait_until(lambda: b"hub_relay_listening 1.0" in metrics.write())
            await hub.wait_until(lambda: relay.is_ready)
    check_order(rows, read_titles(hub.settings.data_dir))
    check_lines(lines, {"relay_database_down", "relay_database_up"})
