"""The hub's own records, which change state and are shown to nobody. Pure."""

from __future__ import annotations

import hashlib
import uuid

from hub.log.port import Change, Draft, Kind
from hub.target import CONTROL

__all__ = ["draft_changes"]

#: What a hub is told that follows the log; what has changed is in the index.
_PAYLOAD = b'{"type":"webhook"}'


def draft_changes(changes: tuple[Change, ...], *, key: str) -> Draft:
    """Return a record that makes these changes, once for each `key`, whichever hub appends it first."""
    return Draft(
        # Of a repeat the log says by this whether the first one was the same hub's: two hubs never have one id.
        id=str(uuid.uuid4()),
        targets=(CONTROL,),
        payload=_PAYLOAD,
        idempotency=hashlib.sha256(key.encode()).digest(),
        kind=Kind.STATE,
        changes=changes,
    )
