"""Calls of the Python clients that are waited for: what is repeated, what is not, and what a failure says."""

from __future__ import annotations

import time
import traceback
from typing import Any

import pytest

from notification_hub import AsyncHub, Hub, HubRefused, HubUnreachable
from tests.clients.conftest import KEY, RETRY, MakeClient, alert
from tests.clients.stand_in import Responder, StandIn, accept, refuse, reply, reset, stall

INVALID_ADDRESSES = (
    *("hub.example.com", "127.0.0.1:8000", "ws://hub", "https://user:word@hub", "https://hub?x=1", "https://hub#x", ""),
    *("http://hub:http", "http://hub:99999", "http://hub:0", "http://[::1", "http://"),
)


class TestRetry:
    @pytest.mark.parametrize("responder", [*map(refuse, (429, 502, 503, 504)), reset])
    async def test_repeats_with_the_same_key(self, responder: Responder, open_client: MakeClient) -> None:
        """What may succeed later is sent again, with the same key and body."""
        with StandIn(responder, responder, accept) as server:
            async with open_client(server.url) as client:
                assert "1" == (await client.notify()).id
        assert 3 == len(server.seen)
        assert 1 == len(set(server.keys)) == len({seen.body for seen in server.seen})

    async def test_repeats_what_took_too_long(self, open_client: MakeClient) -> None:
        """An attempt without a response is given up and repeated with the same key."""
        with StandIn(stall, accept) as server:
            async with open_client(server.url, timeout_s=0.1) as client:
                await client.notify()
        assert 2 == len(server.keys)
        assert 1 == len(set(server.keys))

    async def test_every_notification_has_a_key(self, open_client: MakeClient) -> None:
        """Two notifications never share a key unless the caller gives one."""
        with StandIn(accept) as server:
            async with open_client(server.url) as client:
                await client.notify()
                await client.notify()
                await client.notify(account_id="1", idempotency_key="order-17")
        assert 3 == len(set(server.keys))
        assert "order-17" == server.keys[-1]

    @pytest.mark.parametrize("status", [400, 401, 403, 413, 422, 500])
    async def test_does_not_repeat_a_refusal(self, status: int, open_client: MakeClient) -> None:
        """What would be refused again is raised at once, with the hub's code."""
        with StandIn(refuse(status, code="some_code"), accept) as server:
            async with open_client(server.url) as client:
                with pytest.raises(HubRefused) as caught:
                    await client.notify()
        assert (status, "some_code") == (caught.value.status, caught.value.code)
        assert 1 == len(server.seen)

    async def test_waits_as_long_as_it_is_asked_to(self, open_client: MakeClient) -> None:
        """Retry-After is a floor."""
        with StandIn(refuse(503, {"retry-after": "1"}), accept) as server:
            async with open_client(server.url) as client:
                await client.notify()
        assert server.seen[1].at_s - server.seen[0].at_s >= 0.99

    async def test_does_not_wait_past_the_deadline(self, open_client: MakeClient) -> None:
        """A hub that asks for more time than there is gets no second request."""
        with StandIn(refuse(503, {"retry-after": "60"})) as server:
            async with open_client(server.url) as client:
                with pytest.raises(HubRefused) as caught:
                    await client.notify()
        assert 60.0 == caught.value.retry_after_s
        assert 1 == len(server.seen)

    async def test_gives_up(self, open_client: MakeClient) -> None:
        """After the last attempt the last failure is raised."""
        with StandIn(refuse(503)) as server:
            async with open_client(server.url) as client:
                with pytest.raises(HubRefused):
                    await client.notify()
        assert RETRY.attempts == len(server.seen)

    async def test_deadline(self, open_client: MakeClient) -> None:
        """A call ends at its deadline, however long an attempt may take."""
        with StandIn(stall) as server:
            started_s = time.monotonic()
            async with open_client(server.url, timeout_s=60, deadline_s=0.2) as client:
                with pytest.raises(HubUnreachable):
                    await client.notify()
            assert time.monotonic() - started_s < 5

    async def test_key_that_no_hub_takes(self, open_client: MakeClient) -> None:
        """An Idempotency-Key that cannot be sent is the caller's mistake, not the hub's."""
        with StandIn(accept) as server:
            async with open_client(server.url) as client:
                for key in ("line\nbreak", "é", "a" * 256):
                    with pytest.raises(ValueError, match="idempotency_key"):
                        await client.notify(account_id="1", idempotency_key=key)
        assert [] == server.seen


