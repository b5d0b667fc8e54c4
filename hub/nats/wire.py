"""NATS's protocol, as far as messages go: what a publish is written as, and what headers of a message say. Pure."""

from __future__ import annotations

import re

from hub.nats.port import Headers

__all__ = ["NO_HEADERS", "check_subject", "encode_publish", "encode_subscribe", "encode_unsubscribe", "read_headers"]

NO_HEADERS: Headers = {}
_VERSION = "NATS/1.0"
#: Nothing of a subject or a header may end its line, or begin another word of it.
_BREAK = re.compile(r"[\s\x00]")


def encode_publish(subject: str, payload: bytes, headers: Headers | None, reply: str) -> bytes:
    """Return a publish as the server reads it.

    Raises:
        ValueError: a subject or a header would break the protocol.
    """
    check_subject(subject)
    if _BREAK.search(reply):
        raise ValueError("a subject of NATS has no spaces")
    to = f"{subject} {reply} " if reply else f"{subject} "
    if headers is None:
        return b"PUB %b%d\r\n%b\r\n" % (to.encode(), len(payload), payload)
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if lines.count("\n") != len(headers) or lines.count("\r") != len(headers):
        raise ValueError("a header of NATS is one line")
    head = f"{_VERSION}\r\n{lines}\r\n".encode()
    return b"HPUB %b%d %d\r\n%b%b\r\n" % (to.encode(), len(head), len(head) + len(payload), head, payload)


def check_subject(subject: str) -> None:
    """Check that a subject can be written.

    Raises:
        ValueError: it is empty, or would break the protocol.
    """
    if not subject or _BREAK.search(subject):
        raise ValueError("a subject of NATS has no spaces")


def encode_subscribe(subject: str, number: int) -> bytes:
    """Return a subscription to a checked subject, by the number that its messages will have."""
    return f"SUB {subject} {number}\r\n".encode()


def encode_unsubscribe(number: int) -> bytes:
    """Return the end of a subscription."""
    return b"UNSUB %d\r\n" % number


def read_headers(block: bytes) -> Headers:
    """Return what the header block of a message says; `Status` and `Description` are of its first line."""
    first, *lines = block.decode(errors="replace").split("\r\n")
    headers = {}
    if len(first) > len(_VERSION):
        headers["Status"], _, description = first[len(_VERSION) :].strip().partition(" ")
        if description:
            headers["Description"] = description.strip()
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers[name] = value.strip()
    return headers
