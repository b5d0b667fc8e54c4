"""Control frames: what the hub itself says to a subscriber, and the one thing a subscriber may say.

A frame is one message on a connection, a notification or one of these. Frontends that know nothing of
the hub show every frame as a message, so the two they can meet have a title and a message, in the hub's language.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from contracts.identifier import CursorText, Timestamp

__all__ = [
    "CONTROL_FRAMES",
    "RESERVED_TYPES",
    "Auth",
    "AuthAccepted",
    "Closing",
    "ConnectionData",
    "ConnectionEstablished",
    "ControlFrame",
    "Gap",
    "GapData",
    "Heartbeat",
    "Reconnect",
    "ResumeKind",
]

#: How a connection began: without a cursor, with everything it missed, or with a hole.
ResumeKind = Literal["live", "replayed", "gap"]


class ConnectionData(msgspec.Struct, kw_only=True, rename="camel"):
    """What a client may want to know of its connection; `heartbeat_seconds` is the longest silence."""

    connection_id: str
    resume: ResumeKind
    cursor: CursorText
    heartbeat_seconds: float


class ConnectionEstablished(msgspec.Struct, kw_only=True, tag_field="type", tag="connection_established"):
    """The first frame of every connection."""

    title: str
    message: str
    data: ConnectionData
    timestamp: Timestamp


class GapData(msgspec.Struct, kw_only=True, rename="camel"):
    """Where the connection goes on after the hole."""

    cursor: CursorText


class Gap(msgspec.Struct, kw_only=True, tag_field="type", tag="gap"):
    """Sent when the log no longer holds what the client's cursor asks for: fetch the state afresh."""

    title: str
    message: str
    data: GapData
    timestamp: Timestamp


class Heartbeat(msgspec.Struct, kw_only=True, tag_field="type", tag="heartbeat"):
    """Sent to `hub.v1` clients when nothing else was, since browsers cannot see pings.

    `cursor` is how far this connection has come, whatever was addressed to it or not.
    """

    cursor: CursorText


class Reconnect(msgspec.Struct, kw_only=True, tag_field="type", tag="reconnect", rename="camel"):
    """Sent before a shutdown: come back with the cursor at a random moment within these seconds."""

    within_seconds: float


class Closing(msgspec.Struct, kw_only=True, tag_field="type", tag="closing"):
    """The last frame before the hub ends a stream; `code` is the WebSocket close code it stands for."""

    code: int
    reason: str


class Auth(msgspec.Struct, kw_only=True, tag_field="type", tag="auth", forbid_unknown_fields=True):
    """Sent by a `hub.v1` client to go on with a newer token of the same user and account."""

    token: str


class AuthAccepted(msgspec.Struct, kw_only=True, tag_field="type", tag="auth_accepted", rename="camel"):
    """The answer to `Auth`; the connection now lives until `expires_at`."""

    expires_at: Timestamp


ControlFrame = ConnectionEstablished | Gap | Heartbeat | Reconnect | Closing | AuthAccepted

#: What a subscriber may receive besides notifications.
CONTROL_FRAMES: tuple[type[msgspec.Struct], ...] = (
    ConnectionEstablished,
    Gap,
    Heartbeat,
    Reconnect,
    Closing,
    AuthAccepted,
)

_SPOKEN: tuple[type[msgspec.Struct], ...] = (*CONTROL_FRAMES, Auth)

#: Types that mean something between hub and client; no service publishes one and no company takes one.
RESERVED_TYPES: frozenset[str] = frozenset(str(kind.__struct_config__.tag) for kind in _SPOKEN)
