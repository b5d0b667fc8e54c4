"""What Web Push survives: restarts and crashes, more than there is room for, slow services, and users who have gone."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from hub.directory.demo import DEMO_USERS, create_demo_directory
from hub.errors import StorageUnavailable
from hub.outbound.resolver import Resolver
from hub.push.backlog import Backlog
from tests.attacks.identity import write_keys
from tests.harness import ACCOUNT, USER, RunningHub, run_hub
from tests.outbound.endpoint import Received
from tests.push.browser import Browser, PushService, open_push_service
from tests.push.harness import OTHER, ask, make_push_settings, push_of, subscribe, wait_outcomes

ORIGIN = "https://app.avelarcompany.com.br"


def titles(service: PushService) -> list[str]:
    return [message["title"] for _, message, _ in service.taken]


async def test_what_was_due_is_pushed_after_a_restart(tmp_path: Path, service: PushService) -> None:
    """Subscriptions and what was not pushed yet outlive the hub; what was pushed is not pushed again."""
    settings = make_push_settings(tmp_path)
    async with run_hub(tmp_path, **settings) as hub:
        await subscribe(hub, service.subscribe())
        await hub.publish(type="order_created", title="before")
        await wait_outcomes(hub, sent=1)
    async with run_hub(tmp_path, **{**settings, "push_after_s": 3600.0}) as hub:
        await hub.publish(type="order_created", title="one")
        await hub.publish(type="order_created", account_id=ACCOUNT, title="two")
        await hub.publish(type="order_created", user_id=OTHER, account_id=ACCOUNT, title="of another")
    async with run_hub(tmp_path, **settings) as hub:
        await hub.publish(type="order_created", title="three")
        await wait_outcomes(hub, sent=3)
    assert ["before", "one", "three", "two"] == sorted(titles(service))


async def test_a_crash_repeats_rather_than_loses(
    tmp_path: Path, service: PushService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the mark was not written, messages come again under the same id, and none is lost."""

    async def fail(*_: object, **__: object) -> None:
        raise StorageUnavailable

    settings = make_push_settings(tmp_path)
    async with run_hub(tmp_path, **settings) as hub:
        await subscribe(hub, service.subscribe())
        await push_of(hub).backlog.write_mark()
        await hub.publish(type="order_created", title="one")
        await wait_outcomes(hub, sent=1)
        monkeypatch.setattr(Backlog, "write_mark", fail)
    monkeypatch.undo()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    async with run_hub(tmp_path, **settings) as hub:
        await wait_outcomes(hub, sent=1)
    assert 2 == len(service.taken)
    assert 1 == len({message["id"] for _, message, _ in service.taken})


async def test_a_message_that_waits_is_sent_after_a_restart(tmp_path: Path, service: PushService) -> None:
    """What a push service did not take waits in the log, and is sent by the next hub."""
    settings = make_push_settings(tmp_path)
    service.status_of = lambda _: 503
    service.retry_after = "1"
    async with run_hub(tmp_path, **settings) as hub:
        await subscribe(hub, service.subscribe())
        await hub.publish(type="order_created", title="one")
        await hub.wait_until(lambda: 1 == len(push_of(hub).pusher.waiting))
        figures = (await hub.http.get("/api/internal/push", headers=hub.headers())).json()
        assert {"subscriptions": 1, "users": 1, "sending": 0, "waiting": 1, "behind": False} == {
            name: figures[name] for name in ("subscriptions", "users", "sending", "waiting", "behind")
        }
        assert {"503": 1} == figures["failures"]
    service.status_of = lambda _: 201
    async with run_hub(tmp_path, **settings) as hub:
        await hub.wait_until(lambda: 1 == len(push_of(hub).pusher.waiting))
        await wait_outcomes(hub, sent=1)
        await hub.wait_until(lambda: not len(push_of(hub).pusher.waiting))
    assert ["one"] == [message["title"] for _, message, _ in service.taken][-1:]


async def test_more_than_there_is_room_for_comes_from_the_log(tmp_path: Path, service: PushService) -> None:
    """With room for one notification, twenty at once are pushed all the same, each once."""
    settings = make_push_settings(tmp_path, push_schedule_bytes=1, push_tick_s=0.005)
    async with run_hub(tmp_path, **settings) as hub:
        await subscribe(hub, service.subscribe())
        target = {"type": "order_created", "message": "m", "user_id": USER, "account_id": ACCOUNT}
        batch = [{**target, "title": str(number)} for number in range(20)]
        await hub.post("/api/internal/notify/batch", {"notifications": batch})
        await wait_outcomes(hub, sent=20)
        await hub.wait_until(lambda: not push_of(hub).backlog.is_behind)
    assert sorted(map(str, range(20))) == sorted(titles(service))


