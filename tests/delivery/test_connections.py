"""The life of a connection, from its admission to its end, on a real hub."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.closing import CloseCode
from hub.edge.websocket_links import ConfirmedLink
from hub.log.port import Draft
from hub.target import CONTROL
from tests.harness import run_hub


async def test_a_link_that_fails_at_its_end_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the last ping fails, the connection's resume point is ended all the same, and its client is known again."""

    def fail(link: ConfirmedLink, position: int) -> None:
        raise RuntimeError("the handle is closed")

    async with run_hub(tmp_path) as hub:
        token = hub.token()
        async with hub.websocket(token, subprotocols=()):
            (subscriber,) = hub.hub.subscribers.everyone()
            assert subscriber.point is not None
            with monkeypatch.context() as patch:
                patch.setattr(ConfirmedLink, "ask", fail)
                with pytest.raises(RuntimeError):
                    hub.hub.connections.end(subscriber, CloseCode.SLOW, "too slow")
            hub.hub.connections.leave(subscriber)
            subscriber.link.abort()
            await hub.publish()
        async with hub.websocket(token, subprotocols=(), greet=False) as again:
            assert "replayed" == (await again.frame())["data"]["resume"]
            assert "stock_alert" == (await again.frame())["type"]


@pytest.mark.parametrize("payload", [b'{"kind":"of a newer hub"}', b'{"user_id":"\xff"}'], ids=["unknown", "not UTF-8"])
async def test_a_control_record_that_cannot_be_read_stops_nothing(tmp_path: Path, payload: bytes) -> None:
    """The dispatcher goes on behind it, and so does the next start, which reads all of them."""
    async with run_hub(tmp_path) as hub:
        await hub.hub.log.append([Draft(id="n", targets=(CONTROL,), payload=payload)])
        async with hub.websocket(hub.token()) as client:
            await hub.publish()
            assert "stock_alert" == (await client.frame())["type"]
    async with run_hub(tmp_path) as hub:
        assert 202 == (await hub.publish()).status_code
