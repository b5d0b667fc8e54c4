"""A server as the conformance suite of Durable Streams expects one, over a hub that it publishes to and reads from.

The suite creates streams and appends to them; the hub has one stream for each user, and services publish to it. So the
adapter makes a user for each stream that is created, publishes what is appended, and passes reads on to the hub with
that user's token. Status, headers and events of a response are the hub's; of its body each notification is replaced
by the message that was appended.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx
import uvicorn

from hub.asgi import Receive, Scope, Send
from tests.harness import ACCOUNT, DEADLINE_S, RunningHub

__all__ = ["serve_adapter"]

_OCTETS = "application/octet-stream"
#: So much of a stream of bytes goes into one notification, which the hub bounds.
PART_BYTES = 16_384
#: What one append may have; the hub refuses a larger batch while it is still sent.
APPEND_BYTES = 524_288


class Stream:
    """A stream of the suite: a user of the hub, and how the stream's bytes are written."""

    def __init__(self, user_id: str, content_type: str) -> None:
        self.user_id = user_id
        self.content_type = content_type
        self.media_type = content_type.partition(";")[0].strip().lower()

    @property
    def is_json(self) -> bool:
        """Whether its messages are JSON values."""
        return self.media_type == "application/json"

    def split(self, body: bytes) -> list[object]:
        """Return the messages of a request's body; of JSON, one level of arrays is taken apart (section 9.1.2)."""
        if not self.is_json:
            parts = [body[start : start + PART_BYTES] for start in range(0, len(body), PART_BYTES)]
            return [base64.b64encode(part).decode() for part in parts]
        value = json.loads(body) if body else []
        return value if isinstance(value, list) else [value]

    def join(self, frames: list[dict[str, Any]]) -> bytes:
        """Return the messages of these notifications as the body of a read."""
        values = [frame["data"]["value"] for frame in frames]
        if self.is_json:
            return json.dumps(values).encode()
        return b"".join(base64.b64decode(value) for value in values)


