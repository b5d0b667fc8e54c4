"""The read side of Durable Streams: a user's notifications for clients of the open protocol."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from httpx_sse import aconnect_sse

from hub.bounds import Bounds
from hub.delivery import page_reader
from tests.harness import ACCOUNT, DEADLINE_S, USER, Frame, RunningHub, run_hub

OTHER_USER = "00000000272"
ORIGIN = "https://app.avelarcompany.com.br"
STREAM = "/streams/me"


async def read(
    hub: RunningHub,
    offset: str | None = None,
    *,
    token: str | None = None,
    headers: dict[str, str] | None = None,
    **query: str,
) -> httpx.Response:
    """Read once from this offset."""
    params = query if offset is None else {"offset": offset, **query}
    sent = {"authorization": f"Bearer {token or hub.token()}", **(headers or {})}
    return await hub.http.get(STREAM, params=params, headers=sent)


def titles(response: httpx.Response) -> list[str]:
    """Return the titles of the notifications in a response."""
    assert 200 == response.status_code, response.text
    return [message["title"] for message in response.json()]


def next_offset(response: httpx.Response) -> str:
    """Return where to go on from."""
    return response.headers["stream-next-offset"]


class LiveRead:
    """A live read over SSE: what each `data` event had, and what each `control` event said."""

    def __init__(self, response: httpx.Response, events: AsyncIterator[Any]) -> None:
        self.response = response
        self._events = events
        self.offset = ""

    async def event(self) -> tuple[str, Any]:
        """Wait for the next event."""
        async with asyncio.timeout(DEADLINE_S):
            while not (event := await anext(self._events)).data:  # the preamble
                pass
        content = json.loads(event.data)
        if event.event == "control":
            self.offset = content["streamNextOffset"]
        return event.event, content

    async def control(self) -> Frame:
        """Wait for the next event, which says where the client stands."""
        kind, content = await self.event()
        assert "control" == kind
        frame: Frame = content
        return frame

    async def titles(self) -> list[str]:
        """Wait for the next event, which has messages, and for the one that must follow it."""
        kind, messages = await self.event()
        while kind == "control":
            kind, messages = await self.event()
        await self.control()
        return [message["title"] for message in messages]

    async def wait_closed(self) -> None:
        """Read until the response ends."""
        with contextlib.suppress(StopAsyncIteration):
            while True:
                await self.event()


@contextlib.asynccontextmanager
async def open_live(hub: RunningHub, offset: str, *, token: str | None = None, **query: str) -> AsyncIterator[LiveRead]:
    """Read live over SSE."""
    headers = {"authorization": f"Bearer {token or hub.token()}"}
    params = {"offset": offset, "live": "sse", **query}
    async with aconnect_sse(hub.http, "GET", STREAM, headers=headers, params=params) as source:
        yield LiveRead(source.response, source.aiter_sse())


class TestCatchUp:
    async def test_beginning_is_what_the_log_has(self, hub: RunningHub) -> None:
        """`-1`, or no offset, is all that is kept for this user, in order, with the bytes of the other transports."""
        async with hub.websocket() as websocket:
            await hub.publish(title="1", data={"productId": 7, "unknown": {"kept": "çã"}})
            text = str(await websocket.connection.recv())
        await hub.publish(title="hidden", user_id=OTHER_USER, account_id=ACCOUNT)
        await hub.publish(title="2", everyone=True)
        response = await read(hub, "-1")
        assert ["1", "2"] == titles(response) == titles(await read(hub))
        assert response.text.startswith(f"[{text},")
        assert ("application/json", "true") == (
            response.headers["content-type"],
            response.headers["stream-up-to-date"],
        )

    async def test_read_goes_on_from_the_offset(self, hub: RunningHub) -> None:
        """The next offset stands behind what was read, and behind what was for others."""
        await hub.publish(title="1")
        await hub.publish(title="hidden", user_id=OTHER_USER, account_id=ACCOUNT)
        first = await read(hub)
        await hub.publish(title="2")
        second = await read(hub, next_offset(first))
        last = await read(hub, next_offset(second))
        assert (["2"], []) == (titles(second), titles(last))
        assert next_offset(first) < next_offset(second) == next_offset(last)

    async def test_now_is_the_tail(self, hub: RunningHub) -> None:
        """`now` has no message, and the offset from which everything later comes."""
        await hub.publish(title="old")
        response = await read(hub, "now")
        assert ("[]", "true", None) == (
            response.text,
            response.headers["stream-up-to-date"],
            response.headers.get("etag"),
        )
        await hub.publish(title="new")
        assert ["new"] == titles(await read(hub, next_offset(response)))

    async def test_pages_are_bounded_and_leave_nothing_out(self, hub: RunningHub) -> None:
        """More than a page holds comes in several; only the last one says that the reader has everything."""
        count = page_reader.PAGE_RECORDS + 3
        batch = [
            {"type": "stock_alert", "title": str(number), "message": "m", "user_id": USER, "account_id": ACCOUNT}
            for number in range(count)
        ]
        assert 202 == (await hub.post("/api/internal/notify/batch", {"notifications": batch})).status_code
        first = await read(hub)
        second = await read(hub, next_offset(first))
        assert [str(number) for number in range(count)] == titles(first) + titles(second)
        assert (None, "true") == (first.headers.get("stream-up-to-date"), second.headers.get("stream-up-to-date"))

    async def test_offsets_sort_as_their_places_do(self, hub: RunningHub) -> None:
        """Clients may compare offsets as texts (section 8), also where positions get another digit."""
        offsets = []
        for _ in range(40):
            await hub.publish()
            offsets.append(next_offset(await read(hub, "now")))
        assert sorted(set(offsets)) == offsets

    async def test_offset_is_a_cursor_and_the_other_way_round(self, hub: RunningHub) -> None:
        """One place over all transports: a client may change over to the hub's own, and back."""
        start = next_offset(await read(hub, "now"))
        await hub.publish(title="1")
        async with hub.websocket(cursor=start) as websocket:
            frame = await websocket.frame()
        await hub.publish(title="2")
        assert ("1", ["2"]) == (frame["title"], titles(await read(hub, frame["cursor"])))

    async def test_head_tells_where_the_stream_ends(self, hub: RunningHub) -> None:
        """HEAD has the tail's offset and no body; nobody keeps it."""
        receipt = (await hub.publish()).json()
        response = await hub.http.head(STREAM, headers={"authorization": f"Bearer {hub.token()}"})
        assert (200, b"", "application/json", "no-store") == (
            response.status_code,
            response.content,
            response.headers["content-type"],
            response.headers["cache-control"],
        )
        assert next_offset(response).endswith(receipt["cursor"].partition("-")[2])
        assert [] == titles(await read(hub, next_offset(response)))

    async def test_entity_tag_saves_what_the_client_has(self, hub: RunningHub) -> None:
        """The same content is 304 for a client that names its tag; other content, also another user's, is not."""
        await hub.publish()
        first = await read(hub)
        tag = first.headers["etag"]
        again = await read(hub, headers={"if-none-match": f'"other", W/{tag}'})
        assert (304, b"", tag, next_offset(first)) == (
            again.status_code,
            again.content,
            again.headers["etag"],
            next_offset(again),
        )
        assert 200 == (await read(hub, token=hub.token(OTHER_USER), headers={"if-none-match": tag})).status_code
        await hub.publish()
        changed = await read(hub, headers={"if-none-match": tag})
        assert 200 == changed.status_code
        assert tag != changed.headers["etag"]

    async def test_entity_tag_follows_what_the_reader_gets(self, hub: RunningHub) -> None:
        """After a mute, an unmute and a notification that takes another's place, a 304 stands for the same page alone.

        All users' pages have one URL, and a page may change without its offset.
        """
        tokens = hub.token(), hub.token(OTHER_USER)
        seen: dict[str, tuple[str, str]] = {}

        async def look() -> list[list[str]]:
            shown = []
            for token in tokens:
                plain = await read(hub, token=token)
                for tag, content in seen.items():
                    asked = await read(hub, token=token, headers={"if-none-match": tag})
                    assert (304 if content == (plain.text, next_offset(plain)) else 200) == asked.status_code
                seen[plain.headers["etag"]] = plain.text, next_offset(plain)
                shown.append(titles(plain))
            return shown

        order: dict[str, Any] = {"type": "order_updated", "data": {"orderId": 1, "status": "paid"}, "collapse_key": "1"}
        await hub.publish(title="alert", account_id=ACCOUNT)
        await hub.publish(title="first", account_id=ACCOUNT, **order)
        assert [["alert", "first"]] * 2 == await look()
        bearer = {"authorization": f"Bearer {tokens[0]}"}
        for muted, mine in ((["stock_alert"], ["first"]), ([], ["alert", "first"])):
            answer = await hub.http.put("/api/preferences", json={"muted": muted}, headers=bearer)
            assert 200 == answer.status_code, answer.text
            assert [mine, ["alert", "first"]] == await look()
        await hub.publish(title="second", account_id=ACCOUNT, **order)
        assert [["alert", "second"]] * 2 == await look()
        # Those who share a page share its tag, and no others do.
        assert 5 == len(seen)