async def test_messages_that_find_no_lane_wait_in_the_log(tmp_path: Path, service: PushService) -> None:
    """With room for two messages, those of ten browsers are sent all the same."""
    settings = make_push_settings(tmp_path, push_messages=2)
    async with run_hub(tmp_path, **settings) as hub:
        for _ in range(10):
            await subscribe(hub, service.subscribe())
        await hub.publish(type="order_created")
        await wait_outcomes(hub, sent=10)


async def test_a_service_that_hangs_delays_no_other(tmp_path: Path, service: PushService) -> None:
    """One push service never responds; the messages for the other are sent meanwhile, and its own wait in the log."""
    settings = make_push_settings(tmp_path, outbound_timeout_s=0.3)
    hangs = asyncio.Event()

    async def hang(request: Received, writer: asyncio.StreamWriter) -> None:
        await hangs.wait()

    async with open_push_service() as silent, run_hub(tmp_path, **settings) as hub:
        silent.respond = hang  # type: ignore[method-assign]
        for _ in range(5):
            await subscribe(hub, silent.subscribe())
        await subscribe(hub, service.subscribe(), user_id=OTHER)
        for number in range(10):
            await hub.publish(type="order_created", account_id=ACCOUNT, title=str(number))
        await hub.wait_until(lambda: 10 == hub.hub.metrics.push["sent"])
        await hub.wait_until(lambda: 40 < len(push_of(hub).pusher.waiting))
        assert 0 < hub.hub.metrics.push_failures["timeout"]
        assert sorted(map(str, range(10))) == sorted(titles(service))
        hangs.set()


