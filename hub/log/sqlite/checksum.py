"""The checksums of what the log stores: a row of which a bit has changed is never taken for what was stored.

CRC-32 finds every change of one bit, of two, and of any run of up to 32 bits, and all but one in four thousand million
of the others. It does not protect against somebody who can write the file (docs/decisions/0007-damage.md).
"""

from __future__ import annotations

from struct import Struct
from zlib import crc32

__all__ = ["checksum_head", "checksum_key", "checksum_record", "checksum_state", "is_sound", "pack_head"]

_HEAD_BITS = 32
_LOW = 0xFFFFFFFF
# With the sizes, so that nothing can move from one field into the next. What is damaged may be any number of 64 bits.
#: Of position, created (ms), expires (ms, -1: never), kind, and the sizes of id, targets and payload.
pack_head = Struct("<7q").pack
_pack_key = Struct("<5q").pack
_pack_state = Struct("<7q").pack


def checksum_head(
    position: int,
    created_ms: int,
    expires_ms: int | None,
    kind: int,
    identifier: bytes,
    targets: bytes,
    payload_bytes: int,
) -> int:
    """Return the checksum of a record without its payload: of what says whose it is and until when.

    `targets` is the stored JSON array.
    """
    expires_ms = -1 if expires_ms is None else expires_ms
    head = pack_head(position, created_ms, expires_ms, kind, len(identifier), len(targets), payload_bytes)
    return crc32(targets, crc32(identifier, crc32(head)))


def checksum_record(head_sum: int, payload: bytes) -> int:
    """Return a record's checksum as SQLite stores it, a signed number of 64 bits.

    Its upper half is the prefix's, so that an expired record is recognized without reading its payload; the lower
    half is of both.
    """
    both = head_sum << _HEAD_BITS | crc32(payload, head_sum)
    return both - (1 << 64) if both >> 63 else both


def is_sound(checksum: int, head: bytes, payload: bytes | None) -> bool:
    """Whether `checksum` was made of this record; without its payload, whether of its head.

    `head` is what `pack_head` makes, followed by the id and the targets.
    """
    head_sum = crc32(head)
    if (checksum >> _HEAD_BITS) & _LOW != head_sum:
        return False
    return payload is None or checksum & _LOW == crc32(payload, head_sum)


def checksum_state(
    position: int, number: int, owner: bytes, key: bytes, value: bytes, person: bytes | None, ends: int | None
) -> int:
    """Return the checksum of a row of the state index."""
    person = b"" if person is None else person
    sizes = (len(owner), len(key), len(value), len(person))
    head = _pack_state(position, number, *sizes, -1 if ends is None else ends)
    return crc32(person, crc32(value, crc32(key, crc32(owner, crc32(head)))))


def checksum_key(position: int, key: bytes, body_digest: bytes, identifier: bytes, created_ms: int) -> int:
    """Return the checksum of an idempotency key's row."""
    head = _pack_key(position, created_ms, len(key), len(body_digest), len(identifier))
    return crc32(identifier, crc32(body_digest, crc32(key, crc32(head))))
