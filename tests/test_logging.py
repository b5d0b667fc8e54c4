"""The log lines: one line a record, no secret in it, nothing a terminal obeys, and no wait for its reader."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st

from hub.logging import NOISY_LOGGERS, LineHandler, configure_logging, escape_control, scrub

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoiMSJ9.abc-_DEF123"
KEY = "hubk_YK7D5BdwOSVYM5SvBoUtFSRFMgeWRtrmy0wlDPbxQbs"
TICKET = "hubt_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
#: Texts as they occur, each with what must not be left of it.
SECRETS = [
    (f"GET /ws?token={TOKEN}&cursor=x", TOKEN),
    (f"GET /ws?cursor=x&access_token={TICKET} HTTP/1.1", TICKET),
    ("GET /ws?token=opaque-thing HTTP/1.1", "opaque-thing"),
    ("%3Ftoken%3Dopaque-thing", "opaque-thing"),
    (f"Authorization: Bearer {KEY}", KEY),
    ("(b'authorization', b'Bearer opaque.thing~+/==')", "opaque"),
    ("Sec-WebSocket-Protocol: hub.v1, hub.bearer.ZXlKaGJHY2lPaUo", "ZXlKaGJHY2lPaUo"),
    (f"the ticket {TICKET}.", TICKET),
    (f'{{"type":"auth","token":"{TOKEN}"}}', "eyJ"),
    ("postgresql+asyncpg://hub:hunter2@db/avadmin", "hunter2"),
    ("user 52998224725 is gone", "52998224725"),
    ("user 529.982.247-25", "529.982"),
    ("account 11222333000181!", "11222333000181"),
    ("account 11.222.333/0001-81", "11.222"),
]


@pytest.fixture
def logged() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    """A logger whose records go to a JSON handler that writes into memory; read it after `close`."""
    stream = io.StringIO()
    handler = LineHandler(stream, json_lines=True)
    logger = logging.Logger("hub.test")
    logger.addHandler(handler)
    yield logger, stream
    handler.close()


def lines(logger: logging.Logger, stream: io.StringIO) -> list[dict[str, Any]]:
    """Return what was written, all of it."""
    logger.handlers[0].close()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


class TestScrub:
    @pytest.mark.parametrize(("text", "secret"), SECRETS)
    def test_secret(self, text: str, secret: str) -> None:
        """What gives access or names a person does not survive."""
        assert secret not in scrub(text)
        assert "***" in scrub(text)

    @pytest.mark.parametrize(
        "text",
        [
            "listening on http://127.0.0.1:8000",
            "the log holds 10000000 records in 1234567890 bytes",
            "2026-11-22T21:10:08.825Z",
            "connection 3zz_BBIZJnOA at 7n66cunhv9-1",
            "8cfa38da-4894-473b-afb8-123456789012",
            "lag 0.12345678901 s",
        ],
    )
    def test_the_rest_stays(self, text: str) -> None:
        """Figures, times, cursors and addresses are left alone."""
        assert text == scrub(text)

    @given(st.text(), st.text())
    def test_anywhere(self, before: str, after: str) -> None:
        """A token is found wherever it stands."""
        assert TOKEN not in scrub(f"{before} {TOKEN} {after}")


class TestEscape:
    @given(st.text(alphabet=st.characters()))
    def test_nothing_a_terminal_obeys(self, text: str) -> None:
        """No control character, no line break and no half character is left, whatever came."""
        shown = escape_control(text)
        assert 1 >= len(shown.splitlines())
        assert not any(character < " " or "\x7f" <= character < "\xa0" for character in shown)
        assert shown == shown.encode().decode()

    def test_letters_stay(self) -> None:
        """Portuguese, and what is not letters, is readable."""
        assert "Ação não concluída 🙂 日本" == escape_control("Ação não concluída 🙂 日本")


class TestLineHandler:
    def test_json_line(self, logged: tuple[logging.Logger, io.StringIO]) -> None:
        """A record is one JSON object with time, level, logger and message."""
        logger, stream = logged
        logger.info("%d connections", 3)
        (line,) = lines(logger, stream)
        assert line.pop("time").endswith("Z")
        assert {"level": "info", "logger": "hub.test", "message": "3 connections"} == line

    @pytest.mark.parametrize(("text", "secret"), SECRETS)
    def test_secret_in_any_place(self, logged: tuple[logging.Logger, io.StringIO], text: str, secret: str) -> None:
        """Neither message, arguments nor an exception's text let a secret through."""
        logger, stream = logged
        logger.error(text)
        logger.error("%s and %r", text, [text])
        try:
            raise ValueError(text)
        except ValueError:
            logger.exception("failed")
        assert 3 == len(lines(logger, stream))
        assert secret not in stream.getvalue()

    @pytest.mark.parametrize("json_lines", [True, False])
    def test_forged_line(self, json_lines: bool) -> None:
        """What came from outside can begin no line and reach no terminal, in a traceback either."""
        stream = io.StringIO()
        handler = LineHandler(stream, json_lines=json_lines)
        logger = logging.Logger("hub.test")
        logger.addHandler(handler)
        try:
            raise ValueError("x\n\x1b[2Jforged \x9b")
        except ValueError:
            logger.exception("said %s", "\r\n\x1b]0;forged\x07\u2028")
        handler.close()
        assert 1 == len(stream.getvalue().splitlines())
        assert not {"\x1b", "\x9b", "\x07", "\r"} & set(stream.getvalue())
        assert "\\x1b[2Jforged" in stream.getvalue().replace("\\\\", "\\")

    def test_record_that_cannot_be_shown(self, logged: tuple[logging.Logger, io.StringIO]) -> None:
        """Wrong arguments cost the message, not the line, and are printed nowhere."""
        logger, stream = logged
        logger.error("%d", KEY)
        logger.handlers[0].close()
        assert "a record of hub.test:" in stream.getvalue()
        assert KEY not in stream.getvalue()

    def test_reader_that_stops(self) -> None:
        """When nobody takes the lines, logging goes on at once, and later it is said how many are missing."""
        taking = threading.Event()
        writing = threading.Event()

        class Stuck(io.StringIO):
            def write(self, text: str) -> int:
                writing.set()
                assert taking.wait(10)
                return super().write(text)

        stream = Stuck()
        handler = LineHandler(stream, json_lines=True, max_pending=10)
        logger = logging.Logger("hub.test")
        logger.addHandler(handler)
        logger.warning("first")
        assert writing.wait(10)
        for _ in range(1000):
            logger.warning("more")
        taking.set()
        written = lines(logger, stream)
        assert "990 log lines were lost, because nobody read them in time" in [line["message"] for line in written]
        assert 12 == len(written)

    def test_reader_that_never_comes_back(self) -> None:
        """A full pipe that nobody reads holds up neither the process nor its end."""
        code = (
            "import logging; from hub.logging import configure_logging\n"
            "configure_logging('info', json_lines=True)\n"
            "for _ in range(20_000): logging.getLogger('hub.x').info('x' * 100)\n"
            "print('done', flush=True)"
        )
        reading, writing = os.pipe()
        try:
            done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=writing, timeout=20)
        finally:
            os.close(reading)
            os.close(writing)
        assert b"done\n" == done.stdout


