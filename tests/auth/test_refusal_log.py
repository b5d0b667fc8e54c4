"""Tests of hub.auth.refusal_log: why somebody was refused, in few words and few lines."""

from __future__ import annotations

import logging

import pytest

from hub.auth.refusal_log import RefusalLog
from hub.errors import HubFull, InvalidToken, TokenExpired


def test_a_reason_has_a_line_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """The first refusal is told at once, those of the next minute are counted, and then the number is told."""
    now_s = 0.0
    log = RefusalLog(steady=lambda: now_s)
    with caplog.at_level(logging.INFO):
        log.tell(InvalidToken(reason="it has no exp"))
        now_s = 1.0
        log.tell(InvalidToken(reason="it has no exp"))
        now_s = 59.9
        log.tell(InvalidToken(reason="it has no exp"))
        log.tell(InvalidToken(reason="its aud is none of HUB_JWT_AUDIENCE"))
        now_s = 60.0
        log.tell(InvalidToken(reason="it has no exp"))
    assert [
        "refused with invalid_token: it has no exp",
        "refused with invalid_token: its aud is none of HUB_JWT_AUDIENCE",
        "refused with invalid_token: it has no exp (2 more for this since the last line)",
    ] == caplog.messages


def test_tokens_end_every_day(caplog: pytest.LogCaptureFixture) -> None:
    """An expired token is no warning; a failure without a reason is told by its own words."""
    log = RefusalLog()
    with caplog.at_level(logging.INFO):
        log.tell(TokenExpired(reason="its exp has passed"))
        log.tell(HubFull())
    assert [logging.INFO, logging.WARNING] == [record.levelno for record in caplog.records]
    assert "refused with hub_full: The hub holds as many connections as it may" == caplog.messages[1]


def test_memory_is_bounded() -> None:
    """However many reasons there were, a bounded number is remembered."""
    log = RefusalLog(steady=lambda: 0.0)
    for number in range(1_000):
        log.tell(InvalidToken(reason=str(number)))
    assert len(log._told) <= 256
