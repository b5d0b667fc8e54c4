"""The stored form of the stream's records: whatever is published comes back the same, on every node."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.log.jetstream.record import FILLER, Erase, UnknownRecord, decode_record, encode_draft, encode_erase, place
from hub.log.port import Change, Draft, Kind
from hub.target import NOBODY, Target

_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_changes = st.builds(
    Change,
    _texts,
    _texts,
    st.none() | st.binary(max_size=20),
    st.none() | st.integers(1, 2**62),
    st.none() | _texts.map(Target),
)
_drafts = st.builds(
    Draft,
    id=_texts,
    targets=st.lists(_texts.map(Target), min_size=1, max_size=4).map(tuple),
    payload=st.binary(max_size=64),
    idempotency=st.none() | st.binary(max_size=32),
    body_digest=st.binary(max_size=32),
    expires_at_s=st.none() | st.floats(0, 1e12),
    kind=st.sampled_from(Kind),
    changes=st.lists(_changes, max_size=3).map(tuple),
    type=st.none() | _texts,
    collapse=st.none() | st.binary(max_size=16),
)


@given(_drafts, st.integers(0, 2**50), _texts)
def test_a_draft_comes_back_the_same(draft: Draft, created_ms: int, node: str) -> None:
    """All that a node needs of a draft is in the stream, to the last bit; the own node is no origin."""
    placed, erase = place(7, encode_draft(draft, created_ms, node), node)
    assert (7, created_ms, draft, None, None) == (
        placed.position,
        placed.created_ms,
        placed.draft,
        placed.origin,
        erase,
    )
    other, _ = place(7, encode_draft(draft, created_ms, node), f"{node}x")
    assert node == other.origin


def test_what_is_for_nobody() -> None:
    """A filler and an erasure stand at their positions as records for nobody."""
    for content, expected in ((FILLER, None), (encode_erase(Erase("u", "a")), Erase("u", "a"))):
        placed, erase = place(3, content, "n")
        assert expected == erase
        assert placed.draft is not None
        assert ((NOBODY,), b"{}") == (placed.draft.targets, placed.draft.payload)


@given(st.binary(max_size=40))
def test_foreign_bytes_are_never_a_record(content: bytes) -> None:
    """What somebody else wrote into the stream is recognized: it is a record of ours, or UnknownRecord is raised."""
    try:
        decode_record(content)
    except UnknownRecord:
        return
    assert content.startswith(b"1")


@pytest.mark.parametrize("content", [b"", b"2r", b"1x", b"1r", b"1r\xff", b'{"a": 1}'])
def test_unknown_versions(content: bytes) -> None:
    """Another version, another kind, and what is cut are refused."""
    with pytest.raises(UnknownRecord):
        decode_record(content)
