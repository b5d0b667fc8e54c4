"""Frames as a subscriber of a hub with these types reads them."""

from __future__ import annotations

from typing import Any, Union

import msgspec

from hub.publish.registry import TypeRegistry

__all__ = ["decode_frame"]


def decode_frame(registry: TypeRegistry, frame: bytes) -> msgspec.Struct:
    """Return the struct of a frame, which must be of the shape that the registry's types declare."""
    union: Any = Union[registry.frames]  # noqa: UP007 - made at run time
    decoded: msgspec.Struct = msgspec.json.decode(frame, type=union)
    return decoded
