"""The rooms of the hub, held by walking the imports: what may lean on what, and what each room must not touch.

The table below is the design's, in its order: a room imports only from rooms above it. A new module makes
these tests fail until it stands in the table.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import msgspec
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent

#: The standard library's ways to the world outside the process, or to another thread.
OUTSIDE = frozenset(
    {"asyncio", "concurrent", "ftplib", "http.client", "http.server", "multiprocessing", "select", "selectors"}
    | {"signal", "smtplib", "socket", "socketserver", "sqlite3", "ssl", "subprocess", "threading", "urllib.request"}
)
#: What tells the time of day. Time is an argument, so that a test can be at any moment; only the composition
#: and the commands read it. How long something takes (`time.monotonic`) is another matter.
WALL_CLOCK = frozenset({"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"})


class Room(msgspec.Struct, frozen=True):
    """A room: its modules' common prefix, the packages it is made of, what it must never import or do."""

    prefix: str
    packages: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()
    awaits: bool = False
    reads_clock: bool = False


def _room(prefix: str, packages: str = "", **rules: Any) -> Room:
    return Room(prefix, frozenset(packages.split()), **rules)


PURE = OUTSIDE | {"time"}
WIRE = PURE | {"importlib", "io", "os", "pathlib", "random", "shutil", "sys", "tempfile"}
NO_SOCKET = frozenset({"socket", "socketserver", "ssl", "http.client", "http.server", "urllib.request"})
NO_SQL = frozenset({"sqlite3"})
NO_ACCESS = NO_SOCKET | NO_SQL

