"""What a client may present as a cursor: one of ours, nothing, or what is refused in words."""

from __future__ import annotations

from urllib.parse import quote, urlencode

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.harness import RunningHub

#: Never a cursor, whatever log stands behind it.
NOT_CURSORS = ("garbage", "\x00", "1", "undefined", "null", "aaaaaaaaaa", "aaaaaaaaaa-", "aaaaaaaaaa-UP", "a" * 5_000)


@pytest.mark.parametrize("text", NOT_CURSORS)
@pytest.mark.parametrize("path", ["/sse", "/poll"])
async def test_what_is_not_a_cursor_is_refused_in_words(hub: RunningHub, path: str, text: str) -> None:
    """400 with the place it stood in: a gap would say that something was lost, again at every return."""
    headers = {"Authorization": f"Bearer {hub.token()}"}
    answer = await hub.http.get(f"{path}?{urlencode({'cursor': text})}", headers=headers)
    problem = answer.json()
    assert (400, "invalid_cursor") == (answer.status_code, problem["code"])
    assert problem["detail"].startswith("`cursor` is not a cursor of a hub")


@pytest.mark.parametrize("path", ["/sse", "/poll"])
async def test_a_last_event_id_of_somebody_else_is_refused_by_its_name(hub: RunningHub, path: str) -> None:
    """The header has its own name in the answer, also where the query has a good cursor."""
    cursor = (await hub.publish()).json()["cursor"]
    headers = {"Authorization": f"Bearer {hub.token()}", "Last-Event-ID": "42"}
    answer = await hub.http.get(f"{path}?cursor={cursor}", headers=headers)
    assert (400, "invalid_cursor") == (answer.status_code, answer.json()["code"])
    assert answer.json()["detail"].startswith("`Last-Event-ID` is not a cursor")


async def test_a_websocket_is_refused_as_well(hub: RunningHub) -> None:
    """A client that reads close codes is told 4504, which means: not with this; any other one is not let in."""
    async with hub.websocket(cursor="garbage", greet=False) as websocket:
        assert 4504 == await websocket.wait_closed()
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"{hub.ws_url}/ws?token={hub.token()}&cursor=garbage"):
            pass
    assert 400 == refused.value.response.status_code


@pytest.mark.parametrize("text", ["%20", "%20%20"])
async def test_a_blank_cursor_is_none(hub: RunningHub, text: str) -> None:
    """A template that was not filled in begins a first visit."""
    async with hub.websocket(cursor=text) as websocket:
        assert "live" == websocket.hello["data"]["resume"]


async def test_a_cursor_with_blanks_around_it_is_one(hub: RunningHub) -> None:
    """A line break that a shell or a file left at its end does not lose anything."""
    cursor = (await hub.publish(title="1")).json()["cursor"]
    await hub.publish(title="2")
    async with hub.websocket(cursor=quote(f" {cursor}\n")) as websocket:
        assert "replayed" == websocket.hello["data"]["resume"]
        assert "2" == (await websocket.frame())["title"]
