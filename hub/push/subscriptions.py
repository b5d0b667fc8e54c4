"""Every subscription, in the log's state. Who has any is in memory, so that a notification for others costs little."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec

from contracts.push import PushSubscription
from hub.auth.grant import Grant
from hub.errors import HubError
from hub.log.port import Change, Draft, Kind, Log
from hub.push.subscription import Subscription, check_subscription, endpoint_key, read_subscription
from hub.target import CONTROL, WITHOUT_ACCOUNT, Target, account_target, split_target, user_target

__all__ = ["MOST_FOUND", "Known", "Subscriptions", "store_changes"]

#: The owner of what is known of each endpoint, by its digest; the subscription itself is the user's.
_ALL = "push"
_PAGE = 1_000
#: Users whose subscriptions are found at one time.
MOST_FOUND = 100
#: A browser that names the same subscription more often is not written down again.
_SAME_S = 3600.0
#: People without an account have nothing in common.
_NO_ACCOUNT = account_target(WITHOUT_ACCOUNT)
#: Of a state record for the hub alone: nothing in it is about anybody.
_PAYLOAD = b'{"type":"push"}'


class Known(msgspec.Struct, frozen=True):
    """Whose an endpoint is, and when their browser last named it (Unix time)."""

    user: Target
    at_s: float

    def __repr__(self) -> str:
        return f"Known(at_s={self.at_s})"


_encode = msgspec.json.Encoder().encode
_decode_known = msgspec.json.Decoder(Known).decode


class Subscriptions:
    """The subscriptions of all users, at most `limit_each` of one."""

    def __init__(self, log: Log, *, limit_each: int, allow_private: bool, now: Callable[[], float]) -> None:
        self._log = log
        self._limit_each = limit_each
        self._allow_private = allow_private
        self._now = now
        # By account, then by user: how many subscriptions.
        self._members: dict[Target, dict[Target, int]] = {}
        self._users: dict[Target, Target] = {}
        self._count = 0
        self._changing = asyncio.Lock()

    def __len__(self) -> int:
        return self._count

    @property
    def users(self) -> list[Target]:
        """Everybody who has a subscription."""
        return list(self._users)

    async def load(self) -> None:
        """Read who has subscriptions, in place of what is known of it.

        Raises:
            StorageUnavailable: the log cannot be read.
        """
        async with self._changing:
            await self._count_anew()

    def find(self, targets: Sequence[Target]) -> list[Target]:
        """Return the users with subscriptions whom a notification names, by themselves or by account, each once.

        A notification for everyone names nobody: that a service tells all at once is not what anybody is woken for.
        """
        found: list[Target] = []
        for target in targets:
            if target in self._users:
                found.append(target)
            elif target in self._members and target != _NO_ACCOUNT:
                found += self._members[target]
        return list(dict.fromkeys(found))

    async def find_one(self, user: Target, key: str) -> Subscription | None:
        """Return the subscription of a user whose endpoint has this digest, if it is still theirs.

        Raises:
            StorageUnavailable: the log cannot be read.
        """
        entry = await self._log.read_state(_ALL + user, key)
        try:
            return None if entry is None else read_subscription(entry.value)
        except (msgspec.MsgspecError, UnicodeDecodeError):  # written by a newer hub
            return None

    async def find_of(self, users: Sequence[Target]) -> list[Subscription]:
        """Return the subscriptions of at most `MOST_FOUND` users; those that cannot be read are left out.

        Raises:
            StorageUnavailable: the log cannot be read.
        """
        found = []
        owners = [_ALL + user for user in users]
        for entry in await self._log.list_state(owners, limit=2 * self._limit_each * len(owners)):
            try:
                found.append(read_subscription(entry.value))
            except (msgspec.MsgspecError, UnicodeDecodeError):  # written by a newer hub
                continue
        return found

    async def put(self, given: PushSubscription, grant: Grant) -> None:
        """Keep a browser's subscription for its user, also where it was another's; of too many a user's oldest goes.

        Raises:
            InvalidField: it cannot be used.
            StorageUnavailable, Overloaded: nothing was kept.
        """
        now_s, user = self._now(), user_target(grant.account_id, grant.user_id)
        new = check_subscription(given, user, grant.role, now_s, allow_private=self._allow_private)
        async with self._changing:
            mine = await self.find_of([user])
            known = await self._find_known(new.key)
            before = known.user if known is not None else None
            same = next((each for each in mine if each.key == new.key), None)
            if before == user and same is not None and _is_fresh(same, new):
                return
            changes = [_put_known(new), Change(_ALL + user, new.key, _encode(new))]
            if before is not None and before != user:
                # A computer that several people use: the one before gets nothing here any more.
                changes.append(Change(_ALL + before, new.key, None))
            others = sorted((each for each in mine if each.key != new.key), key=lambda each: each.subscribed_at_s)
            surplus = others[: max(0, len(others) + 1 - self._limit_each)]
            for each in surplus:
                changes += _remove(each.key, user)
            await store_changes(self._log, changes)
            if before is None:
                self._add(user)
            elif before != user:
                self._drop(before)
                self._add(user)
            for _ in surplus:
                self._drop(user)

    async def remove(self, key: str, user: Target) -> None:
        """Forget the subscription under the digest `key`, if it is this user's.

        Raises:
            StorageUnavailable, Overloaded: it was not forgotten.
        """
        async with self._changing:
            known = await self._find_known(key)
            if known is None or known.user != user:
                return
            await store_changes(self._log, _remove(key, user))
            self._drop(user)

    async def remove_endpoint(self, endpoint: str, grant: Grant) -> None:
        """Forget a subscription that its user's browser has ended; another user's stays, and nobody is told.

        Raises:
            StorageUnavailable, Overloaded: it was not forgotten.
        """
        await self.remove(endpoint_key(endpoint), user_target(grant.account_id, grant.user_id))

    async def sweep(self, is_over: Callable[[Known], bool]) -> int:
        """Forget the subscriptions that are over; return how many.

        Who has any is counted anew: an erasure of a user takes their rows away without a word.

        Raises:
            StorageUnavailable, Overloaded: some were not looked at.
        """
        async with self._changing:
            found = await self._count_anew()
        over = [(key, known.user) for key, known in found if is_over(known)]
        for key, user in over:
            await self.remove(key, user)
        return len(over)

    def learn(self, changes: Sequence[Change]) -> bool:
        """Take who has a subscription now by these changes of another node; whether they concern any.

        What they take away is known after `load`.
        """
        concerned = False
        for change in changes:
            if change.owner != _ALL:
                continue
            concerned = True
            if change.value is not None:
                with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
                    user = _decode_known(change.value).user
                    if user not in self._users:
                        self._add(user)
        return concerned

    def forget_person(self, person: Target) -> None:
        """Drop what is held of a user who was erased from the log."""
        while person in self._users:
            self._drop(person)

    async def _count_anew(self) -> list[tuple[str, Known]]:
        found = [pair async for pair in self._read_known()]
        self._members, self._users, self._count = {}, {}, 0
        for _, known in found:
            self._add(known.user)
        return found

    async def _read_known(self) -> AsyncIterator[tuple[str, Known]]:
        after = ""
        while entries := await self._log.list_state(_ALL, after=after, limit=_PAGE):
            for entry in entries:
                try:
                    yield entry.key, _decode_known(entry.value)
                except (msgspec.MsgspecError, UnicodeDecodeError):  # written by a newer hub
                    continue
            after = entries[-1].key

    async def _find_known(self, key: str) -> Known | None:
        entry = await self._log.read_state(_ALL, key)
        try:
            return None if entry is None else _decode_known(entry.value)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None

    def _add(self, user: Target) -> None:
        account = _account_of(user)
        members = self._members.setdefault(account, {})
        members[user] = members.get(user, 0) + 1
        self._users[user] = account
        self._count += 1

    def _drop(self, user: Target) -> None:
        account = self._users.get(user)
        if account is None:
            return
        members = self._members[account]
        members[user] -= 1
        self._count -= 1
        if not members[user]:
            del members[user], self._users[user]
        if not members:
            del self._members[account]


async def store_changes(log: Log, changes: Sequence[Change]) -> None:
    """Make these changes of state, in one record that reaches nobody.

    Raises:
        StorageUnavailable, Overloaded: they were not made.
    """
    draft = Draft(id=str(uuid.uuid4()), targets=(CONTROL,), payload=_PAYLOAD, kind=Kind.STATE, changes=tuple(changes))
    (result,) = await log.append([draft])
    assert not isinstance(result, HubError), "there is no idempotency key to conflict"


def _account_of(user: Target) -> Target:
    account_id, _ = split_target(user)
    assert account_id is not None
    return account_target(account_id)


def _is_fresh(kept: Subscription, new: Subscription) -> bool:
    age_s = new.subscribed_at_s - kept.subscribed_at_s
    return 0 <= age_s < _SAME_S and msgspec.structs.replace(new, subscribed_at_s=kept.subscribed_at_s) == kept


def _put_known(new: Subscription) -> Change:
    return Change(_ALL, new.key, _encode(Known(new.user, new.subscribed_at_s)), person=new.user)


def _remove(key: str, user: Target) -> list[Change]:
    return [Change(_ALL + user, key, None), Change(_ALL, key, None)]
