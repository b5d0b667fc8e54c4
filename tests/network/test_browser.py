"""The browser client in Chromium, on networks that block WebSockets or delay streams, and on a machine that sleeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.cli.support.connection_faults import Faults, Upgrade
from tests.network.conftest import Stage

FALLBACK_DEADLINE_S = 3.0
SECOND_FALLBACK_DEADLINE_S = 8.0
TITLES = [f"{number}" for number in range(20)]


async def test_the_first_choice_is_websocket(stage: Stage) -> None:
    """On a network without faults the client connects over WebSocket and sees what is published."""
    await stage.open_page()
    assert "ws" == (await stage.wait_connected())[0]
    await stage.publish(*TITLES)
    assert TITLES == await stage.browser.wait_until(f"seen.length >= {len(TITLES)} && seen")


@pytest.mark.parametrize("upgrade", ["refuse", "silence"])
async def test_a_blocked_websocket_falls_back_to_an_event_stream(
    stage: Stage, upgrade: Upgrade, figures: list[str]
) -> None:
    """Where a proxy refuses or swallows the handshake the client is connected over SSE within 3 s."""
    stage.proxy.plan = lambda random: Faults(upgrade=upgrade)
    await stage.open_page()
    transport, after_s = await stage.wait_connected()
    figures.append(f"Chromium, WebSocket blocked ({upgrade}): connected over {transport} after {after_s:.2f} s")
    assert "sse" == transport
    assert after_s < FALLBACK_DEADLINE_S
    await stage.publish(*TITLES)
    assert TITLES == await stage.browser.wait_until(f"seen.length >= {len(TITLES)} && seen")


async def test_a_held_event_stream_falls_back_to_polling(stage: Stage, figures: list[str]) -> None:
    """Where a proxy also delays the stream the client polls, and gets everything."""
    stage.proxy.plan = lambda random: Faults(upgrade="silence", holds=True)
    await stage.open_page()
    transport, after_s = await stage.wait_connected()
    figures.append(f"Chromium, WebSocket blocked and SSE held: connected over {transport} after {after_s:.2f} s")
    assert "poll" == transport
    assert after_s < SECOND_FALLBACK_DEADLINE_S
    await stage.publish(*TITLES)
    assert TITLES == await stage.browser.wait_until(f"seen.length >= {len(TITLES)} && seen")


@pytest.mark.parametrize("who", ["tab", "machine"])
async def test_a_page_that_slept_for_minutes_catches_up(stage: Stage, who: str, figures: list[str]) -> None:
    """A page whose tab was frozen, or whose machine slept, for five minutes sees what it missed, in order, once."""
    browser = stage.browser
    await browser.ask("clock")
    await stage.open_page()
    assert "ws" == (await stage.wait_connected())[0]
    await stage.publish("before")
    await browser.wait_until("seen.length")
    asleep = await browser.ask("sleep", machine=who == "machine")
    if who == "machine":
        # Its line dies, and nobody tells it: what is asleep hears no FIN.
        stage.proxy.end("stall")
        await stage.wait_connections(0)
    await stage.publish(*TITLES)
    # The state of a stopped process (proc(5)): the page had its chance to look, and did not.
    assert {"T"} == {Path(f"/proc/{process}/stat").read_text().split()[2] for process in asleep}
    await browser.ask("wake")
    await browser.ask("forward", ms=5 * 60_000)
    awake_ms = await browser.evaluate("Date.now()")
    assert ["before", *TITLES] == await browser.wait_until(f"seen.length > {len(TITLES)} && seen")
    took_ms = await browser.evaluate("Date.now()") - awake_ms
    figures.append(f"Chromium, awake after 5 minutes ({who}): caught up after {took_ms / 1000:.2f} s")
    assert 0 == await browser.evaluate("gaps")
    await stage.publish("after")
    await browser.wait_until(f"seen.length > {len(TITLES) + 1}")
    assert ["before", *TITLES, "after"] == await browser.evaluate("seen")