ROOMS = [
    _room("contracts", "msgspec", never=WIRE),
    # The shared words: failures, places, settings, counters; and what the hub writes of itself.
    _room("hub.errors", "msgspec", never=PURE),
    _room("hub.cursor", "msgspec", never=PURE),
    _room("hub.target", never=PURE),
    _room("hub.masking", never=PURE),
    _room("hub.timestamp", never=PURE),
    _room("hub.url", never=PURE),
    _room("hub.backoff", never=PURE | {"random"}),
    _room("hub.language", "msgspec", never=PURE),
    _room("hub.bounds", "msgspec", never=PURE),
    _room("hub.settings", "msgspec", never=PURE),
    _room("hub.histogram", never=PURE),
    _room("hub.metrics", never=PURE),
    _room("hub.routes", never=PURE),
    _room("hub.allowance", never=PURE),
    _room("hub.header_fields", never=PURE),
    _room("hub.asgi", never=PURE),
    _room("hub.direct", never=PURE - {"asyncio"}),
    _room("hub.finding", "msgspec", never=PURE),
    _room("hub.logging", never=NO_ACCESS),
    _room("hub.operator_log", never=NO_ACCESS),
    _room("hub.tasks", never=NO_ACCESS, awaits=True),
    _room("hub.tracing", "msgspec opentelemetry", never=NO_ACCESS),
    # Who exists and who is asking. The directory opens no connection itself; what TLS a URL asks for is put into
    # the standard library's words, and a database that is a file is read by it.
    _room("hub.directory", "asyncpg msgspec sqlalchemy", never=NO_ACCESS - {"ssl", "sqlite3"}, awaits=True),
    _room("hub.auth", "msgspec jwt cryptography httpx", never=NO_ACCESS, awaits=True),
    # The hub's requests to addresses that others chose, behind one guard: no other room opens such a connection.
    _room("hub.outbound.address", never=PURE),
    _room("hub.outbound.destination", "msgspec", never=PURE),
    _room("hub.outbound.slots", never=NO_ACCESS, awaits=True),
    _room("hub.outbound", "httpcore msgspec", never=NO_SQL, awaits=True),
    # The outbox relay, a process of its own: it publishes as any service does and knows nothing of the hub's inside.
    _room("hub.relay.bounds", "msgspec", never=PURE),
    _room("hub.relay.row", "msgspec", never=PURE),
    _room("hub.relay.round", never=PURE),
    _room("hub.relay.response", "msgspec", never=PURE),
    _room("hub.relay", "asyncpg httpx msgspec prometheus_client", never=NO_SQL, awaits=True),
    # The one room that speaks to NATS; what several nodes are made of speaks to its port.
    _room("hub.nats.port", "msgspec", never=PURE, awaits=True),
    _room("hub.nats.replies", never=PURE - {"asyncio"}, awaits=True),
    _room("hub.nats", "cryptography msgspec nats", never=NO_ACCESS - {"ssl"}, awaits=True),
    # What was said: the port, and the engines behind it.
    _room("hub.log.port", "msgspec", never=PURE - {"asyncio"}, awaits=True),
    _room("hub.log.inbox", "msgspec", never=PURE, awaits=True),
    _room("hub.log.tail", never=NO_ACCESS, awaits=True),
    _room("hub.log.sqlite", "msgspec apsw", never=NO_ACCESS, awaits=True),
    _room("hub.log.jetstream.acknowledgement", "msgspec", never=PURE),
    _room("hub.log.jetstream.order", never=PURE),
    _room("hub.log.jetstream.attempts", never=PURE | {"random"}),
    _room("hub.log.jetstream.record", "msgspec", never=PURE),
    _room("hub.log.jetstream.subject", "msgspec", never=PURE),
    _room("hub.log.jetstream.mirror", "apsw msgspec", never=NO_ACCESS, awaits=True),
    _room("hub.log.jetstream", "msgspec", never=NO_ACCESS, awaits=True),
    _room("hub.log", never=NO_ACCESS | {"apsw"}, awaits=True),
    # What the nodes of a cluster tell each other; a hub alone implements the same port.
    _room("hub.cluster.operator", "msgspec", never=PURE),
    _room("hub.cluster.port", "msgspec", never=PURE - {"asyncio"}, awaits=True),
    _room("hub.cluster.alone", never=PURE, awaits=True),
    _room("hub.cluster.message", "msgspec", never=PURE),
    _room("hub.cluster.subject", "msgspec", never=PURE),
    _room("hub.cluster.clocks", never=PURE),
    _room("hub.cluster.members", never=PURE),
    _room("hub.cluster.tally", never=PURE),
    _room("hub.cluster.sums", "msgspec", never=PURE),
    _room("hub.cluster.local", never=PURE, awaits=True),
    _room("hub.cluster", "msgspec", never=NO_ACCESS | {"hub.log.sqlite"}, awaits=True),
    # What services are told, and the deadlines after which they are.
    _room("hub.webhooks.webhook", "msgspec", never=PURE),
    _room("hub.webhooks.body", "msgspec", never=PURE),
    _room("hub.webhooks.course", "msgspec", never=PURE | {"random"}),
    _room("hub.webhooks.endpoint", "msgspec", never=PURE),
    _room("hub.webhooks.record", never=PURE),
    _room("hub.webhooks.request", "standardwebhooks", never=PURE),
    _room("hub.webhooks", "msgspec", never=NO_ACCESS - {"ssl"}, awaits=True),
    _room("hub.deadlines.clock", never=PURE),
    _room("hub.deadlines.deadline", "msgspec", never=PURE),
    _room("hub.deadlines.group", never=PURE),
    _room("hub.deadlines", "msgspec", never=NO_ACCESS, awaits=True),
    # The way out. First what is bytes and values: no wait, no clock.
    _room("hub.delivery.envelope", "sse_starlette", never=PURE | {"hub.log"}),
    _room("hub.delivery.session", never=PURE | {"hub.log"}),
    _room("hub.delivery.resume_table", never=PURE | {"hub.log"}),
    _room("hub.delivery.resume_points", never=PURE | {"hub.log"}),
    _room("hub.delivery.link", never=PURE, awaits=True),
    _room("hub.delivery.mutes", never=PURE | {"hub.log"}),
    _room("hub.delivery.erasures", "msgspec", never=PURE | {"hub.log"}),
    _room("hub.delivery.subscribers", never=PURE),
    _room("hub.delivery.delivery_counts", "msgspec", never=PURE | {"hub.log"}),
    _room("hub.delivery.progress", never=PURE | {"hub.log"}),
    _room("hub.delivery.ports", never=PURE | {"hub.log"}),
    _room("hub.delivery.signals", never=NO_ACCESS | {"hub.log"}, awaits=True),
    _room("hub.delivery", "msgspec", never=NO_ACCESS | {"jwt", "hub.log.sqlite"}, awaits=True),
    # What users make of what they got: the rules, and the log with them.
    _room("hub.inbox.changing", never=PURE),
    _room("hub.inbox", "msgspec", never=NO_ACCESS | {"hub.log.sqlite"}, awaits=True),
    # The way in. It counts who a notification reached, so it comes after the way out.
    _room("hub.publish.depth", never=PURE),
    _room("hub.publish.exactness", never=PURE),
    _room("hub.publish.hyperlink", never=PURE),
    _room("hub.publish.json_body", "msgspec", never=PURE),
    _room("hub.publish.confirm_rule", "msgspec", never=PURE),
    _room("hub.publish.data_rule", "msgspec", never=PURE),
    _room("hub.publish.policies", "msgspec", never=PURE),
    _room("hub.publish.registry", "msgspec", never=PURE),
    _room("hub.publish.example", "msgspec", never=PURE),
    _room("hub.publish.random_uuids", never=PURE),
    _room("hub.publish.body", "msgspec", never=PURE),
    _room("hub.publish", "msgspec", never=NO_ACCESS, awaits=True),
    # Web Push: another way out, of what no connection took.
    _room("hub.push.encryption", "cryptography", never=PURE | {"hub.log"}),
    _room("hub.push.message", "msgspec", never=PURE | {"hub.log"}),
    _room("hub.push.response", never=PURE),
    _room("hub.push.subscription", "msgspec", never=PURE | {"hub.log"}),
    _room("hub.push.schedule", never=PURE | {"hub.log"}),
    _room("hub.push.job", "msgspec", never=PURE),
    _room("hub.push.push_counts", never=PURE),
    _room("hub.push", "cryptography jwt msgspec", never=NO_ACCESS | {"hub.log.sqlite", "hub.publish"}, awaits=True),
    # What operators ask of both ways.
    _room("hub.observe.target_view", "msgspec", never=PURE),
    _room("hub.observe.webhook_view", "msgspec", never=PURE),
    _room("hub.observe", "msgspec", never=NO_ACCESS, awaits=True),
    # The doors. All that leans on the inside of the server and its libraries is in the edge, and no rule is.
    _room(
        "hub.edge",
        "httptools hub_native msgspec uvicorn websockets",
        never=NO_SQL | {"hub.auth", "hub.directory", "hub.log", "hub.publish"},
        awaits=True,
    ),
    _room("hub.transports", "msgspec", never=NO_ACCESS | {"hub.edge", "hub.log", "hub.publish"}, awaits=True),
    _room("hub.api.disconnect_body", "msgspec", never=PURE),
    _room("hub.api", "msgspec litestar prometheus_client", never=NO_ACCESS, awaits=True),
    _room("hub.node", never=NO_ACCESS, awaits=True),
    _room("hub.composition", "litestar msgspec", never=NO_SQL, awaits=True, reads_clock=True),
    _room("hub.app", never=NO_SQL, awaits=True, reads_clock=True),
    _room(
        "hub.cli", "click httpx httpx_sse jwt msgspec opentelemetry uvloop websockets", awaits=True, reads_clock=True
    ),
    _room("hub.__main__"),
]

