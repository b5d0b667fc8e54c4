"""No directory at all: `HUB_DIRECTORY_URL=off`, where the token's claims are trusted."""

from __future__ import annotations

from collections.abc import Sequence

from hub.directory.directory import User

__all__ = ["TrustingDirectory"]


class TrustingDirectory:
    """Knows no user and believes every token."""

    trusts_claims = True

    def find_user_nowait(self, user_id: str) -> User | None:
        """Return None: nobody is known."""
        return None

    async def find_user(self, user_id: str) -> User | None:
        """Return None: nobody is known."""
        return None

    async def find_user_anew(self, user_id: str) -> User | None:
        """Return None: nobody is known."""
        return None

    async def find_users(self, user_ids: Sequence[str]) -> dict[str, User]:
        """Return nobody."""
        return {}

    def forget(self, *, user_id: str | None = None, account_id: str | None = None) -> None:
        """Do nothing; nothing is remembered."""

    async def check(self) -> None:
        """Return: there is nothing that could be down."""

    async def close(self) -> None:
        """Do nothing; there is nothing open."""
