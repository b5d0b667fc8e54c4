"""One real hub in a thread of this process: its log in a folder, its address on loopback, its own secret and key."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import secrets
import socket
import threading
import time
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import CancelledError
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
import jwt
import uvloop

from hub.app import HubApp
from hub.auth.grant import OPERATIONS
from hub.directory import demo
from hub.edge.server import HubServer, configure, listen
from hub.settings import Settings
from notification_hub_testing.listener import Listener

__all__ = ["DEMO_USERS", "LocalHub", "PublishRefused"]

Result = TypeVar("Result")
#: How long a hub may take to start or to end, on a machine that is busy.
DEADLINE_S = 30.0


def _describe_user(number: int) -> dict[str, str]:
    user = demo.DEMO_USERS[number]
    assert user.account_id is not None
    return {"user_id": user.user_id, "account_id": user.account_id}


#: The demo users of a hub that is started with `demo_users`, each in an account of their own, as arguments of `listen`
#: and `token`.
DEMO_USERS: Mapping[str, dict[str, str]] = {"buyer": _describe_user(0), "seller": _describe_user(1)}


class PublishRefused(Exception):
    """The hub refused a publish; `problem` is its response (RFC 9457): `code`, and mostly `detail` and `field`."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(": ".join(str(problem[name]) for name in ("code", "title", "detail") if problem.get(name)))
        self.problem = problem


