"""What connections share: everything a server's constructors set alike, and nothing one could change for another."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.protocol import SERVER, Protocol, State

from hub.edge import http_protocol, websocket_protocol
from hub.edge.hoist import hoist
from hub.edge.http_protocol import HttpProtocol
from tests.harness import run_hub


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Do nothing."""


def make(kind: Any) -> Any:
    """Return a connection as a server makes it."""
    config = uvicorn.Config(app, ws_ping_interval=None, log_config=None)
    config.load()
    return kind(config, ServerState(), {}, asyncio.get_running_loop())


def find_own(model: object) -> set[str]:
    """Return the attributes whose values a connection could change under another's feet."""
    unchangeable = (str, bytes, bool, int, float, type(None), type, tuple, frozenset, State, logging.Logger)
    return {name for name, value in vars(model).items() if not isinstance(value, unchangeable)}


@pytest.mark.parametrize(
    ("kind", "own", "servers"),
    [
        (
            HttpToolsProtocol,
            http_protocol.OWN,
            {"config", "app", "loop", "app_state", "server_state", "connections", "tasks"},
        ),
        (
            WebSocketsSansIOProtocol,
            websocket_protocol.OWN,
            {"config", "app", "loop", "app_state", "connections", "tasks", "default_headers"},
        ),
    ],
)
async def test_whatever_uvicorn_makes_for_a_connection_stays_its_own(
    kind: Any, own: frozenset[str], servers: set[str]
) -> None:
    """A uvicorn that gives its connections another changeable attribute fails here, and not between two tenants."""
    assert own | servers == find_own(make(kind))


def test_whatever_websockets_makes_for_a_connection_stays_its_own() -> None:
    """The same for the core; its id and side cannot be changed."""
    own = find_own(Protocol(SERVER, state=State.OPEN, max_size=1)) - {"id", "side", "logger"}
    assert own == websocket_protocol.OWN_OF_CORE


async def test_connections_share_what_is_the_servers_and_nothing_else(tmp_path: Path) -> None:
    """Two connections of one server: one class, one app, and parsers, pipelines and flows of their own."""
    async with run_hub(tmp_path) as hub, hub.websocket(), hub.websocket():
        first, second = (cast("Any", connection) for connection in hub.server.server_state.connections)
        assert type(first) is type(second)
        for name in (*websocket_protocol.OWN, "transport", "scope"):
            assert getattr(first, name) is not getattr(second, name), name
        for name in websocket_protocol.OWN_OF_CORE:
            assert getattr(first.conn, name) is not getattr(second.conn, name), name


async def test_servers_share_no_class() -> None:
    """What one server hoists is not another's: two hubs may live in one process."""
    first, second = HttpProtocol.for_server(crowd=1), HttpProtocol.for_server(crowd=1)
    assert first is not second
    assert make(first).app_state is not make(second).app_state
    assert "config" not in vars(HttpProtocol)


def test_a_function_does_not_become_a_method() -> None:
    """An app may be a plain function; it is called with what the server gives it, and no more."""

    class Kind:
        pass

    hoist(Kind, SimpleNamespace(app=lambda *given: given, parser=object()), but=frozenset({"parser"}))
    assert (1, 2) == Kind().app(1, 2)  # type: ignore[attr-defined]  # set by the line above
    assert not hasattr(Kind, "parser")
