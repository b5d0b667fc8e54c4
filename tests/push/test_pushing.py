"""Web Push as users have it: a real hub, a push service with TLS, and messages that a browser can read."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from hub.target import subscriber_targets
from tests.harness import ACCOUNT, USER, RunningHub, run_hub
from tests.push.browser import PushService, read_vapid
from tests.push.harness import OTHER, SUBJECT, ask, make_push_settings, push_of, subscribe, wait_outcomes


def _settings_until_read(folder: Path) -> dict[str, Any]:
    """Return settings of a hub that ends before anything is due; what it left, the next one pushes."""
    return make_push_settings(folder) | {"push_after_s": 3600.0}


async def _change_inbox(hub: RunningHub, **change: object) -> None:
    headers = {"authorization": f"Bearer {hub.token()}"}
    response = await hub.http.post("/api/inbox", json=change, headers=headers)
    assert 200 == response.status_code, response.text


async def test_a_closed_page_gets_an_encrypted_message(hub: RunningHub, service: PushService) -> None:
    """A notification for a user without a connection reaches each of their browsers, readable there alone."""
    phone, desktop = service.subscribe(), service.subscribe()
    await subscribe(hub, phone)
    await subscribe(hub, desktop)
    receipt = (await hub.publish(type="order_created", title="Novo pedido", message="PED-1", link="/orders/1")).json()
    await wait_outcomes(hub, sent=2)
    assert {phone, desktop} == {browser for browser, _, _ in service.taken}
    for _, message, request in service.taken:
        timestamp = message.pop("timestamp")
        assert timestamp.endswith("Z")
        expected = {"title": "Novo pedido", "message": "PED-1", "link": "/orders/1", "type": "order_created"}
        assert {**expected, "id": receipt["id"], "cursor": receipt["cursor"]} == message
        assert b"PED-1" not in request.body
        assert len(request.body) <= 4096
        fields = request.fields
        assert ("aes128gcm", "high") == (fields["content-encoding"], fields["urgency"])
        assert 0 < int(fields["ttl"]) <= 28 * 86_400
        key, claims = read_vapid(fields["authorization"])
        assert key == (await ask(hub, "GET")).json()["public_key"]
        assert (service.origin, SUBJECT) == (claims["aud"], claims["sub"])
        assert time.time() < claims["exp"] <= time.time() + 86_400


async def test_clients_are_told_that_there_is_push(hub: RunningHub) -> None:
    """The greeting of `hub.v1` names it, and no other client's does."""
    async with hub.websocket() as page:
        assert "push" in page.hello["data"]["features"]
    async with hub.websocket(subprotocols=()) as old:
        assert "features" not in old.hello["data"]


async def test_a_connection_that_took_it_needs_no_push(hub: RunningHub, service: PushService) -> None:
    """Nobody is pushed what a page of theirs has taken; after it is closed they are."""
    await subscribe(hub, service.subscribe())
    async with hub.websocket() as page:
        await hub.publish(type="order_created")
        await page.frame()
        await wait_outcomes(hub, confirmed=1)
    await hub.wait_until(lambda: not len(hub.hub.subscribers))
    await hub.publish(type="order_created")
    await wait_outcomes(hub, confirmed=1, sent=1)
    assert 1 == len(service.endpoint.requests)


@pytest.mark.parametrize("how", ["read", "archive", "read_until"])
async def test_what_was_read_over_http_is_not_pushed(tmp_path: Path, service: PushService, how: str) -> None:
    """A user who reads or archives a notification before it is due, without a connection, is not pushed it."""
    async with run_hub(tmp_path / "hub", **_settings_until_read(tmp_path)) as hub:
        await subscribe(hub, service.subscribe())
        await subscribe(hub, service.subscribe(), user_id=OTHER)
        read = (await hub.publish(type="stock_alert", account_id=ACCOUNT, title="Read")).json()
        await _change_inbox(hub, **{how: read["cursor"] if how == "read_until" else [read["id"]]})
        await hub.publish(type="order_created", title="Not read")
    async with run_hub(tmp_path / "hub", **make_push_settings(tmp_path)) as hub:
        await wait_outcomes(hub, read=1, sent=2)
        assert ["Not read", "Read"] == sorted(message["title"] for _, message, _ in service.taken)


