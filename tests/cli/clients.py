"""Clients over each transport that keep every rule of the protocol but the one that their fault breaks."""

from __future__ import annotations

import abc
import asyncio
import contextlib
import json
import time
from typing import Any

import httpx
from httpx_sse import aconnect_sse
from websockets.asyncio.client import ClientConnection, connect
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.typing import Subprotocol

from hub.cli.support.conformance_report import Transport, rules_of
from hub.cli.support.scripted_hub import ISSUER_PATH, ScriptedHub

__all__ = ["Client", "faults_over", "make_client"]

#: The heartbeat of the tests' hub, and what it gives a client beyond what a rule says.
HEARTBEAT_S, SLACK_S, AT_ONCE_S = 0.3, 1.0, 0.5
#: A client that keeps every rule waits so long before it comes back.
PAUSE_S = 0.05
ACK_S = 1.0
SIGNAL = "stock_changed"
#: A client that waits so long before it acknowledges keeps every rule; most visits have ended by then.
LATE_S = 0.5
#: What a client can do wrong, and the rule that it breaks.
FAULTS = {
    "has no credential": "R1.3",
    "offers no subprotocol": "R1.4",
    "leaves at what it does not know": "R1.7",
    "repeats what was refused": "R2.5",
    "forgets its cursor": "R3.2",
    "passes over a cursor alone": "R3.3",
    "begins with a cursor": "R3.4",
    "hands over twice": "R3.7",
    "loses one": "R3.8",
    "passes over a gap": "R4.3",
    "sends no pong": "R5.3",
    "is never dead": "R5.4",
    "keeps its token": "R6.4",
    "is late after a drain": "R7.2",
    "stops reading": "R7.4",
    "does not wait": "R7.5",
    "gives up": "R8.3",
    "comes back for ever": "R8.4",
    "idles after a page": "R9.3",
    "drops its cursor at a signal": "R10.5",
    "acknowledges to every hub": "R11.4",
    "acknowledges at once": "R12.3",
    "acknowledges what it was not handed": "R12.3",
}


def faults_over(transport: Transport) -> dict[str, str]:
    """Return what a client can do wrong over a transport, and the rule that it breaks."""
    rules = rules_of(transport)
    return {fault: rule for fault, rule in FAULTS.items() if rule in rules}


class Client(abc.ABC):
    """What the clients of all transports have in common."""

    def __init__(self, hub: ScriptedHub, fault: str) -> None:
        self._hub = hub
        self._fault = fault
        self._token = hub.make_token()
        self._cursor = "aaaaaaaaaa-1" if fault == "begins with a cursor" else ""
        self._wait_s = 0.0
        self._http: httpx.AsyncClient
        self.printed: list[str] = []
        self.has_gap = False

    async def run(self) -> None:
        """Connect until the hub says that this makes no sense."""
        async with httpx.AsyncClient(timeout=None) as self._http:
            await self._run()

    async def _run(self) -> None:
        while True:
            code = await self._connect()
            if code >= 4500 and self._fault not in {"comes back for ever", "repeats what was refused"}:
                return
            if code == 1006 and self._fault == "gives up":
                return
            if code == 4001 and self._fault != "keeps its token":
                self._token = (await self._http.get(self._hub.url + ISSUER_PATH)).text
            if self._fault != "does not wait":
                await asyncio.sleep(self._wait_s or PAUSE_S)
            self._wait_s = 0.0

    @abc.abstractmethod
    async def _connect(self) -> int:
        """Connect once, by the transport; return the close code that it ended with."""

    def _headers(self) -> dict[str, str]:
        credential = {} if self._fault == "has no credential" else {"authorization": f"Bearer {self._token}"}
        return credential | ({"last-event-id": self._cursor} if self._cursor else {})

    def _leaves_at(self, frame: dict[str, Any]) -> bool:
        return frame["type"] == "conformance_of_tomorrow" and self._fault == "leaves at what it does not know"

    def _take(self, frame: dict[str, Any]) -> None:
        cursor = frame.get("cursor", "")
        match frame["type"]:
            case "connection_established" if not self._cursor:
                cursor = frame["data"]["cursor"]
            case "gap" if self._fault != "passes over a gap":
                cursor, self.has_gap = frame["data"]["cursor"], True
            case "heartbeat" if self._fault == "passes over a cursor alone":
                cursor = ""
            case "reconnect" if self._fault == "is late after a drain":
                self._wait_s = frame["withinSeconds"] + SLACK_S + 0.5
            case "stock_alert":
                self._hand_over(frame["id"])
            case type if type == SIGNAL and self._fault == "drops its cursor at a signal":
                self._cursor = ""
        if cursor and not (self._fault == "forgets its cursor" and frame["type"] == "stock_alert"):
            self._cursor = cursor

    def _hand_over(self, identifier: str) -> None:
        if self._fault != "loses one" or self.printed:
            self.printed += [identifier] * (2 if self._fault == "hands over twice" else 1)
        else:
            self.printed.append("another")


