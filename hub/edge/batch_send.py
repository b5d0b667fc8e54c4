"""One connection as a fan-out sees it, and the fan-out that writes past the transports.

`SendSocket` is small and holds all that a delivery needs: the descriptor, the form, and whether the next bytes may go
to the descriptor itself. So a delivery touches neither the subscriber nor its session, link or transport. Both are here
in Python, and compiled in the package `notification-hub-native` (`native/`); the hub uses that where it is installed.

When a socket is clear is decided in one place, `hub/edge/fanout.py`, after a look at session, link and transport: the
session is live, nothing waits in the transport, and the transport is open. From then on everything that writes to this
connection in another way, or ends it, sets `is_clear` to False first. An event loop closes a descriptor only after it
has told the protocol (`connection_lost`), so a clear socket's descriptor is never another connection's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any, Final, TypeAlias

import msgspec

from hub.delivery.envelope import Envelope
from hub.delivery.subscribers import Subscriber

__all__ = [
    "CONTRACT",
    "FORMS",
    "IMPLEMENTATIONS",
    "IS_NATIVE_INSTALLED",
    "Implementation",
    "SendSocket",
    "Written",
    "chosen",
    "send_batch",
]

#: An envelope's finished forms, by the number that a socket has; the first two are WebSocket's.
FORMS: Final = ("frame", "deflated", "chunk", "event")
_WEBSOCKET_FORMS = 2
#: What a compiled module has to say it does; another number, another meaning of its arguments.
CONTRACT: Final = 1

#: A machine without a compiler does not have it.
IS_NATIVE_INSTALLED: Final = find_spec("hub_native") is not None

#: Subscribers that got nothing; those that got this many bytes of it; how many got it, over WebSocket and over SSE.
Written: TypeAlias = tuple[list[Subscriber], list[tuple[Subscriber, int]], int, int]


class SendSocket:
    """The descriptor of one connection. `position` is the last notification that was written to it directly."""

    __slots__ = ("descriptor", "form", "is_clear", "position")

    def __init__(self, descriptor: int, form: int, /) -> None:
        if not 0 <= form < len(FORMS):
            raise ValueError("there is no such form")
        self.descriptor = descriptor
        self.form = form
        self.is_clear = False
        self.position = 0


def send_batch(registered: Mapping[Subscriber, object], envelope: Envelope, /) -> Written:
    """Write a notification to every clear socket that has not had it; never blocks, and reads nothing else.

    `registered` are subscribers with their sockets. A socket that takes nothing, or a part, is no longer clear. The
    caller writes to those that are left, and the rest to those that got a part.
    """
    left: list[Subscriber] = []
    cut: list[tuple[Subscriber, int]] = []
    counts = [0, 0]
    position, write = envelope.position, os.write
    bodies: list[bytes | None] = [None] * len(FORMS)
    for subscriber, socket in registered.items():
        if type(socket) is not SendSocket or not socket.is_clear or socket.position >= position:
            left.append(subscriber)
            continue
        form = socket.form
        body = bodies[form]
        if body is None:
            body = bodies[form] = getattr(envelope, FORMS[form])
        try:
            sent = write(socket.descriptor, body)
        except OSError:  # full, or gone
            socket.is_clear = False
            left.append(subscriber)
            continue
        socket.position = position
        counts[form >= _WEBSOCKET_FORMS] += 1
        if sent < len(body):
            socket.is_clear = False
            cut.append((subscriber, sent))
    return left, cut, counts[0], counts[1]


class Implementation(msgspec.Struct, frozen=True):
    """One of the two: a name for people, the class and the function."""

    name: str
    make_socket: Callable[[int, int], Any]
    write: Callable[[Mapping[Subscriber, object], Envelope], Written]


def _find_implementations(*, is_installed: bool = IS_NATIVE_INSTALLED) -> tuple[Implementation, ...]:
    python = Implementation("Python", SendSocket, send_batch)
    if not is_installed:
        return (python,)
    import hub_native

    if hub_native.CONTRACT != CONTRACT:
        return (python,)
    return (Implementation("compiled", hub_native.SendSocket, hub_native.send_batch), python)


#: Those that this machine has, the faster one first.
IMPLEMENTATIONS: Final = _find_implementations()
#: The one that new connections use.
chosen = IMPLEMENTATIONS[0]
