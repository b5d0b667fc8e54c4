"""What was published, acknowledged and stored: the independent account that nodes and clients are compared with."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import msgspec

from hub.errors import IdempotencyConflict
from hub.log.jetstream.record import Erase, decode_record
from hub.log.port import Appended, Change, Draft, Kind, Placed, Record
from hub.target import CONTROL, Target, user_target
from tests.simulation.servers import Stored

__all__ = ["Broken", "Segment", "Truth", "require"]

_ID = re.compile(rb"id\d{7}")


class Broken(AssertionError):
    """A promise of the hub was broken; the text says which."""


class Segment(msgspec.Struct):
    """What one client got between two announced gaps: after `begin`, up to `end`."""

    client: str
    targets: tuple[Target, ...]
    begin: int
    end: int
    got: list[tuple[int, str]]


class Truth:
    """Everything that publishers know, and what they were told."""

    def __init__(self) -> None:
        self.drafts: dict[str, Draft] = {}
        #: Per acknowledged notification its position; a second acknowledgement says the same.
        self.acknowledged: dict[str, int] = {}
        self.conflicts = 0
        self.duplicates = 0

    def draft(self, targets: tuple[Target, ...], key: bytes | None, body: bytes) -> Draft:
        """Return a new draft, which nothing else has the id of."""
        return self._keep(Draft(id="", targets=targets, payload=b"", idempotency=key, body_digest=body, type="info"))

    def draft_state(self, change: Change) -> Draft:
        """Return a draft that changes state and reaches nobody."""
        return self._keep(Draft(id="", targets=(CONTROL,), payload=b"", kind=Kind.STATE, changes=(change,)))

    def draft_control(self, ends_s: float) -> Draft:
        """Return a draft as a revocation is one."""
        return self._keep(Draft(id="", targets=(CONTROL,), payload=b"", expires_at_s=ends_s, kind=Kind.CONTROL))

    def _keep(self, draft: Draft) -> Draft:
        name = f"id{len(self.drafts):07}"
        kept = msgspec.structs.replace(draft, id=name, payload=b'{"id":"%b","type":"info"}' % name.encode())
        self.drafts[name] = kept
        return kept

    def is_shown(self, name: str) -> bool:
        """Whether what is stored under a name is a notification."""
        return bool(name) and self.drafts[name].kind is Kind.NOTIFICATION

    def note(self, drafts: Sequence[Draft], results: Sequence[object]) -> None:
        """Take what a publisher was told of its drafts."""
        require(len(drafts) == len(results), "a result is missing")
        for draft, result in zip(drafts, results, strict=True):
            if isinstance(result, Appended):
                require(result.duplicate or result.id == draft.id, "acknowledged under another id")
                self.duplicates += result.duplicate
                known = self.acknowledged.setdefault(result.id, result.position)
                require(known == result.position, f"{result.id} was acknowledged at {known} and at {result.position}")
                stored = self.drafts[result.id]
                require(stored.idempotency == draft.idempotency, f"{draft.id} was taken for another publish")
                require(stored.body_digest == draft.body_digest, f"{draft.id} was taken for one with another body")
            else:
                require(isinstance(result, IdempotencyConflict), f"an odd result: {result}")
                self.conflicts += 1
                require(draft.idempotency is not None, "a conflict without a key")

    def check_stream(self, stored: Sequence[Stored], first: int) -> list[str]:
        """Compare what was acknowledged with what the stream has had, and return its ids in order.

        What retention has taken may be stored again: there may be no mirror that knows of it.
        """
        ids = [self._identify(each) for each in stored]
        for name, position in self.acknowledged.items():
            there = ids[position - 1] if position <= len(ids) else "nothing"
            require(there == name, f"{name} was acknowledged at {position}, where the stream has {there}")
        keys = Counter(self.drafts[name].idempotency for name in ids if first == 1 and name)
        keys.pop(None, None)
        require(max(keys.values(), default=0) <= 1, f"stored more than once: {keys.most_common(3)}")
        names = [name for name in ids if name]
        require(first > 1 or len(set(names)) == len(names), "one notification is stored more than once")
        return ids

    def _identify(self, stored: Stored) -> str:
        """Return which draft it is; nothing for what the nodes store for each other."""
        found = decode_record(stored.proposal.payload)
        if not isinstance(found, Placed) or found.renewal is not None:
            return ""
        require(found.draft is not None and found.draft.id in self.drafts, "the stream has what nobody published")
        return found.draft.id if found.draft is not None else ""

    def follow_state(self, stored: Sequence[Stored]) -> tuple[dict[tuple[str, str], bytes], set[bytes]]:
        """Return the state index and the revocations that follow from everything that the stream has ever had."""
        rows: dict[tuple[str, str], bytes] = {}
        controls: set[bytes] = set()
        for each in stored:
            found = decode_record(each.proposal.payload)
            if isinstance(found, Erase):
                person = user_target(found.account_id or "", found.user_id)
                rows = {name: value for name, value in rows.items() if not name[0].endswith(person)}
            elif found is not None and found.renewal is None and found.draft is not None:
                if found.draft.kind is Kind.CONTROL:
                    controls.add(found.draft.payload)
                for change in found.draft.changes:
                    rows.pop((change.owner, change.key), None)
                    if change.value is not None:
                        rows[change.owner, change.key] = change.value
        return rows, controls

    def check_mirror(self, name: str, records: Sequence[Record], ids: Sequence[str], first: int) -> None:
        """Compare a mirror with the stream from `first` on."""
        found = {record.position: record for record in records}
        require(len(found) == len(records), f"{name} has a position more than once")
        for position in range(first, len(ids) + 1):
            if not self.is_shown(ids[position - 1]):
                continue
            draft, record = self.drafts[ids[position - 1]], found.pop(position, None)
            require(record is not None, f"{name} misses position {position} of {len(ids)}")
            if record is not None:
                require(record.payload == draft.payload, f"{name} has another record at {position}")
                require(set(record.targets) == set(draft.targets), f"{name} has other targets at {position}")
        require(all(position < first for position in found), f"{name} has positions beyond the stream: {sorted(found)}")

    def check_segment(self, segment: Segment, ids: Sequence[str]) -> None:
        """Compare what a client got between two gaps with the stream."""
        due = [
            (position, ids[position - 1])
            for position in range(segment.begin + 1, min(segment.end, len(ids)) + 1)
            if self.is_shown(ids[position - 1]) and set(segment.targets) & set(self.drafts[ids[position - 1]].targets)
        ]
        require(segment.got == due, f"{segment.client} got {segment.got} where the stream has {due}")


def require(holds: bool, otherwise: str) -> None:
    """Raise `Broken` with this text unless it holds."""
    if not holds:
        raise Broken(otherwise)
