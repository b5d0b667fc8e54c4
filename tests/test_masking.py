"""How ids are hidden."""

from __future__ import annotations

import pytest

from hub.masking import mask_id


@pytest.mark.parametrize(
    ("identifier", "shown"),
    [("00000000191", "*********91"), ("ab", "***"), ("", "***"), ("abcde", "***"), ("u-1234", "****34")],
)
def test_mask(identifier: str, shown: str) -> None:
    """At most two characters of an id are seen, and of a short one none."""
    assert shown == mask_id(identifier)
