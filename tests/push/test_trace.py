"""What a trace says of push messages."""

from __future__ import annotations

from typing import Any

from hub.push.push_counts import PushCounts
from tests.harness import ACCOUNT, USER, RunningHub
from tests.outbound.endpoint import respond_with
from tests.push.browser import PushService
from tests.push.harness import OTHER, subscribe, wait_outcomes


async def trace(hub: RunningHub, identifier: str) -> dict[str, Any]:
    """Return the trace of a notification."""
    response = await hub.http.get(f"/api/internal/notifications/{identifier}", headers=hub.headers())
    found: dict[str, Any] = response.json()
    return found


async def test_pushed(hub: RunningHub, service: PushService) -> None:
    """The trace counts the messages of this notification alone, and the user who needed none."""
    await subscribe(hub, service.subscribe())
    await subscribe(hub, service.subscribe())
    await subscribe(hub, service.subscribe(), user_id=OTHER)
    to_nobody = (await hub.publish(type="cart_updated")).json()["id"]
    async with hub.websocket(hub.token(OTHER)) as page:
        both = (await hub.publish(type="order_created", user_ids=[USER, OTHER], account_id=ACCOUNT)).json()["id"]
        await page.frame()
        await wait_outcomes(hub, sent=2, confirmed=1)
    assert {"outcomes": {"sent": 2, "confirmed": 1}, "pending": 0} == (await trace(hub, both))["pushed"]
    assert {"outcomes": {}, "pending": 0} == (await trace(hub, to_nobody))["pushed"]


async def test_message_that_waits(hub: RunningHub, service: PushService) -> None:
    """A message that its push service has not taken is pending, until it has."""
    await subscribe(hub, service.subscribe())
    respond, service.endpoint.respond = service.endpoint.respond, respond_with(503, b"", "Retry-After: 1")
    identifier = (await hub.publish(type="order_created")).json()["id"]
    await service.endpoint.wait_requests(1)
    assert {"outcomes": {}, "pending": 1} == (await trace(hub, identifier))["pushed"]
    service.endpoint.respond = respond
    await wait_outcomes(hub, sent=1)
    assert {"outcomes": {"sent": 1}, "pending": 0} == (await trace(hub, identifier))["pushed"]


def test_what_is_not_known() -> None:
    """Of messages of an earlier life, and of those that gave way to newer ones, nothing is said."""
    counts = PushCounts(start=10, notifications=2)
    for position in (10, 11, 12):
        counts.begin(position, 2)
        counts.end(position, "sent")
    assert [None, ({"sent": 1}, 1), ({"sent": 1}, 1), ({}, 0)] == [counts.find(each) for each in (10, 11, 12, 13)]
    counts.skip(14, "muted")
    assert [None, ({"sent": 1}, 1), ({"muted": 1}, 0)] == [counts.find(each) for each in (11, 12, 14)]
    counts.end(11, "sent")
    assert counts.find(11) is None
