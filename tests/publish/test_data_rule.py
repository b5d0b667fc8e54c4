"""The check of one type's `data`: nothing that it meets is a failure of the hub."""

from __future__ import annotations

import msgspec
import pytest

from hub.errors import TooDeep
from hub.publish.data_rule import DataRule


class Bottomless(msgspec.Struct):
    """Data of a company whose own check never comes to an end."""

    level: int

    def __post_init__(self) -> None:
        Bottomless(self.level + 1)


@pytest.mark.parametrize("strict", [True, False])
def test_a_check_of_the_class_that_recurses_is_a_refusal(strict: bool) -> None:
    """A company's type that recurses too deep over this data refuses the notification; it is no failure of the hub."""
    rule = DataRule(Bottomless, has_data=True, required=True, strict=strict)
    with pytest.raises(TooDeep):
        rule.check(b'{"level":1}')
