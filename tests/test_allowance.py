"""Bytes under way: bounded in all and for each, and given back."""

from __future__ import annotations

import contextlib

import pytest

from hub.allowance import Allowance
from hub.errors import Overloaded


def test_all_together_and_each() -> None:
    """What passes either bound is refused with a time to come back, and everybody else goes on."""
    allowance = Allowance(100, each_bytes=60)
    with allowance.share("a") as first, allowance.share("a") as second, allowance.share("b") as other:
        first.take(40)
        second.take(20)
        with pytest.raises(Overloaded) as refused:
            second.take(1)
        assert 1 == refused.value.retry_after_s
        other.take(40)
        with pytest.raises(Overloaded):
            other.take(1)
        first.take(-30)
        other.take(20)
        assert 90 == allowance.held_bytes
    assert 0 == allowance.held_bytes


def test_what_was_held_comes_back_whatever_happens() -> None:
    """An error in between leaves nothing held, and no entry for its owner."""
    allowance = Allowance(100)
    with contextlib.suppress(ZeroDivisionError), allowance.share("a") as share:
        share.take(50)
        _ = 1 / 0
    with allowance.share("b") as share:
        share.take(100)
    assert (0, 0) == (allowance.held_bytes, len(allowance._held))


def test_the_first_may_be_larger_than_the_bounds() -> None:
    """One that is heavier than all may weigh passes alone: refused for ever it would never be delivered."""
    allowance = Allowance(100, each_bytes=10)
    with allowance.share("a") as large, allowance.share("b") as other:
        large.take(500)
        for share in (large, other):
            with pytest.raises(Overloaded):
                share.take(1)
    with allowance.share("b") as share, allowance.share("a") as large:
        share.take(1)
        large.take(50)
        with pytest.raises(Overloaded):
            large.take(50)


def test_refusals_leave_no_owner_behind() -> None:
    """Whoever was refused is not remembered."""
    allowance = Allowance(10)
    with allowance.share("a") as holding:
        holding.take(10)
        for number in range(100):
            with pytest.raises(Overloaded), allowance.share(number) as share:
                share.take(1)
        assert 1 == len(allowance._held)