class LocalHub:
    """A hub that runs until `stop`; a context manager. Any thread may use it.

    `account_id` and `user_id` are this hub's own, made up, and what everything uses that names nobody else.
    """

    def __init__(self, folder: Path, *, demo_users: bool = False, **settings: Any) -> None:
        """Start a hub with its log in `folder`; `settings` are fields of `hub.settings.Settings`, such as `contracts`.

        With `demo_users` it knows the users of `hub serve --dev` alone (`DEMO_USERS` has two); else any user exists.

        Raises:
            RuntimeError: it did not start; the text says why.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.service_key = f"hubk_{secrets.token_urlsafe(32)}"
        self.account_id = f"account-{secrets.token_hex(4)}"
        self.user_id = f"user-{secrets.token_hex(4)}"
        self._secret = secrets.token_hex(32)
        key_file = folder / "keys.json"
        key_file.write_text(json.dumps({"keys": [_describe_key(self.service_key)]}), encoding="utf-8")
        values: dict[str, Any] = {
            "port": 0,
            "data_dir": folder / "data",
            "jwt_secret": self._secret,
            "service_keys_file": key_file,
            "drain_s": 0.0,
        }
        self._directory = folder / "demo-directory.sqlite3" if demo_users else None
        if self._directory is not None:
            values["directory_url"] = f"sqlite+aiosqlite:///{self._directory}"
        self.settings = Settings(**{**values, **settings})
        self._port = self.settings.port
        self._listeners: list[Listener] = []
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self._loop = self._runner.get_loop()
        self._thread = threading.Thread(target=self._run, name="hub", daemon=True)
        self._ending = asyncio.Event()
        self._server: HubServer | None = None
        self._serving: asyncio.Task[None] | None = None
        self._thread.start()
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Where it responds: `http://127.0.0.1:PORT`; the same after a restart."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def ws_url(self) -> str:
        """The address of its WebSocket."""
        return f"ws://127.0.0.1:{self._port}/ws"

    @property
    def environ(self) -> dict[str, str]:
        """The variables that a service and the command `hub` read: its address and its service key."""
        return {"HUB_URL": self.url, "HUB_KEY": self.service_key, "HUB_SERVICE_KEY": self.service_key}

    def token(
        self,
        user_id: str | None = None,
        account_id: str | None = None,
        *,
        role: str = "user",
        lifetime_s: float = 3_600,
        **claims: Any,
    ) -> str:
        """Return a user's token, as the issuer of your system makes them; `claims` are added."""
        user_id = user_id or self.user_id
        payload = {
            "sub": user_id,
            self.settings.jwt_user_claim: user_id,
            self.settings.jwt_account_claim: account_id or self.account_id,
            self.settings.jwt_role_claim: role,
            "exp": time.time() + lifetime_s,
            **claims,
        }
        return jwt.encode(payload, self._secret, algorithm="HS256")

    def publish(
        self,
        type: str,  # the field's name
        *,
        title: str = "title",
        message: str = "message",
        data: object = None,
        user_id: str | None = None,
        user_ids: Sequence[str] | None = None,
        account_id: str | None = None,
        everyone: bool = False,
        idempotency_key: str | None = None,
        **fields: Any,
    ) -> dict[str, Any]:
        """Publish as a service does and return the receipt; by default to this hub's own user.

        With an `account_id` alone it is for everybody in that account.

        Raises:
            PublishRefused: the hub refused it.
        """
        body: dict[str, Any] = {"type": type, "title": title, "message": message, **fields}
        if data is not None:
            body["data"] = data
        if everyone:
            body["everyone"] = True
        else:
            body["account_id"] = account_id or self.account_id
            if user_ids is not None:
                body["user_ids"] = list(user_ids)
            elif user_id is not None or account_id is None:
                body["user_id"] = user_id or self.user_id
        headers = {"authorization": f"Bearer {self.service_key}"}
        if idempotency_key is not None:
            headers["idempotency-key"] = idempotency_key
        response = httpx.post(
            f"{self.url}/api/internal/notify", json=body, headers=headers, timeout=DEADLINE_S, trust_env=False
        )
        answer: dict[str, Any] = response.json()
        if response.status_code != 202:
            raise PublishRefused(answer)
        return answer

    def listen(
        self, user_id: str | None = None, account_id: str | None = None, *, cursor: str | None = None
    ) -> Listener:
        """Connect as a user, by default this hub's own, and return once the hub has greeted the connection.

        What is published from then on comes from `Listener.next`, also after a `restart`. `cursor`: what came after it
        comes first.
        """
        listener = Listener(self._loop, lambda: self.url, lambda: self.token(user_id, account_id), cursor=cursor)
        self._listeners.append(listener)
        listener.wait_connected()
        return listener

    def restart(self) -> None:
        """End the hub in order and start it again, with its log and at its address, as a deployment does."""
        self.stop()
        self.start()

    def stop(self) -> None:
        """End the hub in order; listeners wait, and what is published fails to connect, until `start`."""
        self._call(self._stop())

    def start(self) -> None:
        """Start the hub where it was stopped.

        Raises:
            RuntimeError: it did not start; the text says why.
        """
        self._call(self._start())

    def close(self) -> None:
        """End the hub and its listeners for good."""
        if not self._thread.is_alive():
            return
        for listener in self._listeners:
            listener.close()
        try:
            self._call(self._stop())
        finally:
            self._loop.call_soon_threadsafe(self._ending.set)
            self._thread.join(DEADLINE_S)

    def _call(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result(DEADLINE_S)
        except (TimeoutError, CancelledError):
            future.cancel()
            raise RuntimeError(f"the hub did not do it within {DEADLINE_S:.0f} s") from None

    def _run(self) -> None:
        # Closed in its own thread: that of the test may have an event loop, and then runs no other.
        with self._runner:
            self._runner.run(self._live())

    async def _live(self) -> None:
        await self._ending.wait()

    async def _start(self) -> None:
        if self._serving is not None:
            return
        if self._directory is not None:
            await demo.create_demo_directory(self._directory)
        app = HubApp(self.settings, logs_failed_start=False)
        listener = self._bind()
        self._port = listener.getsockname()[1]
        started = asyncio.Event()
        server = HubServer(configure(app, self.settings), drain=app.drain, on_start=started.set)
        serving = asyncio.create_task(_serve(server, listener), name="server")
        waiting = asyncio.create_task(started.wait())
        await asyncio.wait((serving, waiting), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not started.is_set() or serving.done():
            listener.close()
            raise RuntimeError(f"the hub did not start: {app.failure}")
        self._server, self._serving = server, serving

    def _bind(self) -> socket.socket:
        # Port 0 the first time; then the same one again, since clients have its address.
        return listen(_with_port(self.settings, self._port))

    async def _stop(self) -> None:
        server, self._server = self._server, None
        serving, self._serving = self._serving, None
        if server is not None and serving is not None:
            server.should_exit = True
            await serving


async def _serve(server: HubServer, listener: socket.socket) -> None:
    # uvicorn's way to say that the app did not start, which would end the event loop.
    with contextlib.suppress(SystemExit):
        await server._serve([listener])


def _with_port(settings: Settings, port: int) -> Settings:
    values = {name: getattr(settings, name) for name in settings.__struct_fields__}
    return Settings(**{**values, "port": port})


def _describe_key(key: str) -> dict[str, Any]:
    digest = hashlib.sha256(key.encode()).hexdigest()
    return {"name": "tests", "sha256": digest, "everyone": True, "operations": sorted(OPERATIONS)}