class TestGap:
    @pytest.mark.parametrize("live", ["", "sse", "long-poll"])
    @pytest.mark.parametrize("offset", ["aaaaaaaaaa-0000000000001", "ahead"])
    async def test_offset_that_the_log_cannot_serve_is_gone(self, hub: RunningHub, offset: str, live: str) -> None:
        """410 in every mode, with the offset that the reader goes on from: no loss is silent."""
        receipt = (await hub.publish()).json()
        tail = next_offset(await read(hub, "now"))
        asked = tail[:-1] + "z" if offset == "ahead" else offset
        response = await (read(hub, asked, live=live) if live else read(hub, asked))
        assert (410, "offset_gone", tail) == (response.status_code, response.json()["code"], next_offset(response))
        assert receipt["cursor"].partition("-")[0] == tail.partition("-")[0]
        assert [] == titles(await read(hub, next_offset(response)))

    async def test_damage_while_a_stream_is_live_ends_it(self, hub: RunningHub) -> None:
        """A live read ends where something is lost, and the read that follows is 410."""
        async with open_live(hub, "now") as live:
            await live.control()
            (subscriber,) = hub.hub.subscribers.everyone()
            offset = live.offset
            hub.hub.connections._endings.announce_gap(subscriber, hub.hub.delivery.pages.head)
            await live.wait_closed()
        assert offset == live.offset


