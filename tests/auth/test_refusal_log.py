"""Tests of hub.auth.refusal_log: why somebody was refused, in few words and few lines."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from hub.auth.refusal_log import RefusalLog
from hub.errors import HubFull, InvalidToken, TokenExpired
from hub.logging import scrub
from tests.harness import ACCOUNT, USER, run_hub


def test_a_reason_has_a_line_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """The first refusal is told at once, those of the next minute are counted, and then the number is told."""
    now_s = 0.0
    log = RefusalLog(monotonic=lambda: now_s)
    with caplog.at_level(logging.INFO):
        log.log(InvalidToken(reason="it has no exp"))
        now_s = 1.0
        log.log(InvalidToken(reason="it has no exp"))
        now_s = 59.9
        log.log(InvalidToken(reason="it has no exp"))
        log.log(InvalidToken(reason="its aud is not one of HUB_JWT_AUDIENCE"))
        now_s = 60.0
        log.log(InvalidToken(reason="it has no exp"))
    assert [
        "refused with invalid_token: it has no exp",
        "refused with invalid_token: its aud is not one of HUB_JWT_AUDIENCE",
        "refused with invalid_token: it has no exp (2 more for this since the last line)",
    ] == caplog.messages


def test_tokens_end_every_day(caplog: pytest.LogCaptureFixture) -> None:
    """An expired token is not a warning; a failure without a reason is logged with its own text."""
    log = RefusalLog()
    with caplog.at_level(logging.INFO):
        log.log(TokenExpired(reason="its exp has passed"))
        log.log(HubFull())
    assert [logging.INFO, logging.WARNING] == [record.levelno for record in caplog.records]
    assert "refused with hub_full: The hub holds as many connections as it may" == caplog.messages[1]


async def test_every_refusal_is_explained_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """On every route the log names the rule, and holds neither token, key, user nor account."""
    other = "Zx9-k2Lq7Vt4Wm1Rb8Ny5Hc3Jd6Pf0Gs"
    async with run_hub(tmp_path, jwt_audience="hub") as hub:
        tokens = {
            "it has no aud, which HUB_JWT_AUDIENCE asks for": hub.token(),
            "its aud is not one of HUB_JWT_AUDIENCE": hub.token(aud=["web"]),
            "it is signed with another secret or key than this hub's": hub.token(aud="hub", secret=other),
            "it is valid for longer than HUB_JWT_MAX_LIFETIME allows": hub.token(aud="hub", ttl_s=8 * 86_400),
            "it is a JSON object, not a token": '{"token":"x"}',
        }
        with caplog.at_level(logging.INFO):
            for shown in tokens.values():
                for path in ("/poll", "/sse"):
                    assert 401 == (await hub.http.get(path, params={"token": shown})).status_code
            ticket = await hub.http.post("/api/ticket", headers={"authorization": f"Bearer {hub.token(aud='web')}"})
            publish = await hub.http.post("/api/internal/notify", headers={"authorization": f"Bearer {hub.token()}"})
            foreign = await hub.http.get("/poll", headers={"origin": "https://evil.example"})
        assert [401, 401, 403] == [answer.status_code for answer in (ticket, publish, foreign)]
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("hub")]
    for words in (
        *tokens,
        "a user's token was shown where a service key is asked for",
        "not one of HUB_ALLOWED_ORIGINS",
    ):
        assert 1 == sum(words in line for line in lines), words
    assert not [text for text in (*tokens.values(), USER, ACCOUNT, "evil.example") if text in str(lines)]


async def test_the_log_says_what_was_shown_in_the_place_of_what(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A service key where a token is asked for is told as one, and the line arrives whole, since it holds no secret."""
    async with run_hub(tmp_path) as hub:
        with caplog.at_level(logging.INFO):
            for shown in (f"Bearer {hub.key}", f"Bearer Bearer {hub.token()}", f"Basic {hub.key}"):
                assert 401 == (await hub.http.get("/poll", headers={"authorization": shown})).status_code
    lines = [record.getMessage() for record in caplog.records if "refused with invalid_token" in record.getMessage()]
    assert [
        "refused with invalid_token: it is a service key, and a user's token is asked for",
        "refused with invalid_token: the Authorization header is not `Bearer`, a space and one token or key",
    ] == lines
    assert lines == [scrub(line) for line in lines]


def test_memory_is_bounded() -> None:
    """However many reasons there were, a bounded number is remembered."""
    log = RefusalLog(monotonic=lambda: 0.0)
    for number in range(1_000):
        log.log(InvalidToken(reason=str(number)))
    assert len(log._lines._written) <= 256
