"""A node's connection to the simulated servers: the port of `hub.nats`, in virtual time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import msgspec

from hub.log.jetstream.subject import Names
from hub.nats.port import Headers, Message, NoResponders, NotConnected, NotInTime, Reply
from tests.simulation.network import Network
from tests.simulation.servers import Proposal, Server, Servers, Stored

__all__ = ["Bus", "Connection"]

#: nats-py: a ping every 5 s, two of which may be unanswered.
PING_S = (5.0, 10.0)
RECONNECT_S = (0.05, 2.0)


class _Subscription:
    def __init__(
        self, subject: str, callback: Callable[[Message], None], ended: Callable[[_Subscription], None]
    ) -> None:
        self.subject = subject
        self.callback = callback
        self._ended = ended

    def end(self) -> None:
        self._ended(self)


class Connection:
    """One node's connection. Its node's name is a participant of the network, and so is its server's."""

    def __init__(self, name: str, bus: Bus) -> None:
        self.name = name
        self.on_change: list[Callable[[bool], None]] = []
        self.closed = False
        self.subscriptions: list[_Subscription] = []
        self._bus = bus
        self._server: Server | None = None
        self._under_way: dict[int, asyncio.Future[Any]] = {}
        self._newest = 0
        self._suspected_at_s: float | None = None

    @property
    def is_connected(self) -> bool:
        """Whether messages can be sent now."""
        return self._server is not None

    @property
    def server(self) -> str:
        """The name of the server that is connected."""
        return self._server.name if self._server is not None else ""

    @property
    def at(self) -> Server | None:
        """The server that is connected."""
        return self._server

    def open(self) -> None:
        """Connect to a server that can be reached; try again for ever."""
        if self.closed or self._server is not None:
            return
        open_ones = [
            server
            for server in self._bus.servers.each
            if server.alive and self._bus.network.is_open(self.name, server.name)
        ]
        if not open_ones:
            self._bus.network.later(self._bus.random.uniform(*RECONNECT_S), self.open)
            return
        self._server = open_ones[self._bus.random.randrange(len(open_ones))]
        self._suspected_at_s = None
        for listener in list(self.on_change):
            listener(True)

    def cut(self) -> None:
        """Lose the connection, and come back after a while."""
        if self._server is None:
            return
        self._server = None
        self._fail(NotConnected())
        for listener in list(self.on_change):
            listener(False)
        self._bus.network.later(self._bus.random.uniform(*RECONNECT_S), self.open)

    def look(self) -> None:
        """Notice, after a few pings, that the server does not answer."""
        if self._server is None or self.closed:
            return
        now_s = self._bus.network.loop.time()
        if self._bus.network.is_open(self.name, self._server.name):
            self._suspected_at_s = None
        elif self._suspected_at_s is None:
            self._suspected_at_s = now_s
        elif now_s - self._suspected_at_s >= self._bus.random.uniform(*PING_S):
            self.cut()

    def publish(self, subject: str, payload: bytes, headers: Headers | None = None, *, reply: str = "") -> None:
        """Send a message to all subscriptions of all nodes."""
        if self._server is None:
            raise NotConnected
        if reply:
            self._ask_stream(subject, payload, dict(headers or {}), reply)
        else:
            self._bus.spread(self, Message(subject, payload, dict(headers or {})))

    async def request(self, subject: str, payload: bytes, *, headers: Headers | None = None, timeout_s: float) -> Reply:
        """Send a message and return the first reply to it."""
        replies = await self._ask(subject, payload, headers, timeout_s, lambda replies: True)
        if not replies:
            raise NotInTime
        return replies[0]

    async def request_many(
        self,
        subject: str,
        payload: bytes,
        *,
        headers: Headers | None = None,
        timeout_s: float,
        expected: int | None = None,
        is_last: Callable[[Reply], bool] | None = None,
    ) -> list[Reply]:
        """Send a message and return the replies to it, as they came."""

        def is_enough(replies: list[Reply]) -> bool:
            return len(replies) == expected or (is_last is not None and is_last(replies[-1]))

        try:
            return await self._ask(subject, payload, headers, timeout_s, is_enough)
        except NoResponders:
            return []

    async def subscribe(self, subject: str, callback: Callable[[Message], None]) -> _Subscription:
        """Call `callback` with each message to `subject`."""
        subscription = _Subscription(subject, callback, self.subscriptions.remove)
        self.subscriptions.append(subscription)
        return subscription

    async def close(self) -> None:
        """End the connection."""
        self.end()

    def end(self) -> None:
        """End the connection, as the end of its process does."""
        self.closed = True
        self._server = None
        self.subscriptions.clear()
        self.on_change.clear()
        self._fail(NotConnected())

    def hear(self, server: str, message: Message) -> None:
        """Take a message that came from a server."""
        if self.server != server:
            return
        for subscription in list(self.subscriptions):
            if _matches(subscription.subject, message.subject):
                subscription.callback(message)

    def _ask_stream(self, subject: str, payload: bytes, headers: dict[str, str], reply: str) -> None:
        there, network = self._server, self._bus.network
        assert there is not None

        def answer(content: Reply | None) -> None:
            # Where nobody takes it, the server says so.
            content = content or Reply(b"", {"Status": "503"})
            message = Message(reply, content.payload, content.headers)
            network.send(there.name, self.name, self.hear, there.name, message)

        network.send(self.name, there.name, self._bus.serve, there, subject, payload, headers, answer)

    async def _ask(
        self,
        subject: str,
        payload: bytes,
        headers: Headers | None,
        timeout_s: float,
        is_enough: Callable[[list[Reply]], bool],
    ) -> list[Reply]:
        if self._server is None:
            raise NotConnected
        loop = self._bus.network.loop
        replies: list[Reply] = []
        done: asyncio.Future[None] = loop.create_future()
        self._newest += 1
        number = self._newest
        self._under_way[number] = done
        server = self._server.name

        def take(reply: Reply | None) -> None:
            if done.done() or self.server != server:
                return
            if reply is None:
                done.set_exception(NoResponders())
                return
            replies.append(reply)
            if is_enough(replies):
                done.set_result(None)

        def end() -> None:
            if not done.done():
                done.set_result(None)

        def answer(reply: Reply | None) -> None:
            self._bus.network.send(server, self.name, take, reply)

        self._bus.network.send(
            self.name, server, self._bus.serve, self._server, subject, payload, dict(headers or {}), answer
        )
        timer = loop.call_later(timeout_s, end)
        try:
            await done
        finally:
            timer.cancel()
            self._under_way.pop(number, None)
        return replies

    def _fail(self, error: Exception) -> None:
        for waiting in list(self._under_way.values()):
            if not waiting.done():
                waiting.set_exception(error)