class TestLongPoll:
    async def test_waits_for_what_comes(self, hub: RunningHub) -> None:
        """A request at the tail gets the next notification, with the cursor that keeps caches apart."""
        waiting = asyncio.create_task(read(hub, "now", live="long-poll"))
        await hub.wait_until(lambda: 1 == len(hub.hub.subscribers))
        await hub.publish(title="new")
        response = await waiting
        assert ["new"] == titles(response)
        assert int(response.headers["stream-cursor"]) > 0
        assert "true" == response.headers["stream-up-to-date"]
        assert [] == titles(await read(hub, next_offset(response)))
        await hub.wait_until(lambda: 0 == len(hub.hub.subscribers))

    async def test_nothing_came(self, tmp_path: Path) -> None:
        """After a while the response is 204 with the tail, which is behind what came for others."""
        async with run_hub(tmp_path, bounds=Bounds(long_poll_s=0.3)) as hub:
            waiting = asyncio.create_task(read(hub, "now", live="long-poll"))
            await hub.wait_until(lambda: 1 == len(hub.hub.subscribers))
            await hub.publish(user_id=OTHER_USER, account_id=ACCOUNT)
            tail = next_offset(await read(hub, "now"))
            response = await waiting
            assert (204, tail, "true") == (
                response.status_code,
                next_offset(response),
                response.headers["stream-up-to-date"],
            )
            assert "stream-cursor" in response.headers

    async def test_what_is_there_comes_at_once(self, hub: RunningHub) -> None:
        """A request behind the tail does not wait; its cursor is always more than the one it names."""
        await hub.publish(title="1")
        first = await read(hub, "-1", live="long-poll")
        cursor = int(first.headers["stream-cursor"])
        second = await read(hub, "-1", live="long-poll", cursor=str(cursor))
        assert ["1"] == titles(first) == titles(second)
        assert int(second.headers["stream-cursor"]) > cursor
        assert {"durable-streams": 2} == dict(hub.hub.metrics.deliveries)

    async def test_client_that_leaves_is_forgotten(self, hub: RunningHub) -> None:
        """A request whose client went away holds no place until its time is over."""
        waiting = asyncio.create_task(read(hub, "now", live="long-poll"))
        await hub.wait_until(lambda: 1 == len(hub.hub.subscribers))
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting
        await hub.wait_until(lambda: 0 == len(hub.hub.subscribers))

    async def test_drain_ends_the_wait(self, hub: RunningHub) -> None:
        """The hub that stops responds that nothing came, and sends the next request away."""
        waiting = asyncio.create_task(read(hub, "now", live="long-poll"))
        await hub.wait_until(lambda: 1 == len(hub.hub.subscribers))
        await hub.hub.connections.drain(window_s=0)
        assert 204 == (await waiting).status_code
        refused = await read(hub, "now", live="long-poll")
        assert (503, "draining") == (refused.status_code, refused.json()["code"])
        assert "retry-after" in refused.headers

    async def test_expiry_ends_the_wait(self, hub: RunningHub) -> None:
        """A token that expires meanwhile brings nothing more; the next request is refused."""
        token = hub.token(ttl_s=1.5)
        response = await read(hub, "now", token=token, live="long-poll")
        assert 204 == response.status_code
        assert 401 == (await read(hub, next_offset(response), token=token)).status_code

    async def test_polls_while_others_publish_miss_nothing(self, hub: RunningHub) -> None:
        """Whatever the moment of each request, the responses in sequence are the log in sequence."""
        seen: list[str] = []
        offset = next_offset(await read(hub, "now"))

        async def publish() -> None:
            for start in range(0, 60, 3):
                await asyncio.gather(*(hub.publish(title=str(start + step)) for step in range(3)))

        publishing = asyncio.create_task(publish())
        while len(seen) < 60:
            response = await read(hub, offset, live="long-poll")
            seen += [message["cursor"] for message in response.json()]
            offset = next_offset(response)
        await publishing
        assert sorted(set(seen), key=lambda text: int(text.partition("-")[2], 36)) == seen

    async def test_much_at_once_comes_in_several_responses(self, hub: RunningHub) -> None:
        """A response is bounded by a page; what it has no place for comes with the next one."""
        batch = [
            {
                "type": "stock_alert",
                "title": str(number),
                "message": "m",
                "data": {"padding": "x" * 20_000},
                "user_id": USER,
                "account_id": ACCOUNT,
            }
            for number in range(10)
        ]
        waiting = asyncio.create_task(read(hub, "now", live="long-poll"))
        await hub.wait_until(lambda: 1 == len(hub.hub.subscribers))
        assert 202 == (await hub.post("/api/internal/notify/batch", {"notifications": batch})).status_code
        response = await waiting
        seen = titles(response)
        assert len(seen) < 10
        while len(seen) < 10:
            response = await read(hub, next_offset(response), live="long-poll")
            seen += titles(response)
        assert [str(number) for number in range(10)] == seen