async def test_what_is_marked_as_unread_is_pushed(tmp_path: Path, service: PushService) -> None:
    """A user who takes the reading back before the push is due gets it."""
    async with run_hub(tmp_path / "hub", **_settings_until_read(tmp_path)) as hub:
        await subscribe(hub, service.subscribe())
        await hub.publish(type="order_created")
        kept = (await hub.publish(type="order_created")).json()
        await _change_inbox(hub, read_until=kept["cursor"])
        await _change_inbox(hub, unread=[kept["id"]])
    async with run_hub(tmp_path / "hub", **make_push_settings(tmp_path)) as hub:
        await wait_outcomes(hub, read=1, sent=1)
        assert [kept["id"]] == [message["id"] for _, message, _ in service.taken]


@pytest.mark.parametrize("how", ["page that was closed", "HTTP", "poll"])
async def test_what_a_client_acknowledged_that_has_no_connection_any_more(
    hub: RunningHub, service: PushService, how: str
) -> None:
    """A page that acknowledged and was closed, and one that polls, have the notification: it is not pushed."""
    await subscribe(hub, service.subscribe())
    service.retry_after, service.status_of = "1", lambda _: 503
    before = (await hub.publish(type="cart_updated")).json()["cursor"]
    cursor = (await hub.publish(type="order_created")).json()["cursor"]
    await hub.wait_until(lambda: 1 == len(push_of(hub).pusher.waiting))
    headers = {"authorization": f"Bearer {hub.token()}"}
    if how == "HTTP":
        forged = cursor.partition("-")[0] + "-zz"
        for each in (forged, "aaaaaaaaaa-zz", cursor):
            assert not hub.hub.delivery.taken.has(subscriber_targets(ACCOUNT, USER)[0], 2)
            assert 204 == (await hub.http.post("/api/ack", json={"cursor": each}, headers=headers)).status_code
    elif how == "poll":
        assert 200 == (await hub.http.get("/poll", params={"cursor": cursor}, headers=headers)).status_code
    else:
        async with hub.websocket(cursor=before) as page:
            await page.frame()
            await page.connection.send(json.dumps({"type": "ack", "cursor": cursor}))
            await hub.wait_until(lambda: any(each.acknowledged for each in hub.hub.subscribers.everyone()))
        await hub.wait_until(lambda: not len(hub.hub.subscribers))
    service.status_of = lambda _: 201
    await wait_outcomes(hub, confirmed=1)
    # What comes afterwards is.
    await hub.publish(type="order_created", title="Later")
    await wait_outcomes(hub, confirmed=1, sent=1)


async def test_what_is_read_while_it_waits_is_not_pushed(hub: RunningHub, service: PushService) -> None:
    """A message that a push service does not take now is not sent any more once its user has read the notification."""
    await subscribe(hub, service.subscribe())
    service.retry_after, service.status_of = "1", lambda _: 503
    receipt = (await hub.publish(type="order_created")).json()
    await hub.wait_until(lambda: 1 == len(push_of(hub).pusher.waiting))
    await _change_inbox(hub, read=[receipt["id"]])
    service.status_of = lambda _: 201
    await wait_outcomes(hub, read=1)


async def test_a_type_or_target_that_is_not_pushed(hub: RunningHub, service: PushService) -> None:
    """Types without an urgency, other users' notifications and those for everyone are not pushed; an account's are."""
    await subscribe(hub, service.subscribe())
    await hub.publish(type="cart_updated")
    await hub.publish(type="order_created", user_id=OTHER, account_id=ACCOUNT)
    await hub.publish(type="order_created", everyone=True)
    await hub.publish(type="order_created", account_id="98765432000111")
    await hub.publish(type="stock_alert", account_id=ACCOUNT, title="For the account")
    await wait_outcomes(hub, sent=1)
    assert ["For the account"] == [message["title"] for _, message, _ in service.taken]


