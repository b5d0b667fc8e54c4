"""Control frames: what the hub sends to a subscriber on its own behalf, and the two frames that a subscriber may send.

A frame is one message on a connection: a notification or a control frame. Frontends without the hub's client
show every frame as a message, so the two that they can receive have a title and a message, in the hub's language.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from contracts.identifier import CursorText, SignalType, Timestamp

__all__ = [
    "CONTROL_FRAMES",
    "FEATURES",
    "MAX_LISTENED",
    "RESERVED_TYPES",
    "Ack",
    "Auth",
    "AuthAccepted",
    "Closing",
    "ConnectionData",
    "ConnectionEstablished",
    "ControlFrame",
    "Gap",
    "GapData",
    "Heartbeat",
    "InboxChanged",
    "Listen",
    "PreferencesChanged",
    "Reconnect",
    "ResumeKind",
]

#: How many types of signals one connection may ask for.
MAX_LISTENED = 64
#: What a hub may name in its greeting, sorted.
FEATURES = ("ack", "inbox", "preferences", "push")
#: How a connection began: without a cursor, with everything that was missed, or with a gap.
ResumeKind = Literal["live", "replayed", "gap"]


class ConnectionData(msgspec.Struct, kw_only=True, rename="camel"):
    """The facts of a connection; `heartbeat_seconds` is the longest silence.

    `signals` are the types of signals that the client asked for with its request, if it did; its presence says that
    the hub takes `listen`. `features` names what else the hub has for clients that speak `hub.v1`; a client that finds
    a word missing does without, and passes over words that it does not know. A hub from before that names none.
    `ack`: the hub takes the frame `ack` and `POST /api/ack`. `inbox`: it keeps inboxes (`/api/inbox`, the frame
    `inbox`). `preferences`: users may mute types (`/api/preferences`, the frame `preferences`). `push`: browsers may
    subscribe to Web Push (`/api/push`).
    """

    connection_id: str
    resume: ResumeKind
    cursor: CursorText
    heartbeat_seconds: float
    signals: list[SignalType] | UnsetType = UNSET
    features: Annotated[list[str], msgspec.Meta(examples=[[*FEATURES]])] | UnsetType = UNSET


class ConnectionEstablished(msgspec.Struct, kw_only=True, tag_field="type", tag="connection_established"):
    """The first frame of every connection."""

    title: str
    message: str
    data: ConnectionData
    timestamp: Timestamp


class GapData(msgspec.Struct, kw_only=True, rename="camel"):
    """The position from which the connection continues after the gap."""

    cursor: CursorText


class Gap(msgspec.Struct, kw_only=True, tag_field="type", tag="gap"):
    """Sent when the log no longer holds what the client's cursor asks for. The client fetches its state again."""

    title: str
    message: str
    data: GapData
    timestamp: Timestamp


class Heartbeat(msgspec.Struct, kw_only=True, tag_field="type", tag="heartbeat"):
    """Sent to `hub.v1` clients when nothing else was sent, because browsers cannot see pings.

    `cursor` is the position that this connection has reached, even if nothing was for its user.
    """

    cursor: CursorText


class Reconnect(msgspec.Struct, kw_only=True, tag_field="type", tag="reconnect", rename="camel"):
    """Sent before a shutdown: the client reconnects with its cursor at a random moment within these seconds."""

    within_seconds: float


class Closing(msgspec.Struct, kw_only=True, tag_field="type", tag="closing"):
    """The last frame before the hub ends a stream; `code` is the WebSocket close code that it replaces."""

    code: int
    reason: str


class InboxChanged(msgspec.Struct, kw_only=True, omit_defaults=True, tag_field="type", tag="inbox"):
    """Sent to `hub.v1` clients when the user's inbox has changed, on whichever device.

    First everything up to `read_until` is read, if it is there. Then the notifications with these ids are read, unread,
    and archived. `unread_count` is how many were unread after it, exact up to 999; `more` says that there were more.
    It has a place in the log, as a notification has, and comes again to a client that continues before it.

    After an erasure it has neither a place nor a count. The notifications of `removed` exist no longer. `stale`: others
    may have gone, too, so a client fetches the inbox again, and drops what is not in it.
    """

    read: list[str]
    unread: list[str]
    archived: list[str]
    removed: list[str] = []
    stale: bool = False
    read_until: CursorText | UnsetType = UNSET
    unread_count: int | UnsetType = UNSET
    more: bool = False
    cursor: CursorText | UnsetType = UNSET


class PreferencesChanged(msgspec.Struct, kw_only=True, tag_field="type", tag="preferences"):
    """Sent to the `hub.v1` clients of a user who has changed what they want to get: the types that are muted now."""

    muted: list[str]
    cursor: CursorText


class Auth(msgspec.Struct, kw_only=True, tag_field="type", tag="auth", forbid_unknown_fields=True):
    """Sent by a `hub.v1` client to continue with a newer token of the same user and account."""

    token: str


class AuthAccepted(msgspec.Struct, kw_only=True, tag_field="type", tag="auth_accepted", rename="camel"):
    """The response to `Auth`; the connection now lives until `expires_at`."""

    expires_at: Timestamp


class Listen(msgspec.Struct, kw_only=True, tag_field="type", tag="listen", forbid_unknown_fields=True):
    """Sent by a `hub.v1` client to say which signals it wants from now on, in place of those that it asked for before.

    There is no response. A type that the hub does not know is accepted: it may know it after its next update.
    """

    signals: Annotated[list[SignalType], msgspec.Meta(max_length=MAX_LISTENED)]


class Ack(msgspec.Struct, kw_only=True, tag_field="type", tag="ack", forbid_unknown_fields=True):
    """Sent by a `hub.v1` client: its handlers took every notification of this connection up to `cursor`.

    There is no response. It matters where the service awaits a confirmation; a client sends at most one a second.
    """

    cursor: CursorText


ControlFrame = (
    ConnectionEstablished | Gap | Heartbeat | Reconnect | Closing | AuthAccepted | InboxChanged | PreferencesChanged
)

#: What a subscriber may receive besides notifications.
CONTROL_FRAMES: tuple[type[msgspec.Struct], ...] = (
    ConnectionEstablished,
    Gap,
    Heartbeat,
    Reconnect,
    Closing,
    AuthAccepted,
    InboxChanged,
    PreferencesChanged,
)

_SPOKEN: tuple[type[msgspec.Struct], ...] = (*CONTROL_FRAMES, Auth, Listen, Ack)

#: Types that hub and client use themselves; no service may publish them and no company may declare them.
RESERVED_TYPES: frozenset[str] = frozenset(str(kind.__struct_config__.tag) for kind in _SPOKEN)
