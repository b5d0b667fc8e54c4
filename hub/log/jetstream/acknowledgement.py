"""What the stream's leader says of a publish."""

from __future__ import annotations

import msgspec

__all__ = ["Acknowledgement", "decode_acknowledgement", "read_position"]


class Acknowledgement(msgspec.Struct):
    """What the stream's leader says of one publish; without a position it says nothing."""

    seq: int = 0
    duplicate: bool = False
    error: _Error | None = None


class _Error(msgspec.Struct):
    code: int = 0
    err_code: int = 0
    description: str = ""


decode_acknowledgement = msgspec.json.Decoder(Acknowledgement).decode


def read_position(payload: bytes) -> int:
    """Return the position that an acknowledgement says; 0 where it is not one."""
    try:
        ack = decode_acknowledgement(payload)
    except msgspec.MsgspecError:
        return 0
    return ack.seq if ack.error is None else 0
