"""The life of every connection, the same for both transports: admitted, registered, replayed, live, ended."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections.abc import Callable, Iterable, Sequence

import msgspec

from contracts.closing import CloseCode
from contracts.frame import AuthAccepted, Closing, ConnectionData, ConnectionEstablished, Gap, GapData, Reconnect
from hub.auth.admission import Admission
from hub.auth.credentials import clean_credential
from hub.auth.grant import Grant
from hub.cursor import Cursor
from hub.delivery.confirmation import Confirmation
from hub.delivery.dispatcher import Dispatcher
from hub.delivery.heartbeat import Heartbeat
from hub.delivery.link import Link
from hub.delivery.replay import Replay
from hub.delivery.resume_points import Client, identify_client
from hub.delivery.session import ResumeResult, Session
from hub.delivery.subscribers import Subscriber, Subscribers, TransportName
from hub.errors import Draining, Forbidden, HubError, StorageUnavailable
from hub.metrics import Metrics
from hub.timestamp import format_time

__all__ = ["SUBPROTOCOL", "Connections"]

logger = logging.getLogger("hub.connections")

#: What a client offers that reads close codes and knows the control frames.
SUBPROTOCOL = "hub.v1"
#: RFC 6455 section 7.4.1.
NORMAL_CLOSURE = 1000
#: Connections told to leave, or closed, before the loop gets its turn.
SLICE = 200
#: The shutdown window grows with the number of clients that will come back: so many a second.
RETURNS_PER_S = 500.0

#: What a shutdown waits for the last answers of clients without a cursor.
CONFIRM_S = 2.0
CONFIRM_POLL_S = 0.01
#: An event stream that was ended for a newer one waits this long, or up to twice as long: it has no code that stops it.
EVICTED_RETRY_MS = 300_000

_encode = msgspec.json.Encoder().encode


class Connections:
    """Every live connection and what happens to it, from the handshake to the last byte."""

    def __init__(
        self,
        *,
        admission: Admission,
        subscribers: Subscribers,
        metrics: Metrics,
        heartbeat_s: float,
        now: Callable[[], float],
    ) -> None:
        self._admission = admission
        self._subscribers = subscribers
        self._metrics = metrics
        self._heartbeat_s = heartbeat_s
        self._now = now
        self._replay: Replay
        self._heartbeat: Heartbeat
        self._catching_up: set[asyncio.Task[None]] = set()
        self._dispatcher: Dispatcher
        self._confirmation: Confirmation | None = None
        self.draining = False

    def start(
        self, dispatcher: Dispatcher, replay: Replay, heartbeat: Heartbeat, confirmation: Confirmation | None = None
    ) -> None:
        """Take those that need this object's own callbacks; called once, before the first connection."""
        self._dispatcher = dispatcher
        self._replay = replay
        self._heartbeat = heartbeat
        self._confirmation = confirmation

    async def admit(
        self, headers: Iterable[tuple[bytes, bytes]], query: bytes, subprotocols: Sequence[str] = ()
    ) -> Grant:
        """Return the grant of who wants to connect.

        Raises:
            HubError: whoever it is may not, and why.
        """
        if self.draining:
            raise Draining
        return await self._admission.admit(headers, query, subprotocols)

    def identify(self, grant: Grant, headers: Iterable[tuple[bytes, bytes]]) -> Client | None:
        """Return who comes without a cursor, so that `greet` finds where it stood; None where that is not kept."""
        if self._confirmation is None or grant.account_id is None:
            return None
        return identify_client(grant.account_id, grant.token_digest, headers)

    def register(self, grant: Grant, transport: TransportName, link: Link, *, speaks_hub_v1: bool) -> Subscriber:
        """Take a place for a connection; from here on `leave` must follow, whatever happens.

        Raises:
            HubFull: there is no place.
            Draining: the hub began to shut down since `admit`.
        """
        if self.draining:
            raise Draining
        if grant.account_id is None:
            raise Forbidden("The token belongs to no account")
        subscriber = Subscriber(
            id=secrets.token_urlsafe(9),
            grant=grant,
            account_id=grant.account_id,
            transport=transport,
            session=Session(expires_at_s=grant.expires_at_s, hold_limit_bytes=self._replay.room_bytes),
            link=link,
            speaks_hub_v1=speaks_hub_v1,
        )
        evicted = self._subscribers.add(subscriber)
        if evicted is not None:
            self._evict(evicted)
        self._metrics.connects[transport] += 1
        return subscriber

    def greet(self, subscriber: Subscriber, where: Cursor | Client | None) -> None:
        """Tell a registered client where it stands, and let the clock watch it; `serve` must follow.

        `where`: the cursor it gave, or who it is where it gave none but is remembered.
        """
        resume = self._begin(subscriber, where)
        at = self._replay.cursor(resume.position)
        data = ConnectionData(
            connection_id=subscriber.id, resume=resume.kind, cursor=str(at), heartbeat_seconds=self._heartbeat_s
        )
        subscriber.link.write_control(_encode(ConnectionEstablished(data=data, timestamp=self._timestamp())))
        if resume.kind == "gap":
            self.write_gap(subscriber, at)
        if subscriber.transport == "sse":
            # A browser can only send back an id it was given. Without one, what comes between a cut right after
            # the greeting and the return would be lost, and nobody would say so.
            subscriber.link.write_heartbeat(None, str(at))
        self._heartbeat.watch(subscriber, asyncio.get_running_loop().time())

    async def serve(self, subscriber: Subscriber) -> None:
        """Replay what was missed, and return once the connection is live (or ended)."""
        try:
            await self._replay.run(subscriber)
        except StorageUnavailable as error:
            self.end(subscriber, error.close_code, error.title)

    def fall_behind(self, subscriber: Subscriber) -> None:
        """Bring a live connection from the log what its peer takes too slowly; it stays, and misses nothing."""
        if self._replay.fall_behind(subscriber):
            task = asyncio.get_running_loop().create_task(self._catch_up(subscriber), name="catching up")
            self._catching_up.add(task)
            task.add_done_callback(self._catching_up.discard)

    async def _catch_up(self, subscriber: Subscriber) -> None:
        try:
            await self.serve(subscriber)
        except Exception as error:  # as in the dispatcher: whatever one link does
            logger.error("a link failed: %s", type(error).__name__)
            self.end_dead(subscriber)

    async def close(self) -> None:
        """Wait for nobody any more who was behind."""
        for task in list(self._catching_up):
            task.cancel()
        await asyncio.gather(*self._catching_up, return_exceptions=True)

    async def renew(self, subscriber: Subscriber, token: str) -> None:
        """Let a connection go on with another token of the same user and account.

        Raises:
            HubError: the token is not good, or somebody else's; the connection has to end.
        """
        try:
            grant = await self._admission.admit_token(clean_credential(token))
            if (grant.account_id, grant.user_id) != (subscriber.account_id, subscriber.user_id):
                raise Forbidden("The token belongs to another user or account")
        except HubError as error:
            self._admission.tell_refusal(error)
            raise
        subscriber.grant = grant
        subscriber.session.renew(grant.expires_at_s)
        self._heartbeat.update_expiry(subscriber)
        subscriber.link.write_control(_encode(AuthAccepted(expires_at=format_time(grant.expires_at_s))))

    def _begin(self, subscriber: Subscriber, where: Cursor | Client | None) -> ResumeResult:
        if not isinstance(where, Client):
            return self._replay.begin(subscriber, where)
        assert self._confirmation is not None
        resume, point = self._confirmation.begin(subscriber, where)
        subscriber.link.resume_at(point)
        return resume

    def leave(self, subscriber: Subscriber, code: int = 1006) -> None:
        """Forget a connection whose transport has ended; harmless when it was ended by the hub."""
        if subscriber.session.close():
            self._metrics.closes[code] += 1
            self._end_point(subscriber)
        self._forget(subscriber)

    def end(self, subscriber: Subscriber, code: int, reason: str) -> None:
        """End a connection in order; the client is told why."""
        self._forget(subscriber)
        self._end(subscriber, code, reason)

    def end_slow(self, subscriber: Subscriber) -> None:
        """End a connection that does not keep up; it comes back with its cursor."""
        self.end(subscriber, CloseCode.SLOW, "too slow; come back with the cursor")

    def end_expired(self, subscriber: Subscriber) -> None:
        """End a connection whose token expired."""
        self.end(subscriber, CloseCode.TOKEN_EXPIRED, "the token expired")

    def end_dead(self, subscriber: Subscriber) -> None:
        """Drop a connection whose peer gives no sign of life."""
        self._forget(subscriber)
        if subscriber.session.close():
            self._metrics.closes[1006] += 1
            self._end_point(subscriber)
        subscriber.link.abort()

    def refuse(self, error: HubError) -> None:
        """Count a refused connection, and say why in the log."""
        self._metrics.refusals[error.code] += 1
        if not isinstance(error, Draining):
            self._admission.tell_refusal(error)

    def write_gap(self, subscriber: Subscriber, at: Cursor) -> None:
        """Tell a client, in the stream, that the log no longer holds what it missed.

        The frontends in the field would show the frame as a notification; they give no cursor and get none of it.
        """
        if subscriber.point is not None:
            logger.warning("a client that gives no cursor missed what the log has lost")
            return
        subscriber.link.write_control(_encode(Gap(data=GapData(cursor=str(at)), timestamp=self._timestamp())))

    async def drain(self, *, window_s: float) -> None:
        """Send every connection away, spread over at most `window_s`; nobody new is let in any more.

        Each client is told a window in which to come back, sized by how many there are, and is then
        closed at a random moment within ours, in slices.
        """
        self.draining = True
        leaving = self._subscribers.everyone()
        random.shuffle(leaving)
        within_s = round(max(1.0, len(leaving) / RETURNS_PER_S), 1)
        window_s = min(window_s, within_s)
        frame = _encode(Reconnect(within_seconds=within_s))
        slices = [leaving[start : start + SLICE] for start in range(0, len(leaving), SLICE)]
        for part in slices:
            for subscriber in part:
                if subscriber.speaks_hub_v1:
                    subscriber.link.write_control(frame)
                elif subscriber.transport == "sse":
                    subscriber.link.write_retry(secrets.randbelow(int(within_s * 1000)))
            await asyncio.sleep(0)
        for part in slices:
            for subscriber in part:
                self.end(subscriber, CloseCode.DRAIN, "the hub is restarting")
            await asyncio.sleep(window_s / len(slices))
        await self._wait_confirmed(leaving)

    async def _wait_confirmed(self, ended: list[Subscriber]) -> None:
        # Who resumes where its answer says must not be cut off from giving it.
        points = [subscriber.point for subscriber in ended if subscriber.point is not None]
        for _ in range(round(CONFIRM_S / CONFIRM_POLL_S)):
            if all(point.settled for point in points):
                return
            await asyncio.sleep(CONFIRM_POLL_S)

    def _evict(self, subscriber: Subscriber) -> None:
        self._heartbeat.forget(subscriber)
        if subscriber.transport == "sse":
            subscriber.link.write_retry(EVICTED_RETRY_MS + secrets.randbelow(EVICTED_RETRY_MS))
        self._end(subscriber, CloseCode.TOO_MANY_CONNECTIONS, "another connection of this user took the place")

    def _forget(self, subscriber: Subscriber) -> None:
        self._subscribers.remove(subscriber)
        self._heartbeat.forget(subscriber)

    def _end(self, subscriber: Subscriber, code: int, reason: str) -> None:
        place = self._dispatcher.place(subscriber)
        if subscriber.session.close():
            self._metrics.closes[code] += 1
            if code == CloseCode.TOO_MANY_CONNECTIONS and _knows_no_codes(subscriber):
                # It comes back after every code but this one: such clients would take each other's place for ever.
                code = NORMAL_CLOSURE
            if subscriber.point is not None:
                # Before the close: whoever answers this has everything.
                subscriber.link.ask(place)
                subscriber.point.left = code == NORMAL_CLOSURE
                self._end_point(subscriber)
            if subscriber.transport == "sse":
                # A stream has no close code, so the last event carries it.
                subscriber.link.write_control(_encode(Closing(code=code, reason=reason)))
            subscriber.link.close(code, reason)

    def _end_point(self, subscriber: Subscriber) -> None:
        if self._confirmation is not None:
            self._confirmation.end(subscriber)

    def _timestamp(self) -> str:
        return format_time(self._now())


def _knows_no_codes(subscriber: Subscriber) -> bool:
    return subscriber.transport == "websocket" and not subscriber.speaks_hub_v1
