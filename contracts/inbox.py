"""What a frontend asks of its user's inbox, and what it gets.

The inbox has what the log has for the user, without the types whose policy leaves them out and without what has
expired. Changes reach all of the user's connections that speak `hub.v1` as the control frame `inbox`.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

from contracts.identifier import CursorText, Link, Timestamp

__all__ = [
    "DEFAULT_INBOX_PAGE",
    "MAX_INBOX_IDS",
    "MAX_INBOX_PAGE",
    "InboxChange",
    "InboxCount",
    "InboxNotification",
    "InboxNotifications",
]

#: How many notifications one request may name, in all lists together.
MAX_INBOX_IDS = 1_000
#: How many notifications one page has at most, and where its request does not say.
MAX_INBOX_PAGE = 100
DEFAULT_INBOX_PAGE = 30

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64, examples=["5f0c4f5e-8a4e-4a53-9f0e-0d5e3d1c7a11"])]
_Ids = Annotated[list[_Id], msgspec.Meta(max_length=MAX_INBOX_IDS)]
_Unread = Annotated[int, msgspec.Meta(ge=0, le=999)]


class InboxNotification(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A notification as it was delivered, and whether the user has read and archived it.

    The types of `data` are those of `Notification`, by `type`.
    """

    type: str
    title: str
    message: str
    data: Any | UnsetType = UNSET
    link: Link | UnsetType = UNSET
    timestamp: Timestamp
    id: str
    cursor: CursorText
    read: bool
    archived: bool


class InboxNotifications(msgspec.Struct, kw_only=True):
    """A page of an inbox, newest first.

    `unread` is the number of unread notifications in the whole inbox, exact up to 999; `more` says that there are more
    than those. `next` is the `before` of the following page, null at the end; a page may have fewer notifications than
    asked for, and none, before the end. Everything up to `cursor` is in the response: a connection that continues
    there misses nothing. A connection also brings notifications of the `unlisted` types, which have no place in an
    inbox.
    """

    notifications: list[InboxNotification]
    unread: _Unread
    more: bool
    next: CursorText | None
    cursor: CursorText
    unlisted: list[str]


class InboxChange(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What the user has done: all of it, or nothing of it, is changed.

    `read_until` marks everything up to this cursor as read, however much that is. After it, `read` and `unread` mark
    single notifications, by their ids, and `archive` takes them off the list, for good. Together they name at most
    1,000. The same change once more changes nothing.
    """

    read: _Ids = []
    unread: _Ids = []
    archive: _Ids = []
    read_until: CursorText | None = None


class InboxCount(msgspec.Struct, kw_only=True):
    """How many notifications are unread after a change, exact up to 999; `more` says that there are more than those.

    The change is in the log at or before `cursor`.
    """

    unread: _Unread
    more: bool
    cursor: CursorText
