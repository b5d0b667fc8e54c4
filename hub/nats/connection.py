"""The connection to NATS: opened with a deadline, watched, made anew for ever, with its own requests.

nats-py ends a connection for good after some errors of a server, so it is never asked to reconnect: each connection is
a new client of it, and what is subscribed is subscribed again. Requests wait on one inbox of the connection's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import secrets
from collections.abc import Callable

from nats.errors import Error as ClientError
from nats.errors import NoServersError

from hub.backoff import choose_delay_s
from hub.nats.address import Credentials, Server
from hub.nats.client import DirectClient
from hub.nats.fault import Refused, explain_fault
from hub.nats.login import log_in, require_tls
from hub.nats.port import (
    Headers,
    Message,
    Nats,
    NatsError,
    NoResponders,
    NotConnected,
    NotInTime,
    Reply,
    Subscription,
    TooLarge,
    TooMuchWaits,
)
from hub.nats.replies import Replies, Waiting, says_nobody
from hub.nats.subscription import HeldSubscription
from hub.nats.tls import WatchedContext
from hub.nats.wire import check_subject, encode_publish
from hub.operator_log import OperatorLog

__all__ = ["NatsConnection", "open_nats"]

logger = logging.getLogger(__name__)

_CONNECT_TIMEOUT_S = 2
#: A peer that is gone without a word is noticed after this, times two and a bit.
_PING_INTERVAL_S = 5
_OUTSTANDING_PINGS = 2
_BACKOFF = {"base_s": 0.05, "cap_s": 2.0}
#: What may wait to be sent: appends are bounded before, so this is what a stalled socket may hold.
_MOST_WAITING_BYTES = 32 * 2**20
_CLOSE_TIMEOUT_S = 2.0


class NatsConnection(Nats):
    """The connection; made by `open_nats`, and used on that event loop alone."""

    def __init__(
        self,
        servers: list[Server],
        *,
        name: str,
        credentials: Credentials | None,
        tls: WatchedContext | None,
        ping_interval_s: int,
    ) -> None:
        self.on_change: list[Callable[[bool], None]] = []
        self._servers = list(servers)
        random.shuffle(self._servers)
        self._name = name
        self._credentials = credentials
        self._tls = tls
        self._ping_interval_s = ping_interval_s
        self._client: DirectClient | None = None
        self._closing = False
        self._broken = asyncio.Event()
        self._first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        #: With the number that the connection has for each.
        self._subscriptions: dict[HeldSubscription, int | None] = {}
        self._replies = Replies(f"_INBOX.{secrets.token_hex(11)}")
        self._unsent: list[bytes] = []
        self._unsent_bytes = 0
        self._to_send = asyncio.Event()
        #: Nothing waits to be sent.
        self._sent = asyncio.Event()
        self._sent.set()
        self._lines = OperatorLog(logger)
        #: Why the last attempt to connect failed, for the deadline of the first.
        self._last_error: Exception = NotConnected()
        self._task = asyncio.create_task(self._stay_connected(), name="nats connection")

    @property
    def is_connected(self) -> bool:
        """Whether messages can be sent now."""
        return self._client is not None

    @property
    def server(self) -> str:
        """The name of the server that is connected; empty where none is."""
        client = self._client
        return "" if client is None or client.connected_url is None else str(client.connected_url.netloc)

    @property
    def max_payload_bytes(self) -> int | None:
        """How large a message may be for the server that is connected; None where none is."""
        return None if self._client is None else self._client.max_payload

    def publish(self, subject: str, payload: bytes, headers: Headers | None = None, *, reply: str = "") -> None:
        """Send a message, in the order of the calls.

        Raises:
            NotConnected: nothing is sent.
            TooMuchWaits: too much waits already to be sent.
            TooLarge: the server takes no message of this size.
            ValueError: the subject or a header cannot be written as NATS has them.
        """
        if self._client is None:
            raise NotConnected
        if len(payload) > self._client.max_payload:
            raise TooLarge
        if self._unsent_bytes + len(payload) > _MOST_WAITING_BYTES:
            raise TooMuchWaits
        command = encode_publish(subject, payload, headers, reply)
        self._unsent.append(command)
        self._unsent_bytes += len(command)
        self._sent.clear()
        self._to_send.set()

    async def request(self, subject: str, payload: bytes, *, headers: Headers | None = None, timeout_s: float) -> Reply:
        """Send a message and return the first reply to it.

        Raises:
            NotConnected, NoResponders, NotInTime, TooMuchWaits: as the port says.
        """
        replies = await self._ask(subject, payload, headers, timeout_s, Waiting(1, None))
        if not replies:
            raise NotInTime
        if says_nobody(replies[0]):
            raise NoResponders
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
        """Send a message and return the replies to it, as they came, and those that came until `timeout_s`.

        Raises:
            NotConnected, TooMuchWaits: as the port says.
        """
        replies = await self._ask(subject, payload, headers, timeout_s, Waiting(expected, is_last))
        return [reply for reply in replies if not says_nobody(reply)]

    async def subscribe(self, subject: str, callback: Callable[[Message], None]) -> Subscription:
        """Call `callback` with each message to `subject`, from when this returns; over reconnections, too.

        Raises:
            ValueError: it is not a subject.
        """
        check_subject(subject)
        subscription = HeldSubscription(self.forget, subject, callback)
        self._subscriptions[subscription] = None
        client = self._client
        if client is not None:
            with contextlib.suppress(ClientError, OSError):
                self._subscriptions[subscription] = client.listen(subject, callback)
                await client.flush(_CONNECT_TIMEOUT_S)
        return subscription

    def forget(self, subscription: HeldSubscription) -> None:
        """Drop a subscription, here at once and at the server soon."""
        number = self._subscriptions.pop(subscription, None)
        if number is not None and self._client is not None:
            self._client.unlisten(number)

    async def wait_first(self, timeout_s: float) -> None:
        """Return once the first connection is there.

        Raises:
            NatsError: why there is none after `timeout_s`, or at once where a server does not let the hub in.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.shield(self._first)
        except TimeoutError:
            raise explain_fault(self._last_error) from None

    async def close(self) -> None:
        """Send what waits, then end the connection."""
        self._closing = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                await self._sent.wait()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._first.cancel()

    async def _ask(
        self, subject: str, payload: bytes, headers: Headers | None, timeout_s: float, waiting: Waiting
    ) -> list[Reply]:
        inbox = self._replies.begin(waiting)
        try:
            self.publish(subject, payload, headers, reply=inbox)
            return await self._replies.wait(inbox, timeout_s)
        finally:
            self._replies.forget(inbox)

    def _take_reply(self, message: Message) -> None:
        self._replies.take(message.subject, Reply(message.payload, message.headers))

    async def _send(self, client: DirectClient) -> None:
        # One task for each connection writes what was published since it last ran, in order; `publish` itself never
        # waits. A connection whose peer takes nothing holds its own task alone.
        while True:
            await self._to_send.wait()
            self._to_send.clear()
            while self._unsent:
                commands, self._unsent, self._unsent_bytes = b"".join(self._unsent), [], 0
                with contextlib.suppress(ClientError, OSError):
                    client.write(commands)
                    await client.drain()
            self._sent.set()

    async def _stay_connected(self) -> None:
        failures = 0
        # Python 3.11 loses a cancellation that comes in the moment in which what is waited for ends (`wait_for`).
        while not self._closing:
            server = self._servers.pop(0)
            self._servers.append(server)
            try:
                client = await self._open(server)
            except (ClientError, NatsError, OSError) as error:
                failures += 1
                self._note_failure(server, error)
                if failures >= len(self._servers):
                    rounds = failures - len(self._servers) + 1
                    await asyncio.sleep(choose_delay_s(rounds, **_BACKOFF, retry_after_s=None, random=random.random))
                continue
            failures = 0
            sender = asyncio.create_task(self._send(client), name="nats sender")
            try:
                self._begin(client)
                await self._broken.wait()
            finally:
                sender.cancel()
                self._end()
                await asyncio.gather(sender, return_exceptions=True)
                await _close(client)

    async def _open(self, server: Server) -> DirectClient:
        """Return a new client, connected and subscribed to everything."""
        tls = self._tls
        if tls is not None:
            tls.used = False
        self._broken = broken = asyncio.Event()

        async def note_end() -> None:
            broken.set()

        client = DirectClient(broken.set)
        try:
            async with asyncio.timeout(2 * _CONNECT_TIMEOUT_S):
                await client.connect(
                    server.url,
                    name=self._name,
                    allow_reconnect=False,
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,
                    connect_timeout=_CONNECT_TIMEOUT_S,
                    ping_interval=self._ping_interval_s,
                    max_outstanding_pings=_OUTSTANDING_PINGS,
                    pending_size=0,
                    tls=tls,
                    error_cb=self._take_error,
                    closed_cb=note_end,
                    disconnected_cb=note_end,
                    # The server is about to stop: the next one is there already.
                    lame_duck_mode_cb=note_end,
                    **log_in(server, self._credentials, tls),
                )
                require_tls(server, tls)
                client.listen(f"{self._replies.inbox}.*", self._take_reply)
                for subscription in self._subscriptions:
                    self._subscriptions[subscription] = client.listen(subscription.subject, subscription.take)
                await client.flush(_CONNECT_TIMEOUT_S)
            if self._closing:
                # It was lost on its way: nobody else ends this task.
                raise asyncio.CancelledError
        except BaseException:
            await _close(client)
            raise
        return client

    async def _take_error(self, error: Exception) -> None:
        self._last_error = error
        if self._client is not None:
            message = f"NATS reports: {explain_fault(error)}"
            self._lines.write_limited(logging.WARNING, "nats_error", message)

    def _note_failure(self, server: Server, error: Exception) -> None:
        if not isinstance(error, NoServersError):
            # Otherwise nats-py has said before what was wrong.
            self._last_error = error
        explained = explain_fault(self._last_error)
        if isinstance(explained, Refused) and not self._first.done():
            self._first.set_exception(explained)
            # Nobody may wait for it any more.
            self._first.exception()
        message = f"NATS at {server.name} cannot be used: {explained}"
        self._lines.write_limited(logging.WARNING, "nats_unreachable", message, server=server.name)

    def _begin(self, client: DirectClient) -> None:
        self._client = client
        if not self._first.done():
            self._first.set_result(None)
        self._lines.write(logging.INFO, "nats_connected", f"connected to NATS at {self.server}", server=self.server)
        for listener in self.on_change:
            listener(True)

    def _end(self) -> None:
        self._client = None
        self._unsent = []
        self._unsent_bytes = 0
        self._sent.set()
        self._replies.fail()
        if not self._closing:
            self._lines.write_limited(logging.WARNING, "nats_disconnected", "the connection to NATS ended")
        for listener in self.on_change:
            listener(False)


async def open_nats(
    servers: list[Server],
    *,
    name: str,
    credentials: Credentials | None = None,
    tls: WatchedContext | None = None,
    timeout_s: float,
    ping_interval_s: int = _PING_INTERVAL_S,
) -> NatsConnection:
    """Return a connection to one of `servers`, which goes on to another where that ends.

    `name` is how the servers list it. A `tls://` server needs `tls`, and gets no credentials in clear.

    Raises:
        NatsError: none can be reached within `timeout_s`, or one does not let the hub in; the text says which.
    """
    connection = NatsConnection(
        servers,
        name=name,
        credentials=credentials,
        tls=tls,
        ping_interval_s=ping_interval_s,
    )
    try:
        await connection.wait_first(timeout_s)
    except BaseException:
        await connection.close()
        raise
    return connection


async def _close(client: DirectClient) -> None:
    with contextlib.suppress(ClientError, OSError, TimeoutError):
        async with asyncio.timeout(_CLOSE_TIMEOUT_S):
            await client.close()
    # It may be closing already, and wait for a peer that takes nothing.
    client.abort()
