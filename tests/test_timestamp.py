"""Moments as text: the one form that every frame, problem and log line uses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.timestamp import format_moment, format_time


def test_unix_time() -> None:
    """Unix seconds become UTC with milliseconds and `Z`, whatever zone the machine is in."""
    assert "2026-11-25T22:58:08.250Z" == format_time(1_795_647_488.25)
    assert "2026-11-25T22:58:08Z" == format_time(1_795_647_488.25, "seconds")


def test_zone_is_taken_away() -> None:
    """A moment with an offset is written as the same moment in UTC."""
    here = datetime(2026, 11, 25, 19, 58, 8, 250_999, timezone(timedelta(hours=-3)))
    assert "2026-11-25T22:58:08.250Z" == format_moment(here)


@given(st.datetimes(timezones=st.just(UTC)))
def test_it_is_read_back(moment: datetime) -> None:
    """What is written is read back as the same moment, cut to the millisecond."""
    cut = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert cut == datetime.fromisoformat(format_moment(moment))


def test_moment_outside_the_calendar() -> None:
    """The first hour of the calendar, east of Greenwich, is no moment in UTC and says so."""
    with pytest.raises(OverflowError):
        format_moment(datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))))


@given(st.floats(min_value=-62_135_596_800, max_value=253_402_300_799))
def test_seconds_are_written_as_their_moment(at_s: float) -> None:
    """However a moment is given, its text is the same."""
    assert format_moment(datetime.fromtimestamp(at_s, UTC)) == format_time(at_s)
    assert format_moment(datetime.fromtimestamp(at_s, UTC), "seconds") == format_time(at_s, "seconds")