@pytest.fixture
def _logging_as_it_was() -> Iterator[None]:
    """Put the process's loggers back, for the tests that come after."""
    loggers = [logging.getLogger(name) for name in (None, "hub", *NOISY_LOGGERS)]
    were = [(logger.level, logger.handlers[:], logger.propagate) for logger in loggers]
    yield
    logging.captureWarnings(False)
    for logger, (level, handlers, propagate) in zip(loggers, were, strict=True):
        logger.setLevel(level)
        logger.handlers[:] = handlers
        logger.propagate = propagate


@pytest.mark.usefixtures("_logging_as_it_was")
class TestConfigure:
    def test_levels(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """At debug the hub tells everything; uvicorn and the others, which name URLs, stay at warnings."""
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        handler = configure_logging("debug", json_lines=True)
        logging.getLogger("hub.x").debug("ours")
        for name in NOISY_LOGGERS:
            logging.getLogger(name).info('"WebSocket /ws?token=%s" [accepted]', TOKEN)
            logging.getLogger(f"{name}.inner").info("inner")
        logging.getLogger("somebody.else").info("theirs")
        logging.getLogger("uvicorn.error").warning("worth it")
        handler.close()
        assert ["ours", "worth it"] == [json.loads(line)["message"] for line in stream.getvalue().splitlines()]

    def test_error_is_the_least(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """At level error nothing below it is written, whichever logger it comes from."""
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        handler = configure_logging("error", json_lines=False)
        uvicorn.Config("hub.app:create_app", log_config=None, log_level="warning")
        for name in ("hub.x", "uvicorn.error"):
            logging.getLogger(name).warning("less")
            logging.getLogger(name).error("enough")
        handler.close()
        assert 2 == len(stream.getvalue().splitlines())

    def test_a_library_with_a_handler_of_its_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What a library set up for itself is taken away: its handler would write the record as it came."""
        own, stream = io.StringIO(), io.StringIO()
        logging.getLogger("uvicorn.error").addHandler(logging.StreamHandler(own))
        monkeypatch.setattr(sys, "stderr", stream)
        configure_logging("info", json_lines=True).close()
        handler = configure_logging("info", json_lines=True)
        logging.getLogger("uvicorn.error").error("failed for token=%s", TOKEN)
        handler.close()
        assert ("", 1) == (own.getvalue(), stream.getvalue().count("\n"))
        assert TOKEN not in stream.getvalue()
