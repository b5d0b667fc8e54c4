"""One notification to many sockets, one system call right after the other.

A transport's `write` goes through layers of its own before the system call. Where it holds nothing back, its socket
takes the same bytes directly; what the socket does not take goes through the transport. Once a socket was found to be
clear, the next notifications go to it without another look (`hub/edge/batch_send.py`).

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

import hub.edge.batch_send
from hub.delivery.envelope import Envelope
from hub.delivery.link import SendSocket
from hub.delivery.subscribers import Matched, Subscriber
from hub.edge.links import Lane, TransportLink
from hub.edge.websocket_links import ConfirmedLink

__all__ = ["write_at_once", "write_clear", "write_collected"]

#: So many sockets hold a notification at most: that costs each another system call.
HELD = 32
#: Linux's; elsewhere the bytes are sent at once.
_MORE = getattr(socket, "MSG_MORE", 0)
_NOTED: dict[Lane, str] = {"noted frame": "frame", "noted deflated": "deflated"}


def write_clear(envelope: Envelope, registered: Matched) -> tuple[list[Subscriber], int, int]:
    """Write to every subscriber whose socket is known to be clear, and look at nothing else.

    Returns the others, to whom nothing was written, and how many were written to, over WebSocket and over SSE. The rest
    of what a socket took in part waits in its transport. Never blocks. A socket that fails is among the others, where
    its transport finds out.
    """
    left, cut, websocket, sse = hub.edge.batch_send.chosen.write(registered, envelope)
    for subscriber, sent in cut:
        link = subscriber.link
        assert isinstance(link, TransportLink)
        link.write_bytes(getattr(envelope, link.form)[sent:])
    return left, websocket, sse


def write_at_once(envelope: Envelope, subscribers: Sequence[Subscriber]) -> list[Subscriber]:
    """Write to every subscriber whose socket turns out to be clear; return the others, as above.

    Each has a live session that was offered the notification. Their sockets are known to be clear from now on, unless
    they have to note what was taken.
    """
    left: list[Subscriber] = []
    clear: dict[Subscriber, SendSocket | None] = {}
    noted: dict[Lane, dict[int, Subscriber]] = {lane: {} for lane in _NOTED}
    # First who, then the writes: each write leaves the processor's caches cold, and the less lies between two of
    # them, the less has to be fetched again.
    for subscriber in subscribers:
        link = subscriber.link
        if not isinstance(link, TransportLink) or (descriptor := link.find_socket()) is None:
            left.append(subscriber)
        elif link.lane == "send_socket" and (send_socket := link.send_socket) is not None:
            send_socket.is_clear = True
            clear[subscriber] = send_socket
        else:
            noted[link.lane][descriptor] = subscriber
    if clear:
        left += write_clear(envelope, clear)[0]
    for lane, sockets in noted.items():
        body = getattr(envelope, _NOTED[lane]) if sockets else b""
        if len(sockets) > HELD:
            _write_and_note(body, envelope.position, sockets, left)
        elif sockets:
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