class Bus:
    """What the servers do with messages: the stream's own, and those between nodes."""

    def __init__(
        self, network: Network, random: Random, servers: Servers, *, names: Names, config: Mapping[str, object]
    ) -> None:
        self.network = network
        self.random = random
        self.servers = servers
        self.connections: list[Connection] = []
        #: How likely a message of a page is lost on its way.
        self.page_drops = 0.0
        #: How likely the stream refuses a publish for now.
        self.busy = 0.0
        self._names = names
        self._config = config
        servers.republish = self._republish

    def connect(self, name: str) -> Connection:
        """Return a connection for a node that has just started."""
        self.connections = [connection for connection in self.connections if not connection.closed]
        connection = Connection(name, self)
        self.connections.append(connection)
        connection.open()
        return connection

    def spread(self, sender: Connection, message: Message) -> None:
        """Give a message to everybody that subscribes to its subject."""
        at = sender.server
        for connection in self.connections:
            there = connection.server
            if there and (there == at or self.network.is_open(at, there)):
                self.network.send(sender.name, at, self._pass_on, at, connection, there, message)

    def serve(
        self,
        server: Server,
        subject: str,
        payload: bytes,
        headers: dict[str, str],
        answer: Callable[[Reply | None], None],
    ) -> None:
        """Answer a request that came to a server: None where nobody takes it."""
        if subject == self._names.pages:
            self._serve_page(server, payload, answer)
            return
        leader = self.servers.leader_for(server.name)
        if leader is None:
            answer(None)
            return
        back = self._way_back(leader, server, answer)
        if subject == self._names.info:
            self._to(leader, server, lambda: back(self.describe(leader)))
        elif self.busy and self.random.random() < self.busy:
            back({"error": {"code": 503, "err_code": 10008, "description": "system temporarily unavailable"}})
        else:
            self._to(leader, server, leader.propose, Proposal(subject, payload, headers), back)

    def describe(self, leader: Server) -> dict[str, object]:
        """Return the stream as its leader describes it."""
        return {
            "config": self._config,
            "created": "2026-11-26T00:00:00Z",
            "ts": leader.now_at,
            "state": {
                "messages": leader.last - leader.first + 1,
                "bytes": 0,
                "first_seq": leader.first,
                "last_seq": leader.last,
                "first_ts": leader.first_at,
                "consumer_count": 0,
            },
            "cluster": {
                "name": "simulated",
                "leader": leader.name,
                "replicas": [
                    {
                        "name": server.name,
                        "current": server.alive,
                        "active": 0,
                        "lag": max(0, leader.last - server.last),
                    }
                    for server in self.servers.each
                    if server is not leader
                ],
            },
        }

    def _to(self, leader: Server, server: Server, call: Callable[..., object], *arguments: Any) -> None:
        def arrive() -> None:
            if leader.alive and leader.is_leader:
                call(*arguments)

        if leader is server:
            arrive()
        else:
            self.network.send(server.name, leader.name, arrive)

    def _way_back(
        self, leader: Server, server: Server, answer: Callable[[Reply | None], None]
    ) -> Callable[[dict[str, object]], None]:
        def reply(content: dict[str, object]) -> None:
            answered = Reply(json.dumps(content).encode(), {})
            if leader is server:
                answer(answered)
            else:
                self.network.send(leader.name, server.name, answer, answered)

        return reply

    def _serve_page(self, server: Server, payload: bytes, answer: Callable[[Reply | None], None]) -> None:
        # Any replica answers: the one that is near, or one that the queue group has chosen.
        near = [
            each
            for each in self.servers.each
            if each.alive and (each is server or self.network.is_open(each.name, server.name))
        ]
        replica = near[self.random.randrange(len(near))]
        wanted = msgspec.json.decode(payload)
        begin, batch = wanted["seq"], wanted.get("batch", 1)
        found = replica.read(begin - 1, batch)
        replies: list[Reply] = []
        before = 0
        room_bytes = wanted.get("max_bytes") or 2**30
        for stored in found:
            room_bytes -= len(stored.proposal.payload)
            if replies and room_bytes < 0:
                break
            pending = replica.last - stored.position
            headers = {
                **_stored_headers(self.servers.stream, stored),
                "Nats-Num-Pending": str(pending),
                "Nats-Last-Sequence": str(before),
            }
            before = stored.position
            replies.append(Reply(stored.proposal.payload, headers))
        if not replies:
            replies.append(Reply(b"", {"Status": "404", "Description": "Message Not Found"}))
        else:
            pending = replica.last - before
            headers = {"Nats-Num-Pending": str(pending), "Nats-Last-Sequence": str(before)}
            replies.append(Reply(b"", {"Status": "204", "Description": "EOB", **headers}))

        def arrive() -> None:
            for reply in replies:
                if not self.page_drops or self.random.random() >= self.page_drops:
                    answer(reply)

        if replica is server:
            arrive()
        else:
            self.network.send(replica.name, server.name, arrive)

    def _republish(self, leader: Server, stored: Stored) -> None:
        headers = _stored_headers(self.servers.stream, stored)
        message = Message(self._names.tap, stored.proposal.payload, headers)
        for connection in self.connections:
            there = connection.server
            if there == leader.name:
                self.network.send(there, connection.name, connection.hear, there, message, loose=True)
            elif there:
                self.network.send(leader.name, there, self._hand_over, there, connection, message, True)

    def _pass_on(self, at: str, connection: Connection, there: str, message: Message) -> None:
        if at == there:
            self._hand_over(there, connection, message, False)
        else:
            self.network.send(at, there, self._hand_over, there, connection, message, False)

    def _hand_over(self, there: str, connection: Connection, message: Message, loose: bool) -> None:
        self.network.send(there, connection.name, connection.hear, there, message, loose=loose)


def _stored_headers(stream: str, stored: Stored) -> dict[str, str]:
    return {
        **stored.proposal.headers,
        "Nats-Stream": stream,
        "Nats-Subject": stored.proposal.subject,
        "Nats-Sequence": str(stored.position),
        "Nats-Time-Stamp": str(stored.time_s),
    }


def _matches(pattern: str, subject: str) -> bool:
    if pattern.endswith(".*"):
        begin, _, end = subject.rpartition(".")
        return begin == pattern[:-2] and bool(end)
    return subject.startswith(pattern[:-1]) if pattern.endswith(">") else pattern == subject
