"""How deep JSON is nested: our own count, the same on every interpreter."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.problem import Problem
from hub.errors import TooDeep
from hub.publish.body import SKIPPED_DEPTH, Publication, parse_batch
from hub.publish.depth import is_deeper
from hub.publish.json_body import MAX_DEPTH
from hub.publish.registry import load_type_registry

REGISTRY = load_type_registry(["contracts.avelarsys"])
VALUES = st.recursive(
    st.none() | st.text(st.sampled_from('[]{}"\\a')) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.sampled_from('{["')), inner, max_size=3),
)


def depth_of(value: Any) -> int:
    """Return the depth the plain way."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (1 if isinstance(value, dict | list) else 0) + max(map(depth_of, inner), default=0)


@given(VALUES, st.integers(1, 6))
def test_it_is_the_depth_of_the_values(value: Any, levels: int) -> None:
    """Brackets in strings and empty containers change nothing."""
    assert (depth_of(value) > levels) == is_deeper(json.dumps(value).encode(), levels)


@pytest.mark.parametrize(
    ("text", "levels", "deeper"),
    [(b"", 1, False), (b"]" * 99, 1, False), (b"[" * 9, 9, False), (b"[" * 9, 8, True), (b"][" * 50, 1, False)],
)
def test_broken_json_is_measured_as_far_as_it_goes(text: bytes, levels: int, deeper: bool) -> None:
    """What is not closed counts, what was never opened does not: too deep is said of what is deep alone."""
    assert deeper is is_deeper(text, levels)


@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, SKIPPED_DEPTH - 3, SKIPPED_DEPTH + 1, 900, 3_000, 30_000])
def test_a_deep_notification_spoils_its_batch_at_the_same_depth_everywhere(levels: int) -> None:
    """Up to a depth that every decoder skips over, the others of the batch are taken; beyond, none is."""
    good = b'{"type":"cart_updated","title":"t","message":"m","everyone":true}'
    deep = b'{"type":"cart_updated","title":"t","message":"m","everyone":true,"data":{"a":%b%b}}'
    body = b'{"notifications":[%b,%b]}' % (good, deep % (b"[" * levels, b"]" * levels))
    if levels + 2 <= SKIPPED_DEPTH:
        first, second = parse_batch(body, REGISTRY, now_s=0)
        assert isinstance(first, Publication)
        assert isinstance(second, Problem)
        assert TooDeep.code == second.code
    else:
        with pytest.raises(TooDeep):
            parse_batch(body, REGISTRY, now_s=0)
