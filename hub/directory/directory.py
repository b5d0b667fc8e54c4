"""The directory's port: what the hub asks of the customer's users and accounts. It only ever reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

__all__ = ["MAX_ID_LENGTH", "Directory", "User"]

#: No id is longer; a longer one is nobody's, and is not asked for.
MAX_ID_LENGTH = 128


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A user as the directory knows them; `account_status` is None without an account. Shows no ids in a `repr`.

    `role` and `account_status` are in lower case, however the database writes them.
    """

    user_id: str
    account_id: str | None
    role: str
    active: bool
    account_status: str | None

    def __repr__(self) -> str:
        return f"User(role={self.role!r}, active={self.active}, account_status={self.account_status!r})"


class Directory(Protocol):
    """Who the users are, and in what state their accounts."""

    @property
    def trusts_claims(self) -> bool:
        """Whether there is no directory, so that what a token claims is all there is to know."""

    def find_user_nowait(self, user_id: str) -> User | None:
        """Return the user if they are known without asking; None means: ask `find_user`."""

    async def find_user(self, user_id: str) -> User | None:
        """Return the user with this id, or None if there is none.

        Raises:
            DirectoryUnavailable: the directory cannot be asked, or did not answer in time.
        """

    async def find_user_anew(self, user_id: str) -> User | None:
        """Return the user as they are now: what is remembered for longer than a second does not count.

        For a caller that is about to refuse somebody because of what is remembered.

        Raises:
            DirectoryUnavailable: as for `find_user`.
        """

    async def find_users(self, user_ids: Sequence[str]) -> dict[str, User]:
        """Return those of these users that there are, by id, asked for now and past every cache.

        Raises:
            DirectoryUnavailable: as for `find_user`; it is not known who of them there is.
        """

    def forget(self, *, user_id: str | None = None, account_id: str | None = None) -> None:
        """Ask anew at the next look-up of this user, or of every user of this account."""

    async def check(self) -> None:
        """Return if users can be looked up now, past every cache.

        Raises:
            DirectoryUnavailable: they cannot; its `cause` says why.
        """

    async def close(self) -> None:
        """Close the connections and end the tasks; nothing is asked afterwards."""