#: What only the named ones may import: the engine is chosen and the environment read in one place, and a command
#: asks a hub over HTTP as anybody would, except for the document that it prints.
RESERVED = {
    "hub.api": {"hub.api", "hub.app", "hub.cli.commands.openapi", "hub.composition"},
    "hub.log.sqlite": {"hub.log"},
    "hub.settings.read_settings": {"hub.app", "hub.cli", "hub.__main__"},
    "hub.settings.reading": {"hub.settings"},
}

#: Packages that an extra brings, which the hub runs without; the modules that import them are loaded only then.
EXTRAS = {"nats": "cluster", "opentelemetry": "otel"}
#: Packages of this tree that are built where they can be, and that the hub runs without.
BUILT_WHERE_POSSIBLE = {"hub_native"}
LOADED_WITH_EXTRAS = {"hub.tracing", "hub.cli.support.span_export", "hub.nats.client", "hub.nats.connection"}

#: Dependencies that no module imports: others load them by name.
LOADED_BY_NAME = {
    "aiosqlite": "SQLAlchemy, for sqlite+aiosqlite",
}


def _module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    _module_name(path): path for package in ("contracts", "hub") for path in sorted((ROOT / package).rglob("*.py"))
}
#: The package's own door is no room.
DOOR = MODULES.pop("hub")
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
every_module = pytest.mark.parametrize("name", MODULES)


