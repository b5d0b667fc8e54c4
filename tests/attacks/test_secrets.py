"""Secrets and people's ids stay where they belong: in no log, metric, problem or close reason."""

from __future__ import annotations

import asyncio
import atexit
import base64
import io
import json
import logging
import re
import secrets
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from hub.directory.demo import DEMO_USERS, create_demo_directory
from hub.logging import NOISY_LOGGERS, configure_logging
from tests.attacks.identity import write_keys
from tests.attacks.wire import Wire
from tests.harness import DEADLINE_S, RunningHub, run_hub

PASSWORD = "canary-password-4711"
#: A user and an account that are in no directory.
STRANGER, STRANGE_ACCOUNT = "98765432100", "98765432000199"


class Canaries:
    """Everything that may show up nowhere, by name."""

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}
        self.ids = {f"id {user.user_id}": user.user_id for user in DEMO_USERS} | {
            "id of a stranger": STRANGER,
            "id of a strange account": STRANGE_ACCOUNT,
        }

    def add(self, name: str, secret: str) -> str:
        """Watch for this secret from now on."""
        self.secrets[name] = secret
        return secret

    def found_in(self, text: str, *, ids: bool = True) -> list[str]:
        """Return the names of what `text` holds, as it is or encoded."""
        watched = self.secrets | (self.ids if ids else {})
        return sorted(name for name, canary in watched.items() if any(holds(text, form) for form in forms_of(canary)))


def holds(text: str, form: str) -> bool:
    """Say whether a text has this in it; digits not as a part of more digits, as in a sum of 0.30000000000000004."""
    return re.search(rf"(?<!\d){form}(?!\d)", text) is not None if form.isdigit() else form in text


def forms_of(canary: str) -> set[str]:
    """Return the spellings in which a canary would still be one; of a token its signature is enough."""
    forms = {canary, base64.urlsafe_b64encode(canary.encode()).decode().rstrip("=")}
    if canary.count(".") == 2:
        forms.add(canary.rpartition(".")[2])
    return forms


class Records(logging.Handler):
    """Everything that is logged, before anybody scrubs it."""

    def __init__(self) -> None:
        super().__init__(level=logging.NOTSET)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep all that a record holds."""
        trouble = logging.Formatter().formatException(record.exc_info) if record.exc_info else ""
        self.texts.append(f"{record.getMessage()} {record.args!r} {vars(record)!r} {trouble}")


class LogLines:
    """What the hub wrote to its log, and the records behind it."""

    def __init__(self) -> None:
        self.written = io.StringIO()
        self.records = Records()


@pytest.fixture
def log_lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[LogLines]:
    """The hub's own logging at its most talkative; what was there before is put back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in ("hub", *NOISY_LOGGERS)}
    log_lines = LogLines()
    monkeypatch.setattr(sys, "stderr", log_lines.written)
    line_handler = configure_logging("debug", json_lines=True)
    monkeypatch.undo()
    # Below WARNING only the hub itself may speak; this is what `configure_logging` promises.
    root.addHandler(log_lines.records)
    yield log_lines
    line_handler.close()
    atexit.unregister(line_handler.close)
    logging.captureWarnings(False)
    for handler in root.handlers[:]:
        root.removeHandler(handler)
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


@pytest.fixture
async def hub(tmp_path: Path, log_lines: LogLines) -> AsyncIterator[RunningHub]:
    """A hub with a directory."""
    keys = write_keys(
        tmp_path / "services.json", {"full": {"everyone": True, "operations": ["publish", "stats", "disconnect"]}}
    )
    await create_demo_directory(tmp_path / "directory.sqlite3")
    directory = f"sqlite+aiosqlite:///{tmp_path / 'directory.sqlite3'}"
    async with run_hub(
        tmp_path, service_keys_file=tmp_path / "services.json", directory_url=directory, heartbeat_s=0.2
    ) as hub:
        hub.key = keys["full"]
        yield hub