class TestLive:
    async def test_what_was_missed_and_what_comes(self, hub: RunningHub) -> None:
        """First a batch from the log, then each notification as it comes, and where the reader stands then."""
        await hub.publish(title="1")
        await hub.publish(title="2")
        async with open_live(hub, "-1") as live:
            assert "text/event-stream" == live.response.headers["content-type"]
            assert ["1", "2"] == await live.titles()
            await hub.publish(title="3")
            assert ["3"] == await live.titles()
        await hub.publish(title="4")
        async with open_live(hub, live.offset) as live:
            assert ["4"] == await live.titles()
            assert [] == titles(await read(hub, live.offset))

    async def test_reader_is_told_that_it_has_everything(self, hub: RunningHub) -> None:
        """The first control event of an empty stream says so, and the one after a live notification."""
        async with open_live(hub, "now") as live:
            tail = await live.control()
            await hub.publish()
            await live.event()
            assert [True, True] == [tail["upToDate"], (await live.control())["upToDate"]]

    async def test_long_replay_ends_with_it(self, hub: RunningHub) -> None:
        """Where the log has more than a page, nothing claims that the reader has everything before it has."""
        count = page_reader.PAGE_RECORDS + 50
        batch = [
            {"type": "stock_alert", "title": str(number), "message": "m", "user_id": USER, "account_id": ACCOUNT}
            for number in range(count)
        ]
        await hub.post("/api/internal/notify/batch", {"notifications": batch})
        seen: list[str] = []
        async with open_live(hub, "-1") as live:
            while True:
                kind, content = await live.event()
                if kind == "data":
                    seen += [message["title"] for message in content]
                elif content.get("upToDate"):
                    break
        assert [str(number) for number in range(count)] == seen

    async def test_heartbeat_moves_the_offset(self, tmp_path: Path) -> None:
        """A reader for whom nothing comes still moves on, so retention never passes it."""
        async with run_hub(tmp_path, heartbeat_s=0.3) as hub, open_live(hub, "now") as live:
            await live.control()
            await hub.publish(user_id=OTHER_USER, account_id=ACCOUNT)
            tail = next_offset(await read(hub, "now"))
            async with asyncio.timeout(DEADLINE_S):
                while live.offset != tail:
                    await live.control()

    async def test_cursor_is_more_than_the_clients(self, hub: RunningHub) -> None:
        """A reader that comes back in the same interval gets a later cursor than it had."""
        async with open_live(hub, "now") as live:
            cursor = (await live.control())["streamCursor"]
        async with open_live(hub, "now", cursor=cursor) as live:
            assert int((await live.control())["streamCursor"]) > int(cursor)

    async def test_expiry_ends_the_stream(self, hub: RunningHub) -> None:
        """The response ends with the token; the next one is refused."""
        token = hub.token(ttl_s=1.5)
        async with open_live(hub, "now", token=token) as live:
            await live.wait_closed()
        assert 401 == (await read(hub, live.offset, token=token)).status_code

    async def test_drain_ends_the_stream(self, hub: RunningHub) -> None:
        """The response is complete, and the reader has the offset to come back with."""
        async with open_live(hub, "now") as live:
            await live.control()
            await hub.hub.connections.drain(window_s=0)
            await live.wait_closed()
        assert live.offset

    async def test_payload_with_line_breaks_is_one_event(self, hub: RunningHub) -> None:
        """A publisher's own layout of `data` cannot begin another event."""
        body = (
            b'{"type":"stock_alert","title":"a\\n\\nevent: control","message":"m","data":{\n\n"x":\r\n1},'
            b'"user_id":"%b","account_id":"%b"}' % (USER.encode(), ACCOUNT.encode())
        )
        async with open_live(hub, "now") as live:
            await live.control()
            assert 202 == (await hub.post("/api/internal/notify", body)).status_code
            assert ["a\n\nevent: control"] == await live.titles()