async def test_a_name_that_leads_to_a_private_address(
    tmp_path: Path, service: PushService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An endpoint whose name leads into the private network gets nothing, and one that says so is refused at once."""

    async def ask_system(*_: object) -> list[str]:
        return ["127.0.0.1", "10.0.0.1"]

    monkeypatch.setattr(Resolver, "_ask_system", ask_system)
    settings = make_push_settings(tmp_path) | {"push_allow_private": False}
    async with run_hub(tmp_path, **settings) as hub:
        refused = await ask(hub, "PUT", service.subscribe().subscription())
        assert (400, "invalid_field", "$.endpoint") == (
            refused.status_code,
            refused.json()["code"],
            refused.json()["field"],
        )
        port = service.endpoint.port
        await subscribe(hub, Browser(f"https://push.example.com:{port}/1"))
        await hub.publish(type="order_created")
        await wait_outcomes(hub, refused=1)
        assert {"address": 1} == dict(hub.hub.metrics.push_failures)
    assert 0 == service.endpoint.connections


async def test_a_user_has_ten_browsers_and_the_oldest_goes(hub: RunningHub, service: PushService) -> None:
    """The eleventh subscription takes the place of the oldest; renewing one makes no room."""
    browsers = [service.subscribe(str(number)) for number in range(11)]
    for browser in [*browsers[:10], browsers[0], browsers[10]]:
        await subscribe(hub, browser)
    assert 10 == len(push_of(hub).subscriptions)
    await hub.publish(type="order_created")
    await wait_outcomes(hub, sent=10)
    assert len({browser for browser, _, _ in service.taken}) == 10
    assert browsers[10] in {browser for browser, _, _ in service.taken}


async def test_a_user_who_may_not_connect_is_not_pushed(tmp_path: Path, service: PushService) -> None:
    """Where the directory no longer lets a user in, their browsers get nothing, until it does again."""
    buyer = DEMO_USERS[0]
    directory = tmp_path / "directory.sqlite3"
    await create_demo_directory(directory)
    url = f"sqlite+aiosqlite:///{directory}"
    settings = make_push_settings(tmp_path) | {"directory_url": url, "directory_ttl_s": 0.0}
    async with run_hub(tmp_path, **settings) as hub:
        token = hub.token(buyer.user_id, buyer.account_id)
        browser = service.subscribe()
        body, headers = browser.subscription(), {"authorization": f"Bearer {token}"}
        assert 204 == (await hub.http.put("/api/push", json=body, headers=headers)).status_code
        for active, expected in ((0, {"not_allowed": 1}), (1, {"not_allowed": 1, "sent": 1})):
            with sqlite3.connect(directory) as database:
                database.execute("UPDATE users SET is_active = ? WHERE id = ?", (active, buyer.user_id))
            # What the hub remembers of the user is asked anew.
            await hub.post("/api/internal/disconnect", {"user_id": buyer.user_id})
            await hub.publish(type="order_created", account_id=buyer.account_id)
            await wait_outcomes(hub, **expected)


async def test_a_revoked_user_is_forgotten(tmp_path: Path, service: PushService) -> None:
    """A revocation of a user ends their subscriptions and no others; a subscription after it is good."""
    settings = make_push_settings(tmp_path, push_sweep_s=0.05)
    async with run_hub(tmp_path, **settings) as hub:
        await subscribe(hub, service.subscribe("theirs"))
        await subscribe(hub, service.subscribe("other"), user_id=OTHER)
        await hub.post("/api/internal/disconnect", {"user_id": USER, "account_id": ACCOUNT, "revoke": True})
        await hub.wait_until(lambda: 1 == len(push_of(hub).subscriptions))
        await hub.publish(type="order_created", account_id=ACCOUNT)
        await wait_outcomes(hub, sent=1)
        assert ["/push/other?token=s%2Fx"] == [request.target for _, _, request in service.taken]


async def test_pages_of_allowed_origins_may_subscribe(tmp_path: Path, service: PushService) -> None:
    """A preflight allows PUT and DELETE to an allowed origin's pages, and to no others."""
    async with run_hub(tmp_path, **make_push_settings(tmp_path), allowed_origins=(ORIGIN,)) as hub:
        for origin, status in ((ORIGIN, 204), ("https://evil.example", 403)):
            asked = {"origin": origin, "access-control-request-method": "PUT"}
            response = await hub.http.options("/api/push", headers=asked)
            assert status == response.status_code
        allowed = await hub.http.options("/api/push", headers={"origin": ORIGIN})
        assert {"PUT", "DELETE", "GET"} <= set(allowed.headers["access-control-allow-methods"].split(", "))
        headers = {"origin": ORIGIN, "authorization": f"Bearer {hub.token()}"}
        subscribed = await hub.http.put("/api/push", json=service.subscribe().subscription(), headers=headers)
        assert (204, ORIGIN) == (subscribed.status_code, subscribed.headers["access-control-allow-origin"])


async def test_a_hub_without_a_key_has_no_push(tmp_path: Path) -> None:
    """Without the setting users and operators are told so by a code, and clients find no such feature."""
    async with run_hub(tmp_path) as hub:
        for method in ("GET", "PUT", "DELETE"):
            refused = await ask(hub, method, {})
            assert (404, "push_off") == (refused.status_code, refused.json()["code"])
        refused = await hub.http.get("/api/internal/push", headers=hub.headers())
        assert (404, "push_off") == (refused.status_code, refused.json()["code"])
        async with hub.websocket() as page:
            assert "push" not in page.hello["data"]["features"]
        assert hub.hub.push is None


async def test_an_erasure_takes_the_subscriptions_too(tmp_path: Path, service: PushService) -> None:
    """After a person was erased nothing is sent to their browsers, and nothing of them is known."""
    operations = ["publish", "forget"]
    keys = write_keys(tmp_path / "services.json", {"key": {"operations": operations}})
    settings = make_push_settings(tmp_path) | {"service_keys_file": tmp_path / "services.json"}
    async with run_hub(tmp_path, **settings) as hub:
        hub.key = keys["key"]
        await subscribe(hub, service.subscribe())
        await subscribe(hub, service.subscribe("other"), user_id=OTHER)
        erased = await hub.post("/api/internal/forget", {"user_id": USER, "account_id": ACCOUNT})
        assert 200 == erased.status_code, erased.text
        await hub.publish(type="order_created", account_id=ACCOUNT)
        await wait_outcomes(hub, sent=1)
        assert [True] == ["other" in browser.endpoint for browser, _, _ in service.taken]
        await push_of(hub).subscriptions.sweep(lambda _: False)
        assert 1 == len(push_of(hub).subscriptions)
