"""What the hub uses of other packages' inside: in one room, on a list, and there in the versions that are installed."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState
from websockets.protocol import SERVER, Protocol

from hub.edge import exchange, http_protocol, websocket_core, websocket_protocol
from hub.edge.context import ServerContext
from hub.edge.server import HubServer
from hub.edge.websocket_core import WebSocketCore
from tests.harness import RunningHub

ROOT = Path(__file__).parent.parent.parent
EDGE = ROOT / "hub" / "edge"
LIST = (EDGE / "README.md").read_text(encoding="utf-8")
LISTED = set(re.findall(r"`([^`]+)`", LIST))
PACKAGES = {"uvicorn", "httptools", "websockets", "uvloop"}
#: Whose attributes the list names, and what has them.
OWNERS: dict[str, Any] = {
    "ServerState": ServerState(),
    "Config": uvicorn.Config("hub.app:create_app", log_config=None),
    "Server": uvicorn.Server(uvicorn.Config("hub.app:create_app", log_config=None)),
    "Protocol": Protocol(SERVER),
    "HttpParserCallbackError": ValueError(),
}
#: Attributes that mean nothing else in this code: wherever they stand, they are websockets' own.
TELLTALE = {"recv_frame", "current_size", "parser_exc", "close_rcvd", "server_state", "loaded_app"}
#: A process of its own, which serves its health beside its work; what it uses is listed too.
ELSEWHERE = ROOT / "hub/relay/health.py"
#: The classes that inherit from another package's.
DERIVED = (WebSocketCore, HubServer)


def parse_hub() -> Iterator[tuple[Path, ast.Module]]:
    """Yield every module of the hub."""
    for path in sorted((ROOT / "hub").rglob("*.py")):
        yield path, ast.parse(path.read_text(encoding="utf-8"))


def imported_names(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield module and name of what is imported of the packages that the list is about."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in PACKAGES:
            yield from ((node.module or "", each.name) for each in node.names)
        elif isinstance(node, ast.Import):
            yield from ((each.name, "") for each in node.names if each.name.partition(".")[0] in PACKAGES)


def inherited_uses(kind: type) -> set[str]:
    """Return the attributes of its base, another package's class, that a class reads, writes or replaces."""
    base = kind.__mro__[1]
    own = ast.parse(inspect.getsource(kind))
    named = {node.attr for node in ast.walk(own) if isinstance(node, ast.Attribute) and _is_self(node.value)}
    named |= {node.name for node in ast.walk(own) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    return {name for name in named if has(base, OWNERS[base.__name__], name) and not name.startswith("__")}


def has(kind: type, example: object, name: str) -> bool:
    """Whether a class or its instances have an attribute; some are set only once they are needed."""
    return hasattr(example, name) or re.search(rf"\bself\.{name}\b", inspect.getsource(kind)) is not None


def _is_self(node: ast.expr) -> bool:
    return (isinstance(node, ast.Name) and node.id == "self") or (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"
    )


def test_what_is_listed_exists() -> None:
    """A version that renames one of them fails here, by name, and not in production."""
    attributes = [name.split(".") for name in LISTED if re.fullmatch(r"[A-Z]\w+\.\w+", name)]
    assert len(attributes) > 15
    missing = [f"{owner}.{name}" for owner, name in attributes if not has(type(OWNERS[owner]), OWNERS[owner], name)]
    assert [] == missing


def test_what_the_edge_imports_is_listed() -> None:
    """Every name of these packages, the public ones too."""
    unlisted = [
        f"{path.name}: {name}"
        for path, tree in parse_hub()
        if path.is_relative_to(EDGE)
        for _, name in imported_names(tree)
        if name and name not in LISTED
    ]
    assert [] == unlisted


def test_nothing_private_is_imported() -> None:
    """No module and no name with an underscore before it, anywhere in the hub."""
    private = [
        f"{path}: {module}.{name}"
        for path, tree in parse_hub()
        for module, name in imported_names(tree)
        if any(part.startswith("_") for part in (*module.split("."), name))
    ]
    assert [] == private


def test_internals_stay_in_the_edge() -> None:
    """The other rooms use none of them, and know the server by what the edge makes of it."""
    strays = [
        f"{path.relative_to(ROOT)}: {node.attr}"
        for path, tree in parse_hub()
        if not path.is_relative_to(EDGE)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in TELLTALE
    ]
    assert [] == strays
    assert [] == [
        f"{path.relative_to(ROOT)}: {module}"
        for path, tree in parse_hub()
        if not path.is_relative_to(EDGE) and path != ELSEWHERE
        for module, _ in imported_names(tree)
        if module.partition(".")[0] in {"uvicorn", "httptools"}
    ]


@pytest.mark.parametrize("kind", DERIVED)
def test_what_is_inherited_is_listed(kind: type) -> None:
    """What a class of ours uses of its base stands on the list, whichever name it has."""
    base = kind.__mro__[1].__name__
    assert set() == {f"{base}.{name}" for name in inherited_uses(kind)} - LISTED - {"Protocol.state"}


def test_nothing_else_inherits() -> None:
    """Only these classes have another package's class as their base."""
    modules = (exchange, http_protocol, websocket_core, websocket_protocol)
    foreign = {
        kind
        for module in modules
        for kind in vars(module).values()
        if inspect.isclass(kind) and kind.__module__.startswith("hub.")
        for base in kind.__mro__
        if base.__module__.partition(".")[0] in PACKAGES
    }
    assert {WebSocketCore} == foreign


def owned_objects(root: object) -> dict[int, object]:
    """Return the objects of the edge, and of websockets, that a connection consists of."""
    found: dict[int, object] = {}
    waiting = [root]
    while waiting:
        one = waiting.pop()
        module = type(one).__module__
        if id(one) in found or isinstance(one, ServerContext) or not module.startswith(("hub.edge", "websockets")):
            continue
        found[id(one)] = one
        slots = [slot for kind in type(one).__mro__ for slot in getattr(kind, "__slots__", ())]
        waiting += [getattr(one, slot) for slot in slots if hasattr(one, slot)]
        waiting += list(getattr(one, "__dict__", {}).values())
    return found


async def test_everything_on_a_connection_can_be_shown(hub: RunningHub) -> None:
    """`repr` of whatever a debugger or a log line could meet."""
    await hub.http.get("/health/live")
    async with hub.websocket(), hub.events():
        shown = [repr(one) for root in hub.server.server_state.connections for one in owned_objects(root).values()]
    for kind in ("WebSocketProtocol open", "HttpProtocol streaming", "WebSocketCore open", "ListenerExchange", "Flow"):
        assert any(kind in text for text in shown), (kind, shown)
    assert all(hub.token().partition(".")[0] not in text for text in shown)


async def test_connections_share_the_context_and_nothing_else(hub: RunningHub) -> None:
    """Two connections of one server: no object that one could change for the other, and an id of websockets' each."""
    async with hub.websocket(), hub.websocket():
        first, second = (
            owned_objects(one)
            for one in hub.server.server_state.connections
            if isinstance(one, websocket_protocol.WebSocketProtocol)
        )
    changeable = {key for key, one in first.items() if not isinstance(one, int | str | bytes)}
    assert set() == changeable & second.keys()
    ids = [one.id for part in (first, second) for one in part.values() if isinstance(one, WebSocketCore)]
    assert 2 == len(set(ids))
