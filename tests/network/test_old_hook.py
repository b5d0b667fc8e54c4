"""The hook of the deployed frontends works with the hub without a change."""

from __future__ import annotations

import asyncio
import json

from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from tests.harness import ACCOUNT, DEADLINE_S, USER
from tests.network.conftest import Stage

OTHER_USER = "00000000272"
#: The first try and five more.
MOST_TRIES = 6
#: Longer than the longest wait of the hook, 16 s.
WAIT_MS = 20_000


async def open_old_page(stage: Stage, token: str) -> None:
    """Open the old page; it connects to the hub, with no proxy between."""
    await stage.browser.ask("clock")
    await stage.browser.ask("open", url=f"{stage.origin}/old_hook.html")
    await stage.browser.start(f"ws://127.0.0.1:{stage.hub.port}/ws", token)


async def wait_heartbeats(stage: Stage, *, count: int) -> None:
    """Wait until the hub has sent every connection that is there now this many heartbeats."""
    url = f"ws://127.0.0.1:{stage.hub.port}/ws?token={stage.hub.token(ACCOUNT, OTHER_USER)}"
    async with asyncio.timeout(DEADLINE_S), connect(url, subprotocols=[Subprotocol("hub.v1")]) as connection:
        # One that came later is served later, and all have the same interval.
        while count:
            count -= json.loads(await connection.recv())["type"] == "heartbeat"


async def test_the_old_hook_works_unchanged(stage: Stage) -> None:
    """It is greeted first, keeps each notification as its last message, and sees nothing of four heartbeats."""
    await open_old_page(stage, stage.token)
    await stage.browser.wait_until("messages.length")
    greeting = await stage.browser.evaluate("messages[0]")
    assert "connection_established" == greeting["type"]
    assert greeting["title"]
    assert greeting["message"]
    await stage.publish("Pedido 1", "Pedido 2")
    last = await stage.browser.wait_until("lastMessage.title === 'Pedido 2' && lastMessage")
    assert "cart_updated" == last["type"]
    assert "m" == last["message"]
    assert await stage.browser.evaluate("new Date(lastMessage.timestamp).toISOString() === lastMessage.timestamp")
    await wait_heartbeats(stage, count=4)
    assert ["connection_established", "cart_updated", "cart_updated"] == await stage.browser.evaluate(
        "messages.map(({ type }) => type)"
    )
    assert await stage.browser.evaluate("isConnected && tries === 1")


async def test_a_bad_token_ends_after_five_retries(stage: Stage) -> None:
    """It is refused before it is opened, so that the hook counts the failures, and stops."""
    await open_old_page(stage, stage.token[:-4] + "AAAA")
    for closed in range(1, MOST_TRIES + 1):
        await stage.browser.wait_until(f"closeCodes.length === {closed}")
        await stage.browser.ask("forward", ms=WAIT_MS)
    await stage.browser.ask("forward", ms=600_000)
    assert [1006] * MOST_TRIES == await stage.browser.evaluate("closeCodes")
    assert MOST_TRIES == await stage.browser.evaluate("tries")
    assert 0 == await stage.browser.evaluate("opens")


async def test_a_restart_of_the_hub_is_survived(stage: Stage) -> None:
    """After a kill and after an orderly stop it reconnects by itself, and gets what is published then."""
    await open_old_page(stage, stage.hub.token(ACCOUNT, USER))
    await stage.browser.wait_until("isConnected")
    for restarts in (1, 2):
        if restarts == 1:
            await stage.hub.kill()
        else:
            assert 0 == await stage.hub.stop()
        await stage.browser.wait_until(f"closeCodes.length >= {restarts}")
        await stage.hub.start()
        await stage.browser.wait_until(f"isConnected && opens === {restarts + 1}")
        await stage.publish(f"Pedido {restarts}")
        await stage.browser.wait_until(f"lastMessage.title === 'Pedido {restarts}'")
