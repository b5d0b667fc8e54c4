"""Back-off: how long to wait before the next attempt."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hub.backoff import MAX_RETRY_AFTER_S, choose_delay_s


def delay_s(failures: int, *, retry_after_s: float | None = None, random: float = 1.0) -> float:
    """Return the delay with a base of a second and a cap of a minute."""
    return choose_delay_s(failures, base_s=1.0, cap_s=60.0, retry_after_s=retry_after_s, random=lambda: random)


def test_it_doubles_up_to_the_cap() -> None:
    """The longest delay doubles with each failure in a row."""
    assert [1.0, 2.0, 4.0, 8.0] == [delay_s(failures) for failures in (1, 2, 3, 4)]
    assert 60.0 == delay_s(10_000)


def test_the_jitter_is_full() -> None:
    """The shortest delay is nothing, so that relays that failed together do not come back together."""
    assert 0.0 == delay_s(5, random=0.0)


def test_retry_after_comes_first() -> None:
    """The hub is not asked again before it said, and the relays come back at different moments after that."""
    assert [7.0, 8.0] == [delay_s(1, retry_after_s=7.0, random=random) for random in (0.0, 1.0)]


@given(st.integers(1, 10**9), st.one_of(st.none(), st.floats(-1e9, 1e9)), st.floats(0, 1))
def test_it_is_bounded(failures: int, retry_after_s: float | None, random: float) -> None:
    """Whatever a server says, a delay has an end and is not negative."""
    assert 0 <= delay_s(failures, retry_after_s=retry_after_s, random=random) <= MAX_RETRY_AFTER_S + 60
