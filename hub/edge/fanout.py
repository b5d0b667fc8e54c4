"""One notification to many sockets, one system call right after the other.

A transport's `write` goes through layers of its own before the system call. Where it holds nothing back, its socket
takes the same bytes directly; what the socket does not take goes through the transport.

Of clients without a cursor the hub remembers what their sockets took, also beyond its own death. A write wakes the
peer, which may run before this process runs on; killed there, the hub would not have noted what it wrote. So where
there are few, their sockets first take the bytes and hold them (`MSG_MORE`), that is noted, and then they send. Of a
process that ends meanwhile the kernel sends what is held, unless the peer said something that nobody has read (tcp(7);
RFC 2525 section 2.17): so nothing is held for a peer that still has to respond.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping, Sequence

from hub.delivery.envelope import Envelope
from hub.delivery.subscribers import Subscriber
from hub.edge.links import LANES, Lane, TransportLink
from hub.edge.websocket_links import ConfirmedLink

__all__ = ["write_at_once", "write_collected"]

#: So many sockets hold a notification at most: that costs each another system call.
HELD = 32
#: Linux's; elsewhere the bytes are sent at once.
_MORE = getattr(socket, "MSG_MORE", 0)
_NOTED: dict[Lane, str] = {"noted frame": "frame", "noted deflated": "deflated"}


def write_at_once(envelope: Envelope, subscribers: Sequence[Subscriber]) -> list[Subscriber]:
    """Write to every subscriber whose socket takes some of it now; return the others, to whom nothing was written.

    The rest of what a socket took in part waits in its transport. Never blocks. A socket that fails is among the
    others, where its transport finds out.
    """
    left: list[Subscriber] = []
    clear: dict[Lane, dict[int, Subscriber]] = {lane: {} for lane in LANES}
    # First who, then the writes: each write leaves the processor's caches cold, and the less lies between two of
    # them, the less has to be fetched again.
    for subscriber in subscribers:
        link = subscriber.link
        if isinstance(link, TransportLink) and (descriptor := link.find_socket()) is not None:
            clear[link.lane][descriptor] = subscriber
        else:
            left.append(subscriber)
    for lane, sockets in clear.items():
        if not sockets:
            continue
        form = _NOTED.get(lane)
        if form is None:
            _write_all(getattr(envelope, lane), sockets, left)
        elif len(sockets) > HELD:
            _write_and_note(getattr(envelope, form), envelope.position, sockets, left)
        else:
            body = getattr(envelope, form)
            _write_held([(sockets[each], each, body, envelope.position) for each in sockets], left)
    return left


def write_collected(due: Mapping[Subscriber, Sequence[Envelope]]) -> list[Subscriber]:
    """Write to clients without a cursor what a batch of records brings them; return the others, as above."""
    left: list[Subscriber] = []
    clear: list[tuple[Subscriber, int, bytes, int]] = []
    for subscriber, envelopes in due.items():
        link = subscriber.link
        if isinstance(link, ConfirmedLink) and (descriptor := link.find_socket()) is not None:
            body = b"".join([getattr(envelope, link.form) for envelope in envelopes])
            clear.append((subscriber, descriptor, body, envelopes[-1].position))
        else:
            left.append(subscriber)
    for start in range(0, len(clear), HELD):
        _write_held(clear[start : start + HELD], left)
    return left


def _write_all(body: bytes, sockets: dict[int, Subscriber], left: list[Subscriber]) -> None:
    write, size = os.write, len(body)
    for descriptor in sockets:
        try:
            sent = write(descriptor, body)
        except OSError:  # full, or gone
            left.append(sockets[descriptor])
            continue
        if sent < size:
            link = sockets[descriptor].link
            assert isinstance(link, TransportLink)
            link.write_bytes(body[sent:])


def _write_and_note(body: bytes, position: int, sockets: dict[int, Subscriber], left: list[Subscriber]) -> None:
    write, size = os.write, len(body)
    for descriptor, subscriber in sockets.items():
        try:
            sent = write(descriptor, body)
        except OSError:  # full, or gone
            left.append(subscriber)
        else:
            point = subscriber.point
            if sent == size and point is not None:
                point.words[point.written_word] = position
            else:
                _note(subscriber, body, sent, position)


def _write_held(writes: Sequence[tuple[Subscriber, int, bytes, int]], left: list[Subscriber]) -> None:
    held: list[socket.socket] = []
    try:
        for subscriber, descriptor, body, position in writes:
            point = subscriber.point
            peer = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, descriptor)
            held.append(peer)
            try:
                sent = peer.send(body, _MORE if point is not None and point.settled else 0)
            except OSError:  # full, or gone
                left.append(subscriber)
            else:
                _note(subscriber, body, sent, position)
    finally:
        for peer in held:
            with contextlib.suppress(OSError):  # gone, or no TCP
                # Sends what is held (tcp(7)), and changes nothing else: it was set before.
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # The descriptor is the transport's.
            peer.detach()


def _note(subscriber: Subscriber, body: bytes, sent: int, position: int) -> None:
    link = subscriber.link
    assert isinstance(link, ConfirmedLink)
    if sent < len(body):
        link.write_bytes(body[sent:])
    elif (point := link.point) is not None:
        # At once: a hub that is killed after this write must not send it again in its next life.
        point.words[point.written_word] = position
