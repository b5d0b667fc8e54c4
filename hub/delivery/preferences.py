"""What users want to get: the types that each has muted, as state of the log.

A change is a state record for its user. It takes effect when the dispatcher comes to it: what is before it in the log
is delivered as before, and what is after it as the user wants it, on all of the user's connections at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Mapping, Sequence

import msgspec

from contracts import preferences as contract
from contracts.frame import PreferencesChanged
from contracts.policy import Policy
from hub.delivery.mutes import read_type
from hub.delivery.progress import Progress
from hub.delivery.subscribers import Subscribers
from hub.errors import HubError, MandatoryType, UnknownType
from hub.log.port import Appended, Change, Draft, Kind, Log
from hub.target import Target

__all__ = ["Preferences"]

#: The owner of the rows of the state index, one for each user, and how many of them are read at once.
_OWNER = "preferences"
_PAGE = 1_000
_TAG = str(PreferencesChanged.__struct_config__.tag)


class _Stored(msgspec.Struct):
    """The frame of a change without its cursor, as the log has it, and the value of its row."""

    type: str
    muted: list[str]


_decode = msgspec.json.Decoder(_Stored).decode
_encode = msgspec.json.Encoder().encode


class Preferences:
    """Keeps what users have muted, for the subscribers and in the log."""

    def __init__(
        self,
        log: Log,
        subscribers: Subscribers,
        progress: Progress,
        policies: Mapping[str, Policy],
        *,
        effect_timeout_s: float,
    ) -> None:
        """Take the policies of all types; a change is waited for `effect_timeout_s`, until it has an effect."""
        self._log = log
        self._subscribers = subscribers
        self._progress = progress
        self._policies = policies
        self._effect_timeout_s = effect_timeout_s
        self._optional = frozenset(tag for tag, policy in policies.items() if not policy.mandatory)
        #: By position, those who wait until their change has an effect.
        self._waiting: dict[int, asyncio.Future[None]] = {}

    async def rebuild(self) -> None:
        """Read what all users have muted.

        Raises:
            StorageUnavailable: the log cannot be read.
        """
        after = ""
        while True:
            entries = await self._log.list_state(_OWNER, after=after, limit=_PAGE)
            for entry in entries:
                self._apply(Target(entry.key), entry.value)
            if len(entries) < _PAGE:
                return
            after = entries[-1].key

    def view(self, user: Target) -> contract.Preferences:
        """Return what a user has muted, and every type."""
        muted = self._subscribers.mutes.find(user)
        return contract.Preferences(
            muted=[tag for tag in self._policies if tag in muted],
            types=[
                contract.TypePreference(type=tag, mandatory=policy.mandatory, muted=tag in muted)
                for tag, policy in self._policies.items()
            ],
        )

    async def mute(self, user: Target, kinds: Sequence[str]) -> None:
        """Let a user mute these types and no others, and return after it is durable and has an effect.

        Raises:
            UnknownType, MandatoryType: one of them cannot be muted; `field` has its index.
            StorageUnavailable, Overloaded: it cannot be stored now.
        """
        for index, tag in enumerate(kinds):
            if tag not in self._policies:
                raise UnknownType("The hub knows no such type", field=f"$.muted[{index}]", known=self._policies)
            if tag not in self._optional:
                raise MandatoryType(field=f"$.muted[{index}]")
        if self._subscribers.mutes.find(user) == frozenset(kinds):
            return
        payload = _encode(_Stored(type=_TAG, muted=sorted(set(kinds))))
        # Nothing muted needs no row.
        change = Change(_OWNER, user, payload if kinds else None, person=user)
        draft = Draft(id=str(uuid.uuid4()), targets=(user,), payload=payload, kind=Kind.STATE, changes=(change,))
        (stored,) = await self._log.append([draft])
        if isinstance(stored, HubError):
            raise stored
        await self._wait_effect(stored)

    def take_user_state(self, targets: Sequence[Target], payload: bytes, position: int) -> None:
        """Act on a state record of users, where it is about preferences."""
        if read_type(payload) != _TAG:
            return
        for user in targets:
            self._apply(user, payload)
        if (waiting := self._waiting.get(position)) is not None and not waiting.done():
            waiting.set_result(None)

    async def _wait_effect(self, stored: Appended) -> None:
        if self._progress.position >= stored.position:
            return
        waiting = self._waiting[stored.position] = asyncio.get_running_loop().create_future()
        try:
            # It is stored, whatever the dispatcher is busy with.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._effect_timeout_s):
                    await waiting
        finally:
            del self._waiting[stored.position]

    def _apply(self, user: Target, payload: bytes) -> None:
        # A type may have become mandatory since, or be no longer known.
        self._subscribers.mute(user, self._optional.intersection(_decode(payload).muted))