async def test_a_muted_type_is_not_pushed(hub: RunningHub, service: PushService) -> None:
    """What a user has muted does not come by push either; all else does."""
    await subscribe(hub, service.subscribe())
    headers = {"authorization": f"Bearer {hub.token()}"}
    muted = await hub.http.put("/api/preferences", json={"muted": ["stock_alert"]}, headers=headers)
    assert 200 == muted.status_code
    await hub.publish(type="stock_alert")
    await hub.publish(type="order_created")
    await wait_outcomes(hub, muted=1, sent=1)
    assert ["order_created"] == [message["type"] for _, message, _ in service.taken]


async def test_time_to_live_is_what_is_left(hub: RunningHub, service: PushService) -> None:
    """The push service keeps a message no longer than the hub would deliver the notification."""
    await subscribe(hub, service.subscribe())
    await hub.publish(type="order_created", ttl_seconds=600)
    await wait_outcomes(hub, sent=1)
    ((_, _, request),) = service.taken
    assert 590 <= int(request.fields["ttl"]) <= 600


async def test_a_long_notification_is_cut(hub: RunningHub, service: PushService) -> None:
    """Texts that do not fit are cut, and the message has 4,096 bytes at most; the title and the link stay."""
    await subscribe(hub, service.subscribe())
    await hub.publish(type="order_created", title="Título", message="ç" * 20_000, link="/orders/1")
    await wait_outcomes(hub, sent=1)
    ((_, message, request),) = service.taken
    assert ("Título", "/orders/1") == (message["title"], message["link"])
    assert message["message"].startswith("çç")
    assert message["message"].endswith("…")
    assert 4000 < len(request.body) <= 4096


@pytest.mark.parametrize("status", [404, 410])
async def test_a_subscription_that_has_ended_is_forgotten(hub: RunningHub, service: PushService, status: int) -> None:
    """After 404 and 410 nothing is sent there any more; the user's other browsers go on."""
    ended, other = service.subscribe("ended"), service.subscribe("other")
    await subscribe(hub, ended)
    await subscribe(hub, other)
    service.status_of = lambda request: status if "ended" in request.target else 201
    await hub.publish(type="order_created")
    await wait_outcomes(hub, sent=1, gone=1)
    await hub.publish(type="order_created")
    await wait_outcomes(hub, sent=2, gone=1)
    assert 1 == sum("ended" in request.target for request in service.endpoint.requests)


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_service_that_cannot_now_is_tried_again(hub: RunningHub, service: PushService, status: int) -> None:
    """A message that a push service does not take now waits, at least as long as it asks, and is sent then."""
    tried: list[float] = []
    service.retry_after = "1"

    def status_of(_: object) -> int:
        tried.append(time.monotonic())
        return status if len(tried) == 1 else 201

    service.status_of = status_of
    await subscribe(hub, service.subscribe())
    await hub.publish(type="order_created")
    await wait_outcomes(hub, sent=1)
    assert 1.0 <= tried[1] - tried[0]
    assert {str(status): 1} == dict(hub.hub.metrics.push_failures)


async def test_a_service_that_takes_less_gets_a_smaller_message(hub: RunningHub, service: PushService) -> None:
    """After 413 the texts are cut further, once."""
    await subscribe(hub, service.subscribe())
    service.status_of = lambda request: 413 if len(request.body) > 2048 else 201
    await hub.publish(type="order_created", title="Título", message="x" * 3_500)
    await wait_outcomes(hub, sent=1)
    ((_, message, request),) = service.taken
    assert "Título" == message["title"]
    assert len(request.body) < 1200