class TestResponses:
    async def test_nobody_there(self, nobody: str, open_client: MakeClient) -> None:
        """A hub that is away is said to be, and is not live."""
        async with open_client(nobody) as client:
            with pytest.raises(HubUnreachable):
                await client.notify()
            assert await client.call("live") is False

    async def test_page_of_a_proxy(self, open_client: MakeClient) -> None:
        """A web page is not a response of a hub, and an error page is a refusal with the status as its code."""
        with StandIn(reply(404, b"<html>", kind="text/html"), reply(200, b"<html>", kind="text/html")) as server:
            async with open_client(server.url) as client:
                with pytest.raises(HubRefused, match="http_404"):
                    await client.call("stats")
                with pytest.raises(HubUnreachable, match="is not a hub"):
                    await client.notify()

    async def test_redirect(self, open_client: MakeClient) -> None:
        """A redirect is not followed, so the key goes nowhere else."""
        with StandIn(accept) as elsewhere:
            with StandIn(reply(307, b"", {"location": elsewhere.url})) as server:
                async with open_client(server.url) as client:
                    with pytest.raises(HubRefused, match="http_307"):
                        await client.notify()
            assert [] == elsewhere.seen

    async def test_not_ready(self, open_client: MakeClient) -> None:
        """The state of a hub that is not ready is a result, asked for once."""
        readiness = {"ready": False, "draining": True, "log": "ok", "dispatcher": "ok", "directory": "ok"}
        with StandIn(reply(503, readiness)) as server:
            async with open_client(server.url) as client:
                assert (await client.call("health")).draining
        assert 1 == len(server.seen)


class TestSecrets:
    async def test_failure_does_not_show_the_key(self, nobody: str, open_client: MakeClient) -> None:
        """Neither the client nor a failure, causes included, shows the key."""
        with StandIn(refuse(401, code="invalid_token")) as server:
            for url in (server.url, nobody):
                async with open_client(url) as client:
                    with pytest.raises(Exception, match=r".") as caught:
                        await client.notify()
                    text = "".join(traceback.format_exception(caught.value)) + repr(client.hub) + repr(caught.value)
                    assert KEY not in text

    @pytest.mark.parametrize("kind", [Hub, AsyncHub])
    @pytest.mark.parametrize("key", ["", "two words", "line\nbreak"])
    def test_key_that_cannot_be_sent(self, kind: type[Hub | AsyncHub], key: str) -> None:
        """A key that cannot stand in a header is refused without showing it."""
        with pytest.raises(ValueError, match=r"^key: is not a service key \(example: hubk_\.\.\.\)$"):
            kind("http://hub", key)

    @pytest.mark.parametrize("kind", [Hub, AsyncHub])
    def test_what_the_environment_does_not_have(self, kind: type[Hub | AsyncHub]) -> None:
        """`os.environ.get` of a missing variable has the same error as an empty one."""
        missing: Any = None
        with pytest.raises(ValueError, match=r"^url: is not the address of a hub"):
            kind(missing, KEY)
        with pytest.raises(ValueError, match=r"^key: is not a service key"):
            kind("http://hub", missing)

    @pytest.mark.parametrize("kind", [Hub, AsyncHub])
    @pytest.mark.parametrize("url", INVALID_ADDRESSES)
    def test_invalid_address(self, kind: type[Hub | AsyncHub], url: str) -> None:
        """An address that is not valid is refused without repeating it."""
        with pytest.raises(ValueError, match=r"^url: is not the address of a hub \("):
            kind(url, KEY)


async def test_received_notification_can_be_sent_on(open_client: MakeClient) -> None:
    """What the hub added to a notification is left out when it is published again."""
    received = alert()
    received.id, received.cursor = "1", "e-1"
    with StandIn(accept) as server:
        async with open_client(server.url) as client:
            await client.notify(received)
    assert b'{"type":"stock_alert","title":"Estoque baixo","message":"Faltam pe\xc3\xa7as","account_id":"1"}' == (
        server.seen[0].body
    )