class Walker:
    """Walks every path with every secret and keeps all that came back."""

    def __init__(self, hub: RunningHub, canaries: Canaries) -> None:
        self._hub = hub
        self._canaries = canaries
        #: What an attacker, a neighbour or a proxy could see of refusals and of statistics.
        self.answers: list[str] = []
        self.statuses: set[int] = set()
        self.close_codes: set[int] = set()

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Make a request; keep its answer unless it is the secret that was asked for."""
        response = await self._hub.http.request(method, path, **options)
        self.statuses.add(response.status_code)
        if response.status_code >= 400:
            self.answers.append(f"{response.headers!r} {response.text}")
        return response

    async def everywhere(self, secret: str) -> None:
        """Present a credential in every place where one is looked for, and in some where none is."""
        bearer = {"authorization": f"Bearer {secret}"}
        encoded = base64.urlsafe_b64encode(secret.encode()).decode().rstrip("=")
        offers: list[tuple[str, dict[str, str], list[str]]] = [
            (f"/ws?token={secret}", {}, []),
            (f"/ws?token={secret}", {}, ["hub.v1"]),
            ("/ws", bearer, []),
            ("/ws", bearer, ["hub.v1"]),
            ("/ws", {}, [f"hub.bearer.{encoded}"]),
            ("/ws", {}, ["hub.v1", f"hub.bearer.{encoded}"]),
            (f"/ws/{secret}", {}, []),
            (f"/ws?token={secret}&cursor={secret}", bearer, ["hub.v1"]),
            (f"/ws?token={secret}", {"origin": f"https://{secret[:20]}"}, []),
        ]
        for path, headers, subprotocols in offers:
            await self.websocket(path, headers, subprotocols)
        for path in ("/sse", "/poll", "/streams/me"):
            for options in (
                {"params": {"token": secret}},
                {"headers": bearer},
                {"headers": {**bearer, "last-event-id": secret[:100]}},
                {"headers": {"authorization": f"Basic {secret}"}},
                {"headers": bearer, "params": {"cursor": secret}},
                {"headers": bearer, "params": {"offset": secret}},
                {"headers": {**bearer, "origin": "https://evil.example"}},
            ):
                await self.stream(path, **options)
        for method, path in (
            ("POST", "/api/ticket"),
            ("POST", "/api/internal/notify"),
            ("POST", "/api/internal/notify/batch"),
            ("POST", "/api/internal/disconnect"),
            ("GET", "/api/internal/ws-stats"),
            ("GET", "/metrics"),
            ("GET", f"/{secret}"),
            ("DELETE", "/sse"),
        ):
            response = await self.request(method, path, headers=bearer, params={"token": secret})
            if path == "/api/ticket" and response.status_code == 201:
                self._canaries.add(f"ticket {len(self._canaries.secrets)}", response.json()["ticket"])
        async with Wire(self._hub.port) as wire:  # a request that is cut off by a parser
            await wire.send(
                f"GET /ws?token={secret} HTTP/1.1\r\nAuthorization: Bearer {secret}\r\nBad\0: {secret}\r\n\r\n".encode()
            )
            self.answers.append((await wire.rest()).decode("latin-1"))

    async def websocket(self, path: str, headers: dict[str, str], subprotocols: list[str]) -> None:
        """Connect and say something secret; keep the refusal or the close reason."""
        try:
            async with connect(
                self._hub.ws_url + path,
                additional_headers=headers,
                subprotocols=[Subprotocol(name) for name in subprotocols] or None,
                compression=None,
                proxy=None,
            ) as connection:
                await connection.recv()
                token = next(iter(self._canaries.secrets.values()))
                await connection.send(json.dumps({"type": "auth", "token": f"{token}x"}))
                async with asyncio.timeout(DEADLINE_S):
                    while "hub.v1" in subprotocols:
                        await connection.recv()
        except InvalidStatus as refusal:
            self.statuses.add(refusal.response.status_code)
            self.answers.append(f"{refusal.response.headers!r} {bytes(refusal.response.body or b'')!r}")
        except ConnectionClosed as closed:
            self.close_codes.add(closed.rcvd.code if closed.rcvd else 1006)
            self.answers.append(closed.rcvd.reason if closed.rcvd else "")

    async def stream(self, path: str, **options: Any) -> None:
        """Open and leave a stream; keep a refusal."""
        async with self._hub.http.stream("GET", path, **options) as response:
            self.statuses.add(response.status_code)
            if response.status_code != 200:
                self.answers.append(f"{response.headers!r} {(await response.aread()).decode()}")


async def test_no_secret_is_seen_anywhere(hub: RunningHub, log_lines: LogLines, tmp_path: Path) -> None:
    """Every credential, good and bad, through every path: none in a log record, metric, problem or close reason."""
    canaries = Canaries()
    walker = Walker(hub, canaries)
    ana = DEMO_USERS[0]
    presented = {
        "token": hub.token(ana.user_id, ana.account_id, jti="canary-jti"),
        "expired token": hub.token(ana.user_id, ana.account_id, ttl_s=-5),
        "forged token": hub.token(ana.user_id, ana.account_id, secret=secrets.token_hex(32)),
        "token of a stranger": hub.token(STRANGER, STRANGE_ACCOUNT),
        "token of somebody inactive": hub.token(DEMO_USERS[5].user_id, DEMO_USERS[5].account_id),
        "token of a suspended account": hub.token(DEMO_USERS[4].user_id, DEMO_USERS[4].account_id),
        "token of another account": hub.token(ana.user_id, STRANGE_ACCOUNT),
        "unknown key": f"hubk_{secrets.token_urlsafe(32)}",
        "unknown ticket": f"hubt_{secrets.token_urlsafe(32)}",
        "short-lived token": hub.token(ana.user_id, ana.account_id, ttl_s=3),
    }
    canaries.add("service key", hub.key)
    canaries.add("signing secret", hub.settings.jwt_secret)
    for name, secret in presented.items():
        canaries.add(name, secret)
    for secret in [*presented.values(), hub.key]:
        await walker.everywhere(secret)
    for name in [name for name in canaries.secrets if name.startswith("ticket")]:
        await walker.everywhere(canaries.secrets[name])

    # Bodies that are refused, with ids and secrets in every field.
    for field in ("type", "title", "message", "user_id", "account_id", "timestamp", "data"):
        for value in (STRANGER, presented["token"], [STRANGER], {STRANGER: presented["token"]}, 7):
            body = {"type": "stock_alert", "title": "t", "message": "m", "user_id": STRANGER, field: value}
            await walker.request("POST", "/api/internal/notify", content=json.dumps(body), headers=hub.headers())
    async with hub.websocket(presented["token"]) as live:
        for asked in ({"user_id": ana.user_id}, {"jti": "canary-jti", "revoke": True}, {"token": presented["token"]}):
            await walker.request("POST", "/api/internal/disconnect", content=json.dumps(asked), headers=hub.headers())
        assert 4502 == await live.wait_closed()
    # Revoked now: the same paths once more.
    await walker.everywhere(presented["token"])
    await walker.request(
        "POST", "/api/internal/notify", content=b"{}", headers=hub.headers({"idempotency-key": f"{hub.key}{'x' * 300}"})
    )

    metrics = (await hub.http.get("/metrics", headers=hub.headers())).text
    stats = (await hub.http.get("/api/internal/ws-stats", headers=hub.headers())).text
    assert {400, 401, 403, 404, 405, 415, 422} <= walker.statuses
    assert not {status for status in walker.statuses if status >= 500}
    assert {4001, 4500, 4501} <= walker.close_codes
    assert [] == canaries.found_in("\n".join(walker.answers))
    assert [] == canaries.found_in(metrics)
    assert [] == canaries.found_in(stats)
    assert any("disconnected" in text for text in log_lines.records.texts), "nothing was logged at all"
    assert [] == canaries.found_in("\n".join(log_lines.records.texts))
    assert [] == canaries.found_in(log_lines.written.getvalue())
    assert len(canaries.secrets) > len(presented) + 2, "no ticket was issued"
    # The hub's own store keeps ids, and nothing that opens a door.
    stored = b"".join(path.read_bytes() for path in sorted((tmp_path / "data").iterdir())).decode("latin-1")
    assert [] == canaries.found_in(stored, ids=False)


async def test_a_failing_directory_tells_no_password(tmp_path: Path, log_lines: LogLines) -> None:
    """A database that cannot be reached is a 503 and a line in the log, without its password or the user's id."""
    url = f"postgresql+asyncpg://hub:{PASSWORD}@127.0.0.1:1/avadmin"
    async with run_hub(tmp_path, directory_url=url) as hub:
        headers = {"authorization": f"Bearer {hub.token(STRANGER, STRANGE_ACCOUNT)}"}
        answers = [
            await hub.http.get(path, headers=headers) for path in ("/sse", "/poll", "/streams/me", "/health/ready")
        ]
        answers.append(await hub.publish(user_id=STRANGER))
        assert [503, 503, 503, 503, 503] == [answer.status_code for answer in answers]
        metrics = await hub.http.get("/metrics", headers=hub.headers())
    seen = [*(answer.text for answer in answers), metrics.text, *log_lines.records.texts, log_lines.written.getvalue()]
    for text in seen:
        assert not re.search(f"{PASSWORD}|{STRANGER}|{STRANGE_ACCOUNT}", text), text[:500]


