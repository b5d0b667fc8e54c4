"""What a user wants to get: the request and the response of `/api/preferences`."""

from __future__ import annotations

from typing import Annotated

import msgspec

__all__ = ["MAX_MUTED", "Preferences", "PreferencesRequest", "TypePreference"]

#: How many types a user may mute.
MAX_MUTED = 1000


class TypePreference(msgspec.Struct, kw_only=True):
    """One type that the hub knows; a `mandatory` one cannot be muted."""

    type: str
    mandatory: bool
    muted: bool


class Preferences(msgspec.Struct, kw_only=True):
    """The types that the user has muted, and all that there are.

    Notifications of a muted type do not reach the user's connections, and are listed in the inbox like all others.
    """

    muted: list[str]
    types: list[TypePreference]


class PreferencesRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The types that the user mutes from now on, in place of those that were muted before."""

    muted: Annotated[list[Annotated[str, msgspec.Meta(max_length=64)]], msgspec.Meta(max_length=MAX_MUTED)]
