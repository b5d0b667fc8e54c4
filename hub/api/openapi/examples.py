"""An example of every request and frame, for the documents; all ids are invented."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from contracts.closing import CloseCode
from contracts.frame import (
    AuthAccepted,
    Closing,
    ConnectionData,
    ConnectionEstablished,
    Gap,
    GapData,
    Heartbeat,
    InboxChanged,
    PreferencesChanged,
    Reconnect,
)
from contracts.notification import Notification
from contracts.observation import (
    AccountCount,
    Durations,
    Feed,
    FeedItem,
    FeedTarget,
    Figures,
    Introduction,
    LogFigures,
    ObservationEnd,
)
from contracts.relay import RelayFigures
from contracts.signal import Signal
from contracts.stats import ConnectionCounts
from hub.language import Texts
from hub.publish.example import make_example

__all__ = [
    "ACK_EXAMPLE",
    "CURSOR",
    "LISTEN_EXAMPLE",
    "OBSERVATION_EXAMPLES",
    "frame_example",
    "notification_example",
    "observation_example",
    "publish_example",
    "signal_example",
    "signal_request_example",
    "stream_example",
]

MOMENT = "2026-11-22T14:03:07.125Z"
CURSOR = "k3v9q2m7xa-1z8"
NOTIFICATION_ID = "0b6f2c52-9d0e-4c39-9f0a-0d6f3a4c1e77"
ACK_EXAMPLE = {"type": "ack", "cursor": "k3v9q2m7xa-1z8"}
LISTEN_EXAMPLE = {"type": "listen", "signals": ["orders:updated", "customers:updated"]}
_TARGET = {"user_id": "user-1", "account_id": "account-1"}
_FEED = Feed(
    items=[
        FeedItem(
            id=NOTIFICATION_ID,
            type="stock_alert",
            timestamp=MOMENT,
            cursor=CURSOR,
            target=FeedTarget(kind="user", account_id="*******-1", user_id="****-1"),
            connections=2,
            bytes=412,
        )
    ],
    skipped=0,
)
#: One of each event of an operator's stream.
OBSERVATION_EXAMPLES = (
    Introduction(
        service="on-call",
        operations=["observe"],
        types=None,
        everyone=False,
        version="0.1.0",
        started_at=MOMENT,
        interval_seconds=1.0,
        bounds_seconds=[0.01, 0.1, 1.0],
    ),
    Figures(
        at=MOMENT,
        connections=ConnectionCounts(total=3, websocket=2, sse=1),
        users=2,
        accounts=1,
        largest_accounts=[AccountCount(account_id="*******-1", connections=3)],
        published={"stock_alert": 12},
        duplicates=0,
        deliveries={"websocket": 24, "sse": 12},
        replayed=0,
        fallen_behind=0,
        gaps=0,
        connected={"websocket": 2, "sse": 1},
        closed={},
        refused={"token_expired": 1},
        problems={},
        durations={"publish_to_disk": Durations(counts=[12, 0, 0, 0], sum_seconds=0.04)},
        log=LogFigures(first=1, head=12, bytes=73_728, writable=True, damaged=0),
        dispatch_lag=0,
        directory="up",
        draining=False,
        ready=True,
        relays=[
            RelayFigures(
                service="shop",
                instance="9f2c5d0e81b3a467",
                at=MOMENT,
                overdue=False,
                waiting_rows=12,
                dead_rows=0,
                oldest_waiting_seconds=0.4,
                published=4711,
            )
        ],
    ),
    _FEED,
    ObservationEnd(reason="the hub is restarting"),
)


def publish_example(kind: type[Notification]) -> dict[str, Any] | None:
    """Return what a publisher might send for this type, or None where none can be made."""
    content = make_example(kind)
    return None if content is None else {**content, **_TARGET}


def notification_example(kind: type[Notification]) -> dict[str, Any] | None:
    """Return what a subscriber might receive of this type, or None where none can be made."""
    content = make_example(kind)
    return None if content is None else {**content, "timestamp": MOMENT, "id": NOTIFICATION_ID, "cursor": CURSOR}


def signal_request_example(kind: type[Signal]) -> dict[str, Any] | None:
    """Return what a service might send for this signal, or None where none can be made."""
    content = make_example(kind)
    return None if content is None else {**content, "account_id": _TARGET["account_id"]}


def signal_example(kind: type[Signal]) -> dict[str, Any] | None:
    """Return what a client might receive of this signal, or None where none can be made."""
    content = make_example(kind)
    return None if content is None else {**content, "timestamp": MOMENT, "missed": 0}


def frame_example(kind: type[msgspec.Struct], texts: Texts) -> dict[str, Any]:
    """Return what a control frame of this kind might look like, where the hub says `texts` to people."""
    frame = next(frame for frame in _make_control_frames(texts) if type(frame) is kind)
    example: dict[str, Any] = msgspec.to_builtins(frame)
    return example


def stream_example(components: Mapping[str, Any]) -> str:
    """Return how a stream might begin: with the greeting, and the first notification that has an example."""
    greeting = components["ConnectionEstablished"]["examples"][0]
    stream = f"retry: 3000\n\ndata: {_compact(greeting)}\n\n"
    for reference in components["Notification"]["discriminator"]["mapping"].values():
        for example in components[reference.rpartition("/")[2]].get("examples", ()):
            return f"{stream}id: {example['cursor']}\ndata: {_compact(example)}\n\n"
    return stream


def observation_example() -> str:
    """Return what an operator's stream may hold: one notification, as it was dispatched."""
    return f"data: {msgspec.json.encode(_FEED).decode()}\n\n"


def _compact(example: Mapping[str, Any]) -> str:
    return msgspec.json.encode(example).decode()


def _make_control_frames(texts: Texts) -> tuple[msgspec.Struct, ...]:
    return (
        ConnectionEstablished(
            title=texts.connected_title,
            message=texts.connected_message,
            data=ConnectionData(
                connection_id="pVb2yS0lq9xw", resume="replayed", cursor=CURSOR, heartbeat_seconds=30, features=["inbox"]
            ),
            timestamp=MOMENT,
        ),
        Gap(title=texts.gap_title, message=texts.gap_message, data=GapData(cursor=CURSOR), timestamp=MOMENT),
        Heartbeat(cursor=CURSOR),
        Reconnect(within_seconds=20),
        Closing(code=CloseCode.TOKEN_EXPIRED, reason="the token has expired"),
        InboxChanged(read=[NOTIFICATION_ID], unread=[], archived=[], unread_count=3, cursor=CURSOR),
        AuthAccepted(expires_at=MOMENT),
        PreferencesChanged(muted=["newsletter"], cursor=CURSOR),
    )