@pytest.mark.parametrize("status", [301, 400, 401, 403])
async def test_a_refusal_is_counted_and_the_subscription_stays(
    hub: RunningHub, service: PushService, status: int
) -> None:
    """What a push service refuses for good is not tried again, redirects are not followed, and the browser stays."""
    browser = service.subscribe()
    await subscribe(hub, browser)
    service.status_of = lambda _: status
    await hub.publish(type="order_created")
    await wait_outcomes(hub, refused=1)
    service.status_of = lambda _: 201
    await hub.publish(type="order_created")
    await wait_outcomes(hub, refused=1, sent=1)


async def test_a_shared_computer_is_of_the_one_who_subscribed_last(hub: RunningHub, service: PushService) -> None:
    """An endpoint that another user registers is theirs: the user before gets nothing there any more."""
    browser = service.subscribe()
    await subscribe(hub, browser)
    await subscribe(hub, browser, user_id=OTHER)
    await hub.publish(type="order_created", title="For the one before")
    await hub.publish(type="order_created", title="For the other", user_id=OTHER, account_id=ACCOUNT)
    await wait_outcomes(hub, sent=1)
    assert ["For the other"] == [message["title"] for _, message, _ in service.taken]


async def test_unsubscribing_ends_it_and_only_ones_own(hub: RunningHub, service: PushService) -> None:
    """A user ends their own subscription, again without harm, and another user's request changes nothing."""
    browser = service.subscribe()
    await subscribe(hub, browser)
    assert 204 == (await ask(hub, "DELETE", {"endpoint": browser.endpoint}, user_id=OTHER)).status_code
    await hub.publish(type="order_created")
    await wait_outcomes(hub, sent=1)
    for _ in range(2):
        assert 204 == (await ask(hub, "DELETE", {"endpoint": browser.endpoint})).status_code
    await hub.publish(type="order_created")
    assert 0 == len(push_of(hub).subscriptions)


async def test_an_erased_user_has_no_subscription(hub: RunningHub, service: PushService) -> None:
    """What the log had of the browser is gone, and so is what the hub held in memory."""
    await subscribe(hub, service.subscribe())
    await subscribe(hub, service.subscribe(), user_id=OTHER)
    assert 200 == (await hub.post("/api/internal/forget", {"user_id": OTHER})).status_code
    assert 1 == len(push_of(hub).subscriptions)
    await hub.publish(type="order_created", user_id=OTHER, account_id=ACCOUNT)
    await hub.publish(type="order_created", title="For the one who stays")
    await wait_outcomes(hub, sent=1)
    assert ["For the one who stays"] == [message["title"] for _, message, _ in service.taken]


async def test_a_client_that_acknowledges_is_believed(hub: RunningHub, service: PushService) -> None:
    """Of a page that acknowledges, only that says that it has taken a notification: its system may take it alone."""
    await subscribe(hub, service.subscribe())
    async with hub.websocket() as page:
        await page.connection.send(json.dumps({"type": "ack", "cursor": page.hello["data"]["cursor"]}))
        await hub.wait_until(lambda: all(each.acknowledged is not None for each in hub.hub.subscribers.everyone()))
        await hub.publish(type="order_created")
        await page.frame()
        await wait_outcomes(hub, sent=1)


async def test_what_takes_anothers_place_has_a_topic(hub: RunningHub, service: PushService) -> None:
    """Two notifications with one collapse key have one topic, in which the key is not; others have none."""
    await subscribe(hub, service.subscribe())
    for number in (1, 2):
        published = await hub.publish(type="order_updated", collapse_key="PED-1")
        assert 202 == published.status_code, published.text
        await wait_outcomes(hub, sent=number)
    await hub.publish(type="order_created")
    await wait_outcomes(hub, sent=3)
    first, second, other = (request.fields.get("topic") for _, _, request in service.taken)
    assert first is not None
    assert first == second
    assert 32 == len(first)
    assert other is None
