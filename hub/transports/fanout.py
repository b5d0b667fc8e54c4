"""One notification to many sockets, one system call right after the other.

A transport's `write` goes through layers of its own before the system call. Where it holds nothing back, its socket
takes the same bytes directly; what the socket does not take goes through the transport.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from hub.envelope import Envelope
from hub.subscribers import Subscriber
from hub.transports.links import FORMS, Form, TransportLink

__all__ = ["write_at_once"]


def write_at_once(envelope: Envelope, subscribers: Sequence[Subscriber]) -> list[Subscriber]:
    """Write to every subscriber whose socket takes some of it now; return the others, to whom nothing was written.

    The rest of what a socket took in part waits in its transport. Never blocks. A socket that fails is among the
    others, where its transport finds out.
    """
    left: list[Subscriber] = []
    clear: dict[Form, dict[int, Subscriber]] = {form: {} for form in FORMS}
    # First who, then the writes: each write leaves the processor's caches cold, and the less lies between two of
    # them, the less has to be fetched again.
    for subscriber in subscribers:
        link = subscriber.link
        if isinstance(link, TransportLink) and (socket := link.find_socket()) is not None:
            clear[link.form][socket] = subscriber
        else:
            left.append(subscriber)
    for form, sockets in clear.items():
        if sockets:
            _write_all(getattr(envelope, form), sockets, left)
    return left


def _write_all(body: bytes, sockets: dict[int, Subscriber], left: list[Subscriber]) -> None:
    write, size = os.write, len(body)
    for socket in sockets:
        try:
            sent = write(socket, body)
        except OSError:  # full, or gone
            left.append(sockets[socket])
            continue
        if sent < size:
            link = sockets[socket].link
            assert isinstance(link, TransportLink)
            link.write_bytes(body[sent:])