async def test_the_log_scrubs_what_a_library_would_say(hub: RunningHub, log_lines: LogLines) -> None:
    """Should a library speak up after all, each record is one line without the token, the key or the CPF in it."""
    token, key, ticket = hub.token(STRANGER), hub.key, f"hubt_{secrets.token_urlsafe(32)}"
    lines = [
        f'127.0.0.1:1 - "WebSocket /ws?token={token}&cursor=x" [accepted]',
        f"Authorization: Bearer {key}",
        f"GET /sse?token={ticket} user {STRANGER} account 98.765.432/0001-99",
        f"hub.v1, hub.bearer.{base64.urlsafe_b64encode(token.encode()).decode()}",
        f"first\nsecond\r\n2026 error forged: {token}\x1b[31m\u2028x",
    ]
    for line in lines:
        logging.getLogger("websockets").warning("%s", line)
    deadline_s = time.monotonic() + 5
    while log_lines.written.getvalue().count('"logger": "websockets"') < len(lines) and time.monotonic() < deadline_s:
        await hub.http.get("/health/live")
    written = log_lines.written.getvalue()
    # Before them the hub wrote the line of its start.
    assert ["hub.app", *["websockets"] * len(lines)] == [json.loads(line)["logger"] for line in written.splitlines()]
    for secret in (token, token.rpartition(".")[2], key, ticket, STRANGER, "98.765.432/0001-99", "\x1b", "\u2028"):
        assert secret not in written