class _WebSocketClient(Client):
    async def _connect(self) -> int:
        query = f"?signals={SIGNAL}" + (f"&cursor={self._cursor}" if self._cursor else "")
        offered = [] if self._fault == "offers no subprotocol" else [Subprotocol("hub.v1")]
        headers = {name: value for name, value in self._headers().items() if name == "authorization"}
        url = self._hub.url.replace("http", "ws") + "/ws" + query
        connection = await connect(
            url,
            subprotocols=offered or None,
            additional_headers=headers,
            compression=None,
            ping_interval=None,
            create_connection=_SilentConnection if self._fault == "sends no pong" else None,
        )
        try:
            return await self._listen(connection)
        finally:
            await connection.close()

    async def _listen(self, connection: ClientConnection) -> int:
        limit_s = HEARTBEAT_S
        takes_acks, acknowledged_at_s = False, float("-inf")
        late: set[asyncio.Task[None]] = set()
        try:
            while True:
                async with asyncio.timeout(None if self._fault == "is never dead" else 2 * limit_s):
                    frame = json.loads(await connection.recv())
                if frame["type"] == "connection_established":
                    limit_s = frame["data"]["heartbeatSeconds"]
                    takes_acks = "ack" in frame["data"]["features"] or self._fault == "acknowledges to every hub"
                    if limit_s > HEARTBEAT_S and self._fault == "stops reading":
                        await connection.wait_closed()
                elif self._leaves_at(frame):
                    return 1006
                self._take(frame)
                now_s = time.monotonic()
                rests = now_s < acknowledged_at_s + ACK_S and self._fault != "acknowledges at once"
                if takes_acks and frame["type"] == "stock_alert" and not rests:
                    acknowledged_at_s = now_s
                    further = "0" if self._fault == "acknowledges what it was not handed" else ""
                    acknowledgement = json.dumps({"type": "ack", "cursor": self._cursor + further})
                    if self._fault == "acknowledges late":
                        late.add(asyncio.create_task(_send_late(connection, acknowledgement), name="late ack"))
                    else:
                        await connection.send(acknowledgement)
        except TimeoutError:
            return 1006
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006
        finally:
            for task in late:
                task.cancel()


async def _send_late(connection: ClientConnection, message: str) -> None:
    await asyncio.sleep(LATE_S)
    with contextlib.suppress(ConnectionClosed):
        await connection.send(message)


class _StreamClient(Client):
    async def _connect(self) -> int:
        limit_s = HEARTBEAT_S
        greeted = False
        try:
            url = f"{self._hub.url}/sse"
            async with aconnect_sse(self._http, "GET", url, headers=self._headers()) as source:
                events = source.aiter_sse()
                while True:
                    async with asyncio.timeout(None if self._fault == "is never dead" else 2 * limit_s):
                        event = await anext(events)
                    if greeted and event.retry is not None and self._fault == "is late after a drain":
                        self._wait_s = event.retry / 1_000 + SLACK_S + 0.5
                    frame: dict[str, Any] = json.loads(event.data) if event.data else _beat(event.id)
                    if frame["type"] == "connection_established":
                        greeted, limit_s = True, frame["data"]["heartbeatSeconds"]
                        if limit_s > HEARTBEAT_S and self._fault == "stops reading":
                            await asyncio.sleep(60)
                    elif frame["type"] == "closing":
                        return int(frame["code"])
                    elif self._leaves_at(frame):
                        return 1006
                    self._take(frame)
        except (TimeoutError, StopAsyncIteration, httpx.TransportError):
            return 1006


class _SilentConnection(ClientConnection):
    """One that sends no pong, which the library does by itself, from its first frame on."""

    def __init__(self, protocol: ClientProtocol, **further: Any) -> None:
        send = protocol.send_frame

        def send_all_but_pongs(frame: Frame) -> None:
            if frame.opcode is not Opcode.PONG:
                send(frame)

        protocol.send_frame = send_all_but_pongs  # type: ignore[method-assign]  # the library has no option for it
        super().__init__(protocol, **further)


def _beat(cursor: str) -> dict[str, Any]:
    return {"type": "heartbeat", "cursor": cursor}


class _PollClient(Client):
    async def _connect(self) -> int:
        try:
            response = await self._http.get(f"{self._hub.url}/poll", headers=self._headers())
        except httpx.TransportError:
            return 1006
        if response.status_code != 200:
            return {401: 4001, 403: 4501}.get(response.status_code, 1012)
        page = response.json()
        if any(map(self._leaves_at, page["frames"])):
            return 1006
        for frame in page["frames"]:
            self._take(frame)
        if page["frames"] and self._fault == "idles after a page":
            self._wait_s = AT_ONCE_S + SLACK_S
        if self._fault != "forgets its cursor" and (page["frames"] or self._fault != "passes over a cursor alone"):
            self._cursor = page["cursor"]
        return 0


_CLIENTS: dict[Transport, type[Client]] = {
    "websocket": _WebSocketClient,
    "sse": _StreamClient,
    "poll": _PollClient,
}


def make_client(hub: ScriptedHub, transport: Transport, fault: str = "") -> Client:
    """Return a client that has this fault, or none."""
    return _CLIENTS[transport](hub, fault)
