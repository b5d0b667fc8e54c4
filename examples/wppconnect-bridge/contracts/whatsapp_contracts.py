"""The company's own notification types: what WhatsApp does.

The hub loads this module by name (`HUB_CONTRACTS=whatsapp_contracts`, with this folder on `PYTHONPATH`), checks `data`
by it, and has it in its API document, from which clients are generated. Fields are camelCase on the wire.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from contracts.notification import Notification

__all__ = ["MessageReceived", "MessageStatus", "SessionState"]

Kind = Literal["text", "image", "video", "audio", "document", "sticker", "location", "contact", "other"]
Status = Literal["pending", "sent", "delivered", "read", "played", "failed"]
State = Literal["connected", "disconnected", "waiting", "failed"]


class MessageData(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """A message somebody wrote; `preview` is the beginning of a text."""

    session: str
    message_id: str
    chat_id: str
    kind: Kind
    is_group: bool
    sender_name: str | None = None
    preview: str | None = None


class StatusData(msgspec.Struct, kw_only=True, rename="camel"):
    """How far a message of ours has come."""

    session: str
    message_id: str
    status: Status


class SessionData(msgspec.Struct, kw_only=True, rename="camel"):
    """Whether a session of the gateway works; `reason` is the gateway's own word."""

    session: str
    state: State
    reason: str


class MessageReceived(Notification, tag="whatsapp:message-received"):
    """Sent to the account whose number got a message."""

    data: MessageData


class MessageStatus(Notification, tag="whatsapp:message-status"):
    """Sent to the account when a message of theirs was delivered, read or lost."""

    data: StatusData


class SessionState(Notification, tag="whatsapp:session-state"):
    """Sent to the account when their connection to WhatsApp comes or goes."""

    data: SessionData