class TestRequests:
    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ("offset=", "invalid_cursor"),
            ("offset=a,b", "invalid_cursor"),
            ("offset=1%202", "invalid_cursor"),
            ("offset=-2", "invalid_cursor"),
            ("offset=-1&offset=now", "bad_request"),
            ("live=sse", "bad_request"),
            ("live=long-poll", "bad_request"),
            ("offset=-1&live=websocket", "bad_request"),
            ("offset=-1&live=", "bad_request"),
            ("&".join(f"a{number}=1" for number in range(40)), "bad_request"),
        ],
    )
    async def test_query_that_cannot_be_meant(self, hub: RunningHub, query: str, code: str) -> None:
        """400 with a code: passing over it could lose something."""
        response = await hub.http.get(f"{STREAM}?{query}", headers={"authorization": f"Bearer {hub.token()}"})
        assert (400, code) == (response.status_code, response.json()["code"])

    async def test_fields_of_extensions_say_nothing(self, hub: RunningHub) -> None:
        """Unknown fields, and a cursor that is not a number, are passed over (section 11)."""
        await hub.publish(title="1")
        assert ["1"] == titles(await read(hub, "-1", timeout="5", cursor="x"))

    async def test_refusals_are_those_of_the_other_transports(self, hub: RunningHub) -> None:
        """The same admission: problems with a code, the allowed origins, reading alone."""
        for credentials, status, code in [
            ({}, 401, "unauthenticated"),
            ({"authorization": f"Bearer {hub.token(ttl_s=-1)}"}, 401, "token_expired"),
            ({"authorization": f"Bearer {hub.token()}", "origin": "https://evil.example"}, 403, "origin_not_allowed"),
        ]:
            response = await hub.http.get(STREAM, headers=credentials)
            assert (status, code) == (response.status_code, response.json()["code"])
            assert "nosniff" == response.headers["x-content-type-options"]
        for method in ("PUT", "POST", "DELETE"):
            response = await hub.http.request(method, STREAM, headers={"authorization": f"Bearer {hub.token()}"})
            assert (405, "GET, HEAD, OPTIONS") == (response.status_code, response.headers["allow"])

    async def test_allowed_page_sees_the_protocols_headers(self, hub: RunningHub) -> None:
        """A page of an allowed origin reads the offsets too; a preflight allows what it asks for."""
        response = await read(hub, headers={"origin": ORIGIN})
        exposed = ", ".join(response.headers.get_list("access-control-expose-headers"))
        assert {"retry-after", "etag", "stream-cursor", "stream-next-offset", "stream-up-to-date"} == {
            *exposed.split(", ")
        }
        preflight = await hub.http.options(
            STREAM,
            headers={
                "origin": ORIGIN,
                "access-control-request-method": "GET",
                "access-control-request-headers": "authorization,if-none-match",
            },
        )
        assert 204 == preflight.status_code
        assert "if-none-match" in preflight.headers["access-control-allow-headers"]

    @pytest.mark.parametrize("live", ["sse", "long-poll"])
    async def test_user_with_all_connections_waits(self, tmp_path: Path, live: str) -> None:
        """A live read ends no other connection: its protocol could not keep the ended one away. It gets 429 instead."""
        async with run_hub(tmp_path, max_connections_per_user=1) as hub, hub.websocket() as websocket:
            response = await read(hub, "now", live=live)
            assert (429, "too_many_connections") == (response.status_code, response.json()["code"])
            assert "retry-after" in response.headers
            await hub.publish(title="1")
            assert "1" == (await websocket.frame())["title"]

    async def test_operators_see_it(self, hub: RunningHub) -> None:
        """Connections, deliveries and refusals have their own label."""
        async with open_live(hub, "now") as live:
            await live.control()
            await hub.publish()
            await live.titles()
            stats = (await hub.http.get("/api/internal/ws-stats", headers=hub.headers())).json()
            text = (await hub.http.get("/metrics", headers=hub.headers())).text
        assert {"total": 1, "websocket": 0, "sse": 0, "durable_streams": 1} == stats["connections"]
        await read(hub, "aaaaaaaaaa-1")
        for line in (
            'hub_connections{transport="durable-streams"} 1.0',
            'hub_connects_total{transport="durable-streams"} 1.0',
            'hub_deliveries_total{transport="durable-streams"} 1.0',
            'hub_publish_to_socket_seconds_count{transport="durable-streams"} 1.0',
            'hub_handshake_seconds_count{transport="durable-streams"} 1.0',
        ):
            assert line in text
        assert 1 == hub.hub.metrics.refusals["offset_gone"]
