"""The types that users have muted, in memory: a fan-out asks for them, and cannot wait for a disk."""

from __future__ import annotations

from hub.target import Target

__all__ = ["NOTHING_MUTED", "Mutes", "read_type"]

NOTHING_MUTED: frozenset[str] = frozenset()
_PREFIX = b'{"type":"'


class Mutes:
    """What each user has muted; only those are held who have muted anything."""

    __slots__ = ("_by_user", "_sets")

    def __init__(self) -> None:
        self._by_user: dict[Target, frozenset[str]] = {}
        #: Many users mute the same types, so each set is held once.
        self._sets: dict[frozenset[str], frozenset[str]] = {}

    def __len__(self) -> int:
        return len(self._by_user)

    def find(self, user: Target) -> frozenset[str]:
        """Return the types that a user has muted."""
        return self._by_user.get(user, NOTHING_MUTED)

    def put(self, user: Target, kinds: frozenset[str]) -> None:
        """Note that a user has muted these types, and no others."""
        if kinds:
            self._by_user[user] = self._sets.setdefault(kinds, kinds)
        else:
            self._by_user.pop(user, None)


def read_type(payload: bytes) -> str:
    """Return the type of a stored notification, whose first member it is; a tag has no escapes."""
    return payload[len(_PREFIX) : payload.index(b'"', len(_PREFIX))].decode()
