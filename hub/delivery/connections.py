"""The life of every connection, the same for both transports: admitted, registered, greeted, replayed, live."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Iterable, Sequence

import msgspec
from msgspec import UNSET

from contracts.frame import AuthAccepted, ConnectionData, ResumeKind
from hub.auth.admission import Admission
from hub.auth.credentials import clean_credential
from hub.auth.grant import Grant
from hub.cursor import Cursor
from hub.delivery.acknowledgements import Acknowledgements
from hub.delivery.catch_up import CatchUp
from hub.delivery.confirmation import Confirmation
from hub.delivery.drain import drain
from hub.delivery.endings import ABNORMAL_CLOSURE, Endings
from hub.delivery.erasures import STALE, Erasures
from hub.delivery.heartbeat import Heartbeat
from hub.delivery.link import Link
from hub.delivery.replay import Replay
from hub.delivery.resume_points import Client, identify_client
from hub.delivery.resumption import Resumption
from hub.delivery.session import ResumeResult, Session
from hub.delivery.subscribers import Subscriber, Subscribers, TransportName
from hub.errors import Draining, Forbidden, HubError
from hub.language import Texts
from hub.metrics import Metrics
from hub.operator_log import OperatorLog
from hub.target import Target
from hub.timestamp import format_time

__all__ = ["SUBPROTOCOL", "Connections"]

#: What a client offers that reads close codes and knows the control frames.
SUBPROTOCOL = "hub.v1"

logger = logging.getLogger("hub.connections")

_encode = msgspec.json.Encoder().encode


class Connections:
    """What a transport asks of the hub, from the handshake to the last byte of a connection."""

    def __init__(
        self,
        *,
        admission: Admission,
        subscribers: Subscribers,
        resumption: Resumption,
        confirmation: Confirmation | None,
        acknowledgements: Acknowledgements,
        replay: Replay,
        catch_up: CatchUp,
        heartbeat: Heartbeat,
        endings: Endings,
        erasures: Erasures,
        metrics: Metrics,
        texts: Texts,
        features: Iterable[str] = (),
        now: Callable[[], float],
    ) -> None:
        """Take the parts of delivery; `features` is what clients that speak `hub.v1` are told that this hub can do."""
        self._admission = admission
        self._subscribers = subscribers
        self._resumption = resumption
        self._confirmation = confirmation
        self._acknowledgements = acknowledgements
        self._replay = replay
        self._catch_up = catch_up
        self._heartbeat = heartbeat
        self._endings = endings
        self._erasures = erasures
        self._metrics = metrics
        self._texts = texts
        self._features = sorted(features)
        self._now = now
        self._lines = OperatorLog(logger)
        #: True once the hub shuts down: nobody new is let in any more.
        self.draining = False
        #: True while this node of a cluster is cut off from the others: clients have to go to another one.
        self.isolated = False
        #: Whether `is_ahead` has to be asked.
        self.waits_ahead = resumption.waits_ahead

    async def admit(
        self, headers: Iterable[tuple[bytes, bytes]], query: bytes, subprotocols: Sequence[str] = ()
    ) -> Grant:
        """Return the grant of a client that wants to connect.

        Raises:
            HubError: it may not, and why.
        """
        if self.draining or self.isolated:
            raise self._refusal()
        return await self._admission.admit(headers, query, subprotocols)

    def admit_nowait(
        self, headers: Iterable[tuple[bytes, bytes]], query: bytes, subprotocols: Sequence[str] = ()
    ) -> Grant | None:
        """Do as `admit`, where nothing has to be waited for; None means: ask `admit`.

        Raises:
            HubError: as `admit` does; nothing was changed, so that it may be asked as well.
        """
        if self.draining or self.isolated:
            raise self._refusal()
        return self._admission.admit_nowait(headers, query, subprotocols)

    def is_ahead(self, cursor: Cursor | None) -> bool:
        """Whether `wait_ahead` has to come before a connection with this cursor is registered."""
        return self._resumption.is_ahead(cursor)

    async def wait_ahead(self, cursor: Cursor | None) -> None:
        """Return once this node has reached a cursor that a faster node gave, or knows that none did.

        Raises:
            StorageUnavailable: it cannot know now; the client has to ask again, or another node.
        """
        await self._resumption.wait_ahead(cursor)

    def identify(self, grant: Grant, headers: Iterable[tuple[bytes, bytes]]) -> Client | None:
        """Return the client that comes without a cursor, for `greet` to find where it was; None if that is not kept."""
        if self._confirmation is None:
            return None
        return identify_client(grant.account_id, grant.token_digest, headers)

    def register(self, grant: Grant, transport: TransportName, link: Link, *, speaks_hub_v1: bool) -> Subscriber:
        """Take a place for a connection; from here on `leave` must follow, whatever happens.

        Raises:
            HubFull: there is no place.
            TooManyConnections: this user may have no further one that ends none of the others.
            Draining: the hub began to shut down, or to send clients to other nodes, since `admit`.
        """
        if self.draining or self.isolated:
            raise self._refusal()
        subscriber = Subscriber(
            id=secrets.token_urlsafe(9),
            grant=grant,
            transport=transport,
            session=Session(expires_at_s=grant.expires_at_s, hold_limit_bytes=self._replay.room_bytes),
            link=link,
            speaks_hub_v1=speaks_hub_v1,
        )
        evicted = self._subscribers.add(subscriber)
        if evicted is not None:
            self._endings.evict(evicted)
        self._metrics.connects[transport] += 1
        return subscriber

    def greet(self, subscriber: Subscriber, where: Cursor | Client | None) -> None:
        """Tell a registered client where it stands, and begin its heartbeats; `serve` must follow.

        `where`: the cursor that the client gave, or the client itself, if it gave none and is remembered.
        """
        resume = self._begin(subscriber, where)
        self._acknowledgements.begin(subscriber, where if isinstance(where, Cursor) else None, resume)
        at = self._resumption.cursor(resume.position)
        data = ConnectionData(
            connection_id=subscriber.id,
            resume=resume.kind,
            cursor=str(at),
            heartbeat_seconds=self._heartbeat.interval_s,
            signals=sorted(subscriber.signals) or UNSET,
            features=self._features if subscriber.speaks_hub_v1 else UNSET,
        )
        subscriber.link.write_control(_encode(self._texts.make_greeting(data, at_s=self._now())))
        if resume.kind == "gap":
            self._endings.announce_gap(subscriber, at)
        elif self._erasures.upto and subscriber.speaks_hub_v1 and self._erasures.concern(where):
            subscriber.link.write_control(STALE)
        if subscriber.transport != "websocket":
            # A client can only come back with a place it was given. Without one, what comes between a cut right after
            # the greeting and the return would be lost, and nobody would say so.
            subscriber.link.write_heartbeat(None, str(at))
        self._heartbeat.watch(subscriber, asyncio.get_running_loop().time())

    def acknowledge(self, subscriber: Subscriber, cursor: Cursor) -> None:
        """Take what a connection's client says it has got; what it cannot have got confirms nothing."""
        self._acknowledgements.acknowledge(subscriber, cursor)

    def note_page(self, target: Target, cursor: Cursor | None, resume: ResumeKind, upto: Cursor) -> None:
        """Note that a client that polls gets what was due since the cursor that it came back with."""
        if cursor is not None and resume == "replayed":
            self._acknowledgements.take_cursor(target, cursor)
            self._acknowledgements.hand_over(target, cursor.position, upto.position)

    def observe_handshake(self, subscriber: Subscriber, began_s: float) -> None:
        """Count how long it took from `began_s`, of the monotonic clock, until the greeting was written."""
        self._metrics.handshake[subscriber.transport].observe(time.monotonic() - began_s)

    def place(self, subscriber: Subscriber) -> Cursor:
        """Return the cursor up to which everything due to this connection was written to its link."""
        return self._resumption.cursor(self._endings.place(subscriber))

    async def serve(self, subscriber: Subscriber) -> None:
        """Replay what was missed, and return once the connection is live (or ended)."""
        await self._replay.run(subscriber)

    def serve_nowait(self, subscriber: Subscriber) -> None:
        """Replay what was missed, at once or by a task of the hub's."""
        self._catch_up.replay(subscriber)

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
            self._admission.log_refusal(error)
            raise
        subscriber.grant = grant
        subscriber.session.renew(grant.expires_at_s)
        self._heartbeat.update_expiry(subscriber)
        subscriber.link.write_control(_encode(AuthAccepted(expires_at=format_time(grant.expires_at_s))))

    def leave(self, subscriber: Subscriber, code: int = ABNORMAL_CLOSURE) -> None:
        """Forget a connection whose transport has ended; harmless where the hub ended it."""
        self._endings.leave(subscriber, code)

    def end(self, subscriber: Subscriber, code: int, reason: str) -> None:
        """End a connection in order; the client is told why."""
        self._endings.end(subscriber, code, reason)

    def count_refusal(self, error: HubError) -> None:
        """Count a refused connection, and say why in the log."""
        self._metrics.refusals[error.code] += 1
        if not isinstance(error, Draining):
            self._admission.log_refusal(error)

    async def send_away(self, *, window_s: float) -> None:
        """Let nobody in until `let_in`, and send every connection away, spread over at most `window_s`."""
        self.isolated = True
        await drain(self._subscribers.everyone(), self._endings, window_s=window_s, reason="this node is cut off")

    def let_in(self) -> None:
        """Let clients in again, unless the hub shuts down."""
        self.isolated = False

    async def drain(self, *, window_s: float) -> None:
        """Send every connection away, spread over at most `window_s`; nobody new is let in any more."""
        self.draining = True
        leaving, began_s = self._subscribers.everyone(), time.monotonic()
        message = f"draining {len(leaving)} connections; no new one is accepted"
        self._lines.write(logging.INFO, "drain_begun", message, connections=len(leaving))
        try:
            await drain(leaving, self._endings, window_s=window_s)
        finally:
            took_s = round(time.monotonic() - began_s, 1)
            left = len(self._subscribers)
            message = f"drained in {took_s} s; {left} connections are left"
            self._lines.write(logging.INFO, "drain_ended", message, seconds=took_s, left=left)

    def _refusal(self) -> Draining:
        return Draining() if self.draining else Draining("This node is cut off from its cluster: try another one")

    def _begin(self, subscriber: Subscriber, where: Cursor | Client | None) -> ResumeResult:
        if not isinstance(where, Client):
            return self._resumption.begin(subscriber, where)
        assert self._confirmation is not None
        resume, point = self._confirmation.begin(subscriber, where)
        subscriber.link.resume_at(point)
        return resume
