"""Erasing a person (LGPD art. 18, GDPR art. 17): what the log has of a user goes, and the hub holds nothing of it.

What was erased, when, and how much is a control record of its own. It names nobody.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from contracts.receipt import ForgetReceipt
from contracts.request import ForgetRequest
from hub.delivery.disconnect import Erasure
from hub.delivery.erasures import Erasures, encode_removal
from hub.delivery.mutes import NOTHING_MUTED
from hub.delivery.ports import Ends
from hub.delivery.subscribers import Subscribers
from hub.directory.directory import Directory
from hub.errors import HubError
from hub.log.port import Draft, Erased, Kind, Log
from hub.operator_log import OperatorLog
from hub.target import CONTROL, Target

__all__ = ["Forgets", "Forgetter"]

logger = logging.getLogger("hub.forget")

_encode = msgspec.json.Encoder().encode
#: For how long the log says that it erased something.
_KEPT_S = 365 * 86_400.0


class Forgets(Protocol):
    """Holds something of users in memory."""

    def forget_person(self, person: Target) -> None:
        """Drop all that is held of this user."""


class _Request:
    """One that this node was asked for; so many `connections` have ended, None before its first erasure is done."""

    def __init__(self, user_id: str, account_id: str | None) -> None:
        self.whose = user_id, account_id
        self.connections: int | None = None


class Forgetter:
    """Erases users; `also` are other parts that hold something of them."""

    def __init__(
        self,
        *,
        log: Log,
        directory: Directory,
        subscribers: Subscribers,
        ends: Ends,
        erasures: Erasures,
        also: Sequence[Forgets] = (),
        now: Callable[[], float],
    ) -> None:
        self._log = log
        self._directory = directory
        self._subscribers = subscribers
        self._ends = ends
        self._erasures = erasures
        self._also = also
        self._now = now
        self._requests: list[_Request] = []
        self._lines = OperatorLog(logger)

    async def forget(self, asked: ForgetRequest) -> ForgetReceipt:
        """Erase a user of one account, or of all, and return how much that was; once more finds nothing.

        The user's connections are told what has gone. They are ended, since they hold what is on its way, and may come
        back.

        Raises:
            StorageUnavailable, Overloaded: it did not come to its end; ask again.
        """
        request = _Request(asked.user_id, asked.account_id)
        self._requests.append(request)
        try:
            erased = await self._log.erase(*request.whose)
            if request.connections is None:
                # The log of a hub alone tells of none.
                self.drop(*request.whose, erased)
        finally:
            self._requests.remove(request)
        at_s, upto = self._now(), self._log.head
        told = Erasure(
            at_s=at_s, upto=upto, records=erased.records, shared=erased.shared, states=erased.states, keys=erased.keys
        )
        draft = Draft(
            id=str(uuid.uuid4()),
            targets=(CONTROL,),
            payload=_encode(told),
            expires_at_s=at_s + _KEPT_S,
            kind=Kind.CONTROL,
        )
        (stored,) = await self._log.append([draft])
        if isinstance(stored, HubError):
            raise stored
        # Those who come back before this were connected, and were told.
        self._erasures.note(upto)
        message = f"erased a user's {erased.records} records and {erased.states} rows of state"
        self._lines.write(logging.WARNING, "forgotten", message, records=erased.records, states=erased.states)
        return ForgetReceipt(
            records=erased.records,
            shared=erased.shared,
            states=erased.states,
            idempotency_keys=erased.keys,
            connections=request.connections or 0,
            final=erased.final,
        )

    def drop(self, user_id: str, account_id: str | None, erased: Erased) -> None:
        """Drop what this node holds of a user whom the log has erased, whichever node was asked to do it.

        Of two erasures at one time, which two nodes were asked for, only the first knows what there was.
        """
        for person in erased.persons:
            self._subscribers.mute(person, NOTHING_MUTED)
            for part in self._also:
                part.forget_person(person)
        self._directory.forget(user_id=user_id, account_id=account_id)
        ending = [
            subscriber
            for subscriber in self._subscribers.everyone()
            if subscriber.user_id == user_id and account_id in {None, subscriber.account_id}
        ]
        for subscriber in ending:
            if subscriber.speaks_hub_v1 and (ids := erased.ids.get(subscriber.targets[0])):
                subscriber.link.write_control(encode_removal(ids))
            self._ends.end_slow(subscriber)
        for request in self._requests:
            if request.whose == (user_id, account_id):
                request.connections = (request.connections or 0) + len(ending)
