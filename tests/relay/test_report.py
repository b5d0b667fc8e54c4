"""What a relay tells the hub of itself, and an operator sees."""

from __future__ import annotations

import asyncio

from contracts.observation import Figures
from contracts.relay import RelayFigures
from hub.relay.bounds import RelayBounds
from tests.api.test_observe import Observer, observe
from tests.harness import RunningHub
from tests.relay.outbox import DEADLINE_S, Outbox, body, run_relay

BOUNDS = RelayBounds(upkeep_s=0.2, row_base_s=0.05, row_cap_s=0.2)


async def wait_relays(observer: Observer, rows: tuple[int, int] | None) -> list[RelayFigures]:
    """Return the relays once there is one with so many published and dead rows; with None, once there is none."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            relays = (await observer.next_of(Figures)).relays
            if rows is None and not relays:
                return relays
            if rows in [(each.published, each.dead_rows) for each in relays]:
                return relays


async def test_an_operator_sees_the_relay_until_it_ends(hub: RunningHub, outbox: Outbox) -> None:
    """The stream has its service and counts while it runs, and not once it was stopped."""
    async with observe(hub) as observer:
        async with run_relay(outbox.url, hub.url, hub.key, bounds=BOUNDS):
            await outbox.write(("a", "t"), ("b", body("t", type="unheard_of")))
            (relay,) = await wait_relays(observer, (1, 1))
            assert ("tests", 0, False) == (relay.service, relay.waiting_rows, relay.overdue)
        assert [] == await wait_relays(observer, None)


async def test_a_report_that_is_wrong_is_refused(hub: RunningHub) -> None:
    """A count below zero, and an instance that is not one: 400 that names the field."""
    good = {"instance": "0" * 16, "waiting_rows": 0, "dead_rows": 0, "oldest_waiting_seconds": 0, "published": 0}
    good |= {"interval_seconds": 15}
    for name, value in {"waiting_rows": -1, "instance": "shop", "interval_seconds": 0}.items():
        response = await hub.http.put("/api/internal/relay", json={**good, name: value}, headers=hub.headers())
        assert (400, f"$.{name}") == (response.status_code, response.json()["field"])
    assert 204 == (await hub.http.put("/api/internal/relay", json=good, headers=hub.headers())).status_code
