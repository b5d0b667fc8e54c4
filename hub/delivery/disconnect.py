"""An operator's request to disconnect: connections are closed and, if asked, tokens refused for good.

A revocation is a record in the log, so it is durable before it is acknowledged, survives a restart and
reaches every hub that reads the same log.
"""

from __future__ import annotations

import logging
import uuid
from collections import OrderedDict
from collections.abc import Callable

import msgspec
from msgspec import UNSET

from contracts.closing import CloseCode
from contracts.receipt import DisconnectReceipt
from contracts.request import DisconnectRequest
from hub.auth.revocations import Revocation, Revocations
from hub.cluster.port import Cluster
from hub.delivery.erasures import Erasures
from hub.delivery.ports import EndsInOrder
from hub.delivery.subscribers import Subscriber, Subscribers
from hub.directory.directory import Directory
from hub.errors import HubError, StorageUnavailable
from hub.log.port import Draft, Kind, Log
from hub.operator_log import OperatorLog
from hub.target import CONTROL

__all__ = ["Disconnector", "Erasure"]

logger = logging.getLogger("hub.disconnect")

_decode = msgspec.json.Decoder(Revocation).decode
#: Control records read at once when the list is rebuilt.
PAGE = 1_000
PAGE_BYTES = 2 * 2**20
#: Revocations of other nodes whose effect is remembered, until they ask for it.
KEPT = 100


class Erasure(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="erasure"):
    """A control record that says that a user was erased, when and how much that was, and not who.

    What was erased was at or below the position `upto`.
    """

    at_s: float
    upto: int = 0
    records: int
    shared: int
    states: int
    keys: int


#: How such a record begins; a revocation has no `type`.
_ERASURE = b'{"type":"erasure"'
_decode_erasure = msgspec.json.Decoder(Erasure).decode


class Disconnector:
    """Closes connections and keeps the deny list in step with the log."""

    def __init__(
        self,
        *,
        log: Log,
        revocations: Revocations,
        directory: Directory,
        subscribers: Subscribers,
        erasures: Erasures,
        ends: EndsInOrder,
        cluster: Cluster,
        now: Callable[[], float],
    ) -> None:
        self._log = log
        self._erasures = erasures
        self._revocations = revocations
        self._directory = directory
        self._subscribers = subscribers
        self._ends = ends
        self._cluster = cluster
        self._now = now
        self._lines = OperatorLog(logger)
        # What this hub is appending itself: `disconnect` closes those connections and counts them, and `take` does not.
        self._asked: set[bytes] = set()
        # How many connections the newest revocations of other nodes closed here, by what the log has of them.
        self._closed: OrderedDict[bytes, int] = OrderedDict()

    async def disconnect(self, asked: DisconnectRequest) -> DisconnectReceipt:
        """Close the connections `asked` names, on every node; return how many.

        With `revoke` it returns after the revocation is durable, and none of the tokens issued until now
        is accepted any more.

        Raises:
            StorageUnavailable, Overloaded: nothing was revoked or closed.
        """
        at_s = self._now()
        revocation = Revocation(
            at_s=at_s,
            until_s=self._revocations.end_s(at_s),
            token_digest=asked.token,
            token_id=asked.jti,
            account_id=asked.account_id,
            user_id=asked.user_id,
        )
        payload = msgspec.json.encode(revocation)
        if asked.revoke:
            draft = Draft(
                id=str(uuid.uuid4()),
                targets=(CONTROL,),
                payload=payload,
                expires_at_s=revocation.until_s,
                kind=Kind.CONTROL,
            )
            self._asked.add(draft.payload)
            try:
                (result,) = await self._log.append([draft])
            finally:
                self._asked.discard(draft.payload)
            if isinstance(result, HubError):
                try:
                    raise result
                finally:
                    del result  # which holds this frame now
            self._revocations.add(revocation, self._now())
        closed = self._close(revocation)
        reached = await self._cluster.disconnect(payload, revoke=asked.revoke)
        return DisconnectReceipt(
            closed=closed + (0 if reached is None else reached.count),
            revoked=asked.revoke,
            nodes=UNSET if reached is None else reached.nodes,
        )

    def close_for(self, payload: bytes, *, revoke: bool) -> int:
        """Close what another node's request names; return how many, also of those that the log's record closed before.

        Raises:
            msgspec.MsgspecError, UnicodeDecodeError: this version of the hub cannot read the request.
        """
        revocation = _decode(payload)
        if revoke:
            # What the log brings of it later finds nobody left.
            self._revocations.add(revocation, self._now())
        return self._close(revocation) + self._closed.pop(payload, 0)

    async def rebuild(self) -> None:
        """Read every revocation that is still in force from the log.

        Raises:
            StorageUnavailable: one cannot be read. Without it, a revoked token would be accepted.
        """
        after = 0
        while True:
            head = self._log.head
            reading = await self._log.read([CONTROL], after=after, upto=head, limit=PAGE, limit_bytes=PAGE_BYTES)
            for record in reading.records:
                if record.is_damaged:
                    raise StorageUnavailable("A revocation in the log is damaged; see `hub check --deep`")
                self.take(record.payload)
            after = reading.upto
            if after >= head:
                return

    def take(self, payload: bytes) -> None:
        """Act on a control record that another hub, or an earlier life of this one, has written."""
        if payload in self._asked:
            return
        try:
            if payload.startswith(_ERASURE):
                self._erasures.note(_decode_erasure(payload).upto)
                return
            revocation = _decode(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            # Written by a newer hub, perhaps; the dispatcher must go on. Its text may quote an id.
            logger.error("a control record cannot be read: %s", type(error).__name__)
            return
        self._revocations.add(revocation, self._now())
        # Connections that came back meanwhile with a newer token are not meant.
        if closed := self._close(revocation, only_revoked=True):
            self._closed[payload] = closed
        while len(self._closed) > KEPT:
            self._closed.popitem(last=False)

    def _close(self, revocation: Revocation, *, only_revoked: bool = False) -> int:
        # An operator has often just changed the customer's database: what is remembered of it would let them in again.
        if revocation.user_id is not None or revocation.account_id is not None:
            self._directory.forget(user_id=revocation.user_id, account_id=revocation.account_id)
        leaving = [
            subscriber
            for subscriber in self._subscribers.everyone()
            if _names(revocation, subscriber)
            and not (only_revoked and not self._revocations.is_revoked(subscriber.grant, self._now()))
        ]
        for subscriber in leaving:
            self._ends.end(subscriber, CloseCode.DISCONNECTED, "disconnected by an operator")
        if leaving:
            message = f"disconnected {len(leaving)} connections by an operator's request"
            self._lines.write(logging.INFO, "disconnected", message, connections=len(leaving))
        return len(leaving)


def _names(revocation: Revocation, subscriber: Subscriber) -> bool:
    if revocation.token_digest is not None:
        return subscriber.grant.token_digest == revocation.token_digest
    if revocation.token_id is not None:
        return subscriber.grant.token_id == revocation.token_id
    if revocation.account_id is not None and subscriber.account_id != revocation.account_id:
        return False
    return revocation.user_id is None or subscriber.user_id == revocation.user_id
