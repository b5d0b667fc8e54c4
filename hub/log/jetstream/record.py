"""The stored form of what is in the stream: a version, a letter for what it is, and MessagePack.

Every node makes the same record of the same bytes. A version that a node does not know stops it: the record may be one
that shuts somebody out.
"""

from __future__ import annotations

import msgspec

from hub.log.port import Change, Draft, Kind, Placed, Renewal
from hub.target import NOBODY, Target

__all__ = [
    "FILLER",
    "Erase",
    "UnknownRecord",
    "decode_record",
    "encode_draft",
    "encode_erase",
    "encode_renewal",
    "place",
]

_VERSION = b"1"
_RECORD, _ERASE, _FILL = b"r", b"e", b"f"
#: What stands at a position that the log before had skipped.
FILLER = _VERSION + _FILL
#: A record that reaches nobody.
NOTHING = Draft(id="", targets=(NOBODY,), payload=b"{}", kind=Kind.STATE)


class UnknownRecord(Exception):
    """A record of the stream is of a version that this hub does not read, or somebody else wrote it."""


class Erase(msgspec.Struct, frozen=True, array_like=True):
    """A user of an account, or of every account, whose data every node is to remove, up to this record."""

    user_id: str
    account_id: str | None
    created_ms: int = 0


class _Change(msgspec.Struct, frozen=True, array_like=True):
    owner: str
    key: str
    value: bytes | None
    ends: int | None
    person: str | None


class _Record(msgspec.Struct, frozen=True, array_like=True):
    """A draft, in an order that only ever grows at its end."""

    created_ms: int
    id: str
    targets: tuple[str, ...]
    payload: bytes
    expires_at_s: float | None
    kind: Kind
    idempotency: bytes | None
    body_digest: bytes
    type: str | None
    collapse: bytes | None
    changes: tuple[_Change, ...]
    node: str


class _Renewing(_Record, frozen=True, array_like=True):
    """A draft with a step of a round behind it; a hub that knows of none reads the draft."""

    renewal: Renewal | None = None


_encode = msgspec.msgpack.Encoder().encode
_decode_record = msgspec.msgpack.Decoder(_Renewing).decode
_decode_erase = msgspec.msgpack.Decoder(Erase).decode


def encode_draft(draft: Draft, created_ms: int, node: str) -> bytes:
    """Return what is published for a draft by this node.

    Raises:
        UnicodeEncodeError, msgspec.MsgspecError: it holds something that cannot be stored.
    """
    changes = tuple(
        _Change(change.owner, change.key, change.value, change.ends, change.person) for change in draft.changes
    )
    record = _Record(
        created_ms,
        draft.id,
        draft.targets,
        draft.payload,
        draft.expires_at_s,
        draft.kind,
        draft.idempotency,
        draft.body_digest,
        draft.type,
        draft.collapse,
        changes,
        node,
    )
    return _VERSION + _RECORD + _encode(record)


def encode_renewal(renewal: Renewal, control: Draft | None, created_ms: int, node: str) -> bytes:
    """Return what is published for a step of a round; `control` is the control record that is appended anew.

    A hub of an earlier version keeps what it had: it stores the others as a record for nobody.
    """
    record = _decode_record(encode_draft(control or NOTHING, created_ms, node)[2:])
    return _VERSION + _RECORD + _encode(msgspec.structs.replace(record, renewal=renewal))


def encode_erase(erase: Erase) -> bytes:
    """Return what is published for an erasure."""
    return _VERSION + _ERASE + _encode(erase)


def decode_record(content: bytes) -> Placed | Erase | None:
    """Return what the bytes say; None for a filler. The position is not theirs to say, and is 0.

    Raises:
        UnknownRecord: this hub cannot read it.
    """
    version, kind, rest = content[:1], content[1:2], memoryview(content)[2:]
    try:
        if version != _VERSION or kind not in (_RECORD, _ERASE, _FILL):
            raise UnknownRecord(f"a record of the stream has version {version.hex()}, and this hub reads 1")
        if kind == _FILL:
            return None
        if kind == _ERASE:
            return _decode_erase(rest)
        record = _decode_record(rest)
    except msgspec.MsgspecError:
        raise UnknownRecord("a record of the stream cannot be read: somebody else wrote into it") from None
    changes = tuple(
        Change(
            change.owner,
            change.key,
            change.value,
            change.ends,
            None if change.person is None else Target(change.person),
        )
        for change in record.changes
    )
    draft = Draft(
        id=record.id,
        targets=tuple(map(Target, record.targets)),
        payload=record.payload,
        expires_at_s=record.expires_at_s,
        kind=record.kind,
        idempotency=record.idempotency,
        body_digest=record.body_digest,
        type=record.type,
        collapse=record.collapse,
        changes=changes,
    )
    return Placed(0, record.created_ms, draft, record.node, record.renewal)


def place(position: int, content: bytes, node: str) -> tuple[Placed, Erase | None]:
    """Return what the mirror of this node stores at a position, and whom it erases then.

    What is not a record of somebody stands there all the same, for nobody: a hole would look like damage.

    Raises:
        UnknownRecord: this hub cannot read it.
    """
    found = decode_record(content)
    if isinstance(found, Placed):
        origin = None if found.origin == node else found.origin
        return Placed(position, found.created_ms, found.draft, origin, found.renewal), None
    # What was read before an erasure may be of the erased user.
    stop = None if found is None else Renewal("stop")
    return Placed(position, 0 if found is None else found.created_ms, NOTHING, renewal=stop), found