def _parse(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text(encoding="utf-8"))


def _is_in(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}.")


def _place_of(name: str) -> int | None:
    """Return the number of the room that `name` is in, counted from the top; the closest one counts."""
    places = [place for place, room in enumerate(ROOMS) if _is_in(name, room.prefix)]
    return max(places, key=lambda place: len(ROOMS[place].prefix), default=None)


def _imports_of(tree: ast.Module) -> Iterator[str]:
    """Yield the dotted name of everything that is imported, at any depth of the code; a relative import as `.`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ("." if node.level else f"{node.module}.{alias.name}" for alias in node.names)


def _early_imports_of(tree: ast.Module) -> Iterator[str]:
    """Yield what the import of a module imports with it: not what a type checker alone, or a call, does."""
    yield from _imports_of(ast.Module([node for node in tree.body if not isinstance(node, ast.If | Definition)], []))


def _wrong_imports(name: str, tree: ast.Module) -> list[str]:
    """Return what the module must not import, each with the reason."""
    place = _place_of(name)
    assert place is not None, f"{name} is in no room: add it to the table of rooms, in its place"
    room = ROOMS[place]
    wrong = []
    for imported in _imports_of(tree):
        package = imported.partition(".")[0]
        if package in {"contracts", "hub"}:
            there = _place_of(imported)
            if there is None:
                wrong.append(f"{imported}: is in no room")
            elif there > place:
                wrong.append(f"{imported}: {ROOMS[there].prefix} is below {room.prefix}")
        elif package not in sys.stdlib_module_names and package not in room.packages:
            wrong.append(f"{imported}: {room.prefix} is not made of it")
        if any(_is_in(imported, banned) for banned in room.never):
            wrong.append(f"{imported}: never in {room.prefix}")
        for reserved, allowed in RESERVED.items():
            if _is_in(imported, reserved) and not any(_is_in(name, prefix) for prefix in allowed):
                wrong.append(f"{imported}: only in {', '.join(sorted(allowed))}")
    return wrong


def _wall_clock_reads(tree: ast.Module) -> set[str]:
    called = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return (called | set(_imports_of(tree))) & WALL_CLOCK


def _awaits(tree: ast.Module) -> bool:
    waiting = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    return any(isinstance(node, waiting) for node in ast.walk(tree))


def _public_definitions(tree: ast.Module) -> list[Definition]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return [node for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")]


def _is_subcommand(node: Definition) -> bool:
    """Whether a group of commands of the same module takes this function: nobody else calls it."""
    return any(re.match(r"(?!click\b)\w+\.(command|group)\b", ast.unparse(mark)) for mark in node.decorator_list)


def _exported(tree: ast.Module) -> list[str] | None:
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == "__all__" for to in node.targets):
            names: list[str] = ast.literal_eval(node.value)
            return names
    return None


def _says_its_title(node: ast.stmt) -> bool:
    """Whether this is a row of the table of failures, which says in `title` what a docstring would."""
    targets = node.targets if isinstance(node, ast.Assign) else []
    return any(isinstance(name, ast.Name) and name.id == "title" for to in targets for name in ast.walk(to))


class TestRooms:
    @every_module
    def test_imports(self, name: str) -> None:
        """A module imports only from rooms above its own, the packages its room is made of, and nothing banned."""
        assert [] == _wrong_imports(name, _parse(name))

    @every_module
    def test_waiting(self, name: str) -> None:
        """Rooms whose results must not depend on timing never await."""
        place = _place_of(name)
        if place is not None and not ROOMS[place].awaits:
            assert not _awaits(_parse(name))

    @every_module
    def test_time_is_passed_in(self, name: str) -> None:
        """Only the composition and the commands know what time it is; everyone else is told."""
        place = _place_of(name)
        if place is not None and not ROOMS[place].reads_clock:
            assert set() == _wall_clock_reads(_parse(name))

    def test_every_module_has_a_room(self) -> None:
        """Every module is in a room, and no room stands twice in the table."""
        assert [] == [name for name in MODULES if _place_of(name) is None]
        assert len(ROOMS) == len({room.prefix for room in ROOMS})

    def test_every_room_exists(self) -> None:
        """The table names no room that is gone."""
        assert [] == [room.prefix for room in ROOMS if not any(_is_in(name, room.prefix) for name in MODULES)]

    def test_door_is_empty(self) -> None:
        """`import hub` runs nothing: whoever needs one room gets no other with it."""
        assert [] == ast.parse(DOOR.read_text(encoding="utf-8")).body


class TestWalk:
    """The walk itself, so that a green run means something."""

    @pytest.mark.parametrize(
        ("name", "source"),
        [
            ("contracts.frame", "import hub"),
            ("contracts.frame", "from hub.errors import HubError"),
            ("contracts.frame", "import asyncio"),
            ("contracts.frame", "import httpx"),
            ("hub.errors", "from hub.cursor import Cursor"),
            ("hub.errors", "from . import cursor"),
            ("hub.delivery.session", "import asyncio"),
            ("hub.delivery.session", "def f():\n    from asyncio import sleep"),
            ("hub.delivery.session", "import time"),
            ("hub.delivery.session", "from hub.delivery import subscribers"),
            ("hub.delivery.session", "if TYPE_CHECKING:\n    from hub.log.port import Log"),
            ("hub.delivery.envelope", "import socket"),
            ("hub.auth.tokens", "import litestar"),
            ("hub.auth.tokens", "from uvicorn.server import Server"),
            ("hub.relay.round", "import asyncio"),
            ("hub.relay.round", "import time"),
            ("hub.relay.sender", "from hub.log.port import Log"),
            ("hub.relay.health", "from hub.edge.metrics_port import serve_metrics"),
            ("hub.log.sqlite.log", "from hub.delivery.subscribers import Subscribers"),
            ("hub.delivery.dispatcher", "import jwt"),
            ("hub.delivery.dispatcher", "from litestar import get"),
            ("hub.delivery.dispatcher", "import sqlalchemy.ext.asyncio"),
            ("hub.delivery.dispatcher", "from hub.log.sqlite.log import SqliteLog"),
            ("hub.transports.sse", "from hub.log.port import Log"),
            ("hub.transports.sse", "from hub.api.handlers import notify"),
            ("hub.transports.sse", "from uvicorn.protocols.utils import is_ssl"),
            ("hub.transports.sse", "from hub.edge.event_stream_link import EventStreamLink"),
            ("hub.edge.links", "from hub.auth.grant import Grant"),
            ("hub.delivery.connections", "from hub.edge.links import TransportLink"),
            ("hub.transports.sse", "from hub.settings import read_settings"),
            ("hub.api.handlers.notify", "import apsw"),
            ("hub.api.handlers.notify", "from sqlalchemy import text"),
            ("hub.api.handlers.notify", "import socket"),
            ("hub.cli.commands.serve", "from hub.api.handlers.notify import publish"),
            ("hub.cli.support.checks", "import apsw"),
            ("hub.cli.support.checks", "from hub.log.sqlite.lock import LogLock"),
            ("hub.composition", "from hub.log.sqlite.schema import LOG_NAME"),
            ("hub.api.handlers.notify", "import hub.newcomer"),
        ],
    )
    def test_wrong_import_is_found(self, name: str, source: str) -> None:
        """An import that the design forbids is found wherever it is written."""
        assert 1 <= len(_wrong_imports(name, ast.parse(source)))

    @pytest.mark.parametrize(
        ("name", "source"),
        [
            ("contracts.frame", "from contracts.data import Data\nfrom datetime import datetime"),
            ("hub.auth.tokens", "import jwt\nfrom hub.errors import InvalidToken\nfrom hub.auth.keys import Keys"),
            ("hub.publish.publisher", "from http import HTTPStatus"),
            ("hub.app", "import time\nfrom hub.composition import open_hub\nfrom hub.settings import read_settings"),
        ],
    )
    def test_right_import_is_left_alone(self, name: str, source: str) -> None:
        """What the design allows is not reported."""
        assert [] == _wrong_imports(name, ast.parse(source))

    def test_module_without_a_room_is_found(self) -> None:
        """A module that nobody put into the table fails by name."""
        with pytest.raises(AssertionError, match=r"hub\.newcomer is in no room"):
            _wrong_imports("hub.newcomer", ast.parse(""))

    @pytest.mark.parametrize("source", ["async def f(): pass", "def f():\n    async def g(): pass"])
    def test_waiting_is_found(self, source: str) -> None:
        """A coroutine counts wherever it stands."""
        assert _awaits(ast.parse(source))

    @pytest.mark.parametrize(
        "source", ["import time\ndef f(now=time.time): pass", "from time import time", "datetime.now(UTC)"]
    )
    def test_clock_is_found(self, source: str) -> None:
        """A look at the clock counts as a call, as a default and as an import."""
        assert _wall_clock_reads(ast.parse(source))


class TestModules:
    @every_module
    def test_name_is_a_noun_of_the_domain(self, name: str) -> None:
        """No module is a drawer for what found no place."""
        assert not {"common", "helper", "helpers", "manager", "misc", "util", "utils"} & set(name.split("."))

    @every_module
    def test_length(self, name: str) -> None:
        """A module is read in one sitting: at most 400 lines."""
        assert len(MODULES[name].read_text(encoding="utf-8").splitlines()) <= 400

    @every_module
    def test_all(self, name: str) -> None:
        """A module with public definitions names all of them in `__all__`; a `__main__` is only run."""
        if name.endswith(".__main__"):
            return
        tree = _parse(name)
        exported = _exported(tree)
        defined = {node.name for node in _public_definitions(tree) if not _is_subcommand(node)}
        assert exported is not None or not tree.body or (len(tree.body) == 1 and ast.get_docstring(tree))
        assert set() == defined - set(exported or ())

    @every_module
    def test_docstrings(self, name: str) -> None:
        """Every module that holds something, public class and public function says what it promises."""
        tree = _parse(name)
        missing = [
            node.name
            for node in _public_definitions(tree)
            if not ast.get_docstring(node) and not any(map(_says_its_title, node.body))
        ]
        assert [] == missing
        assert ast.get_docstring(tree) or not tree.body


class TestDependencies:
    def test_imported_is_declared_and_declared_is_used(self) -> None:
        """pyproject.toml names exactly the packages that the rooms are made of, or that are loaded by name."""
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        declared = {canonicalize_name(Requirement(line).name) for line in project["dependencies"]}
        distributions = packages_distributions()
        imported = {
            canonicalize_name(distributions[package][0])
            for name in MODULES
            for package in {imported.partition(".")[0] for imported in _imports_of(_parse(name))}
            if package not in sys.stdlib_module_names
            and package not in {"contracts", "hub", "", *EXTRAS, *BUILT_WHERE_POSSIBLE}
        }
        # cryptography is declared as an extra: pyjwt[crypto]. The contracts are a package of their own, of this tree.
        assert declared == (imported - {"cryptography"}) | set(LOADED_BY_NAME) | {"notification-hub-contracts"}
        assert set() == imported & set(LOADED_BY_NAME)

    def test_extras_are_loaded_only_where_they_are_wanted(self) -> None:
        """What an extra brings is imported by the modules named here alone, and each extra is declared."""
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        assert set(EXTRAS.values()) == set(project["optional-dependencies"])
        importing = {name for name in MODULES for each in _imports_of(_parse(name)) if each.partition(".")[0] in EXTRAS}
        assert importing == LOADED_WITH_EXTRAS
        early = {
            (name, each)
            for name in MODULES.keys() - LOADED_WITH_EXTRAS
            for each in _early_imports_of(_parse(name))
            if any(_is_in(each, loaded) for loaded in LOADED_WITH_EXTRAS)
        }
        assert set() == early

    def test_rooms_are_made_of_what_they_use(self) -> None:
        """The table grants no room a package that none of its modules imports."""
        used: dict[str, set[str]] = {room.prefix: set() for room in ROOMS}
        for name in MODULES:
            place = _place_of(name)
            if place is not None:
                used[ROOMS[place].prefix] |= {imported.partition(".")[0] for imported in _imports_of(_parse(name))}
        granted = {room.prefix: sorted(room.packages - used[room.prefix]) for room in ROOMS}
        assert {} == {prefix: idle for prefix, idle in granted.items() if idle}