class Adapter:
    """The ASGI application that the suite talks to."""

    def __init__(self, hub: RunningHub) -> None:
        self._hub = hub
        self._streams: dict[str, Stream] = {}
        self._created = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        body = b""
        if scope["method"] in {"PUT", "POST"}:
            while (message := await receive())["type"] == "http.request":
                body += message.get("body", b"")
                if not message.get("more_body"):
                    break
        stream = self._streams.get(scope["path"])
        if scope["method"] == "PUT":
            await self._create(scope, headers, body, send)
        elif scope["method"] == "OPTIONS":
            response = await self._hub.http.options("/streams/me", headers=_keep(headers, "origin", "access-control"))
            await _respond(send, response.status_code, _pass(response.headers))
        elif stream is None:
            await _respond(send, 404, {"x-content-type-options": "nosniff"})
        elif scope["method"] == "POST":
            await self._append(stream, headers, body, send)
        elif scope["method"] == "DELETE":
            del self._streams[scope["path"]]
            await _respond(send, 204, {})
        else:
            reading = asyncio.create_task(self._read(stream, scope, headers, send), name="read")
            departing = asyncio.create_task(_wait_departed(receive), name="departure")
            done, left = await asyncio.wait({reading, departing}, return_when=asyncio.FIRST_COMPLETED)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            for task in done:
                task.result()

    async def _create(self, scope: Scope, headers: dict[str, str], body: bytes, send: Send) -> None:
        content_type = headers.get("content-type", _OCTETS)
        known = self._streams.get(scope["path"])
        if known is not None:
            status = 200 if known.media_type == content_type.partition(";")[0].strip().lower() else 409
            await _respond(send, status, {"content-type": known.content_type, **await self._place(known)})
            return
        self._created += 1
        stream = self._streams[scope["path"]] = Stream(f"stream-{self._created}", content_type)
        await self._publish(stream, stream.split(body))
        location = f"http://{headers['host']}{scope['path']}"
        fields = {"content-type": content_type, "location": location, "x-content-type-options": "nosniff"}
        await _respond(send, 201, {**fields, **await self._place(stream)})

    async def _append(self, stream: Stream, headers: dict[str, str], body: bytes, send: Send) -> None:
        if len(body) > APPEND_BYTES:
            await _respond(send, 413, {})
            return
        if headers.get("content-type", "").partition(";")[0].strip().lower() != stream.media_type:
            await _respond(send, 409, {})
            return
        try:
            messages = stream.split(body)
        except ValueError:
            messages = []
        if not messages:
            await _respond(send, 400, {})
            return
        await self._publish(stream, messages)
        await _respond(send, 204, {"x-content-type-options": "nosniff", **await self._place(stream)})

    async def _publish(self, stream: Stream, messages: list[object]) -> None:
        if not messages:
            return
        address = {
            "type": "stock_alert",
            "title": "t",
            "message": "m",
            "user_id": stream.user_id,
            "account_id": ACCOUNT,
        }
        notifications = [{**address, "data": {"value": message}} for message in messages]
        response = await self._hub.post("/api/internal/notify/batch", {"notifications": notifications})
        assert all("problem" not in result for result in response.json()["results"]), response.text

    async def _place(self, stream: Stream) -> dict[str, str]:
        response = await self._hub.http.head("/streams/me", headers=self._as_user(stream))
        return {"stream-next-offset": response.headers["stream-next-offset"]}

    async def _read(self, stream: Stream, scope: Scope, headers: dict[str, str], send: Send) -> None:
        query = scope["query_string"].decode()
        passed = _keep(headers, "if-none-match", "accept")
        request = self._hub.http.build_request(
            scope["method"], f"/streams/me?{query}", headers={**passed, **self._as_user(stream)}, timeout=None
        )
        response = await self._hub.http.send(request, stream=True)
        try:
            fields = _pass(response.headers)
            if response.headers.get("content-type", "").startswith("text/event-stream"):
                await _start(send, response.status_code, fields)
                await self._pass_events(stream, response, send)
                return
            body = await response.aread()
            if fields.get("content-type") == "application/json":
                fields["content-type"] = stream.content_type
                body = stream.join(json.loads(body)) if body else b""
            await _respond(send, response.status_code, fields, body)
        finally:
            await response.aclose()

    async def _pass_events(self, stream: Stream, response: httpx.Response, send: Send) -> None:
        """Pass the hub's events on as they came, but for the messages in them."""
        event: list[str] = []
        held = b""
        async for line in response.aiter_lines():
            event.append(line)
            if line:
                continue
            if "event: data" in event:
                text = "\n".join(part.removeprefix("data:") for part in event if part.startswith("data:"))
                body = stream.join(json.loads(text)).decode(errors="replace")
                event = ["event: data", *(f"data:{part}" for part in body.splitlines() or [""]), ""]
            held += "".join(f"{written}\n" for written in event).encode()
            if event[0] != "event: data":
                # With the event that has to follow them, as the hub writes both at once.
                await send({"type": "http.response.body", "body": held, "more_body": True})
                held = b""
            event = []
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _as_user(self, stream: Stream) -> dict[str, str]:
        return {"authorization": f"Bearer {self._hub.token(stream.user_id)}"}


def _keep(headers: dict[str, str], *prefixes: str) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.startswith(prefixes)}


def _pass(headers: httpx.Headers) -> dict[str, str]:
    """Return the headers of a response that are not about its connection."""
    own = {"content-length", "transfer-encoding", "date", "server", "connection"}
    return {name: value for name, value in headers.items() if name not in own}


async def _wait_departed(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _start(send: Send, status: int, headers: dict[str, str]) -> None:
    lines = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": lines})


async def _respond(send: Send, status: int, headers: dict[str, str], body: bytes = b"") -> None:
    await _start(send, status, headers)
    await send({"type": "http.response.body", "body": body, "more_body": False})


@contextlib.asynccontextmanager
async def serve_adapter(hub: RunningHub) -> AsyncIterator[str]:
    """Serve the adapter on a free port; give its URL."""
    config = uvicorn.Config(Adapter(hub), lifespan="off", log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server._serve([listener]), name="adapter")
        async with asyncio.timeout(DEADLINE_S):
            while not server.started:
                await asyncio.sleep(0.005)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            async with asyncio.timeout(DEADLINE_S):
                await serving
