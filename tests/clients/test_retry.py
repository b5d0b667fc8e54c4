"""How long the Python client waits before it repeats."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notification_hub.retry import RetryPolicy, choose_delay_s, read_retry_after_s

POLICY = RetryPolicy(base_s=0.1, cap_s=1.0)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_window_doubles_up_to_the_cap() -> None:
    """The widest wait is the base, doubled after each failure, and never over the cap."""
    assert [0.1, 0.2, 0.4, 0.8, 1.0] == [
        choose_delay_s(POLICY, failures, None, lambda: 1.0) for failures in range(1, 6)
    ]


@given(failures=st.integers(1, 10**6), drawn=st.floats(0, 1), asked_s=st.none() | st.floats(0, 1e6))
def test_wait_is_in_its_window(failures: int, drawn: float, asked_s: float | None) -> None:
    """A wait is never shorter than the hub asked for, of five minutes, and never more than the cap longer."""
    delay_s = choose_delay_s(POLICY, failures, asked_s, lambda: drawn)
    least_s = min(asked_s or 0.0, 300.0)
    assert least_s + 0.05 <= delay_s <= least_s + 1.0


@given(
    base_s=st.floats(),
    cap_s=st.floats(),
    failures=st.integers(1, 10**6),
    drawn=st.floats(0, 1),
    asked_s=st.none() | st.floats(),
)
def test_no_number_hurries_the_client_or_stops_it(
    base_s: float, cap_s: float, failures: int, drawn: float, asked_s: float | None
) -> None:
    """Whatever the policy says and the hub asks, a wait has at least 0.05 s and at most ten minutes."""
    delay_s = choose_delay_s(RetryPolicy(base_s=base_s, cap_s=cap_s), failures, asked_s, lambda: drawn)
    assert 0.05 <= delay_s <= 600.0


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("Sun, 22 Nov 2026 12:00:05 GMT", 5.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        (None, None),
        ("-1", None),
        ("Sun, 22 Nov 2026 12:00:05 +999999999999999999999", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 31_536_000.0),
        ("9" * 400, 31_536_000.0),
    ],
)
def test_retry_after(header: str | None, expected: float | None) -> None:
    """Both forms of Retry-After are read, and any other text is ignored."""
    assert expected == read_retry_after_s(header, NOW)
