"""The hub's log lines: one a record, with no secret in any of them, and never a wait for their reader.

What a client sends may end up in a record (a header in an exception's text, a path in a library's
error), so every line is scrubbed of credentials and ids first and its control characters are made
visible after that: no record can begin a second line or speak to a terminal (CWE-117, CVE-2003-0063).
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import re
import select
import sys
import threading
from datetime import datetime
from typing import Protocol

from hub.timestamp import format_time

__all__ = ["CONTROL", "LineHandler", "Stream", "configure_logging", "escape_control", "scrub"]

#: Lines that may wait for a reader; a reader that stops (a full pipe) costs lines, never the event loop's time.
MAX_PENDING = 10_000
#: What the end of the process may wait for the last lines.
FLUSH_S = 1.0

#: Libraries that name URLs or SQL parameters in their lower levels, and with them tokens and ids.
NOISY_LOGGERS = (
    *("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi", "litestar", "sse_starlette"),
    *("websockets", "websockets.server", "websockets.client", "httpx", "httpcore"),
    *("sqlalchemy", "sqlalchemy.engine", "sqlalchemy.pool", "aiosqlite", "asyncpg"),
)

_SECRETS = re.compile(
    r"(?P<name>token(?:=|%3D))[^&\s\"'<>]+"
    r"|(?P<scheme>\bbearer\s+)[^\s\"',]+"
    r"|(?P<prefix>\bhub[tk]_|\bhub\.bearer\.)[\w.~+/=-]+"
    r"|(?P<login>://)[^/\s@\"']*@"
    r"|(?-i:eyJ)[\w-]{5,}(?:\.[\w-]*){0,4}",
    re.IGNORECASE | re.ASCII,
)
#: A CPF or CNPJ, plain or as people write them: the ids of users and accounts.
_PERSONAL = re.compile(
    r"(?<![\w.])(?:\d{3}\.?\d{3}\.?\d{3}-?\d{2}|\d{2}\.?\d{3}\.?\d{3}/?\d{4}-?\d{2})(?!\w)", re.ASCII
)
#: C0, DEL, C1, line and paragraph separators, what reverses the reading direction, lone surrogates.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def escape_control(text: str) -> str:
    """Return `text` with every character that a terminal or a log reader would act on made visible."""
    return CONTROL.sub(_visible, text)


def scrub(text: str) -> str:
    """Return `text` without tokens, tickets, keys, passwords in URLs, CPF and CNPJ numbers."""
    return _PERSONAL.sub("***", _SECRETS.sub(_hidden, text))


class Stream(Protocol):
    """Where lines go."""

    def write(self, text: str, /) -> object:
        """Take some text; it may wait for its reader."""

    def flush(self) -> object:
        """Hold nothing back."""


class LineHandler(logging.Handler):
    """Writes records to `stream` from a thread of its own, in order; what does not fit is counted and logged."""

    def __init__(self, stream: Stream, *, json_lines: bool, max_pending: int = MAX_PENDING) -> None:
        super().__init__()
        self._stream = stream
        self._json_lines = json_lines
        self._lines: queue.Queue[str | None] = queue.Queue(max_pending)
        self._lost = 0
        self._thread = threading.Thread(target=self._write, name="log-lines", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Render the record and hand it to the writer; never blocks, never raises."""
        try:
            line = self._render(record)
        except Exception as error:
            # logging's own error message would print the arguments as they are.
            line = f"a record of {escape_control(record.name)}:{record.lineno} cannot be shown: {type(error).__name__}"
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self._lost += 1

    def close(self) -> None:
        """Write what waits, for at most a second, and stop."""
        try:
            self._lines.put(None, timeout=FLUSH_S)
        except queue.Full:
            return
        finally:
            super().close()
        self._thread.join(FLUSH_S)

    def _render(self, record: logging.LogRecord) -> str:
        message = escape_control(scrub(record.getMessage()))
        name = escape_control(record.name)
        level = record.levelname.lower()
        trouble = ""
        if record.exc_info and record.exc_info[0] is not None:
            trouble = escape_control(scrub(logging.Formatter().formatException(record.exc_info)))
        if not self._json_lines:
            local = datetime.fromtimestamp(record.created).astimezone()
            return f"{local:%H:%M:%S} {level:<7} {name}: {message}" + (f" | {trouble}" if trouble else "")
        line: dict[str, object] = {"time": format_time(record.created), "level": level, "logger": name}
        # What `hub.operator_log` gives a record.
        if (event := getattr(record, "event", None)) is not None:
            line["event"] = event
        line["message"] = message
        line |= {label: _clean(value) for label, value in getattr(record, "labels", {}).items()}
        # What `hub.tracing` gives a record.
        if (trace_id := getattr(record, "trace_id", None)) is not None:
            line["trace_id"] = trace_id
        if trouble:
            line["exception"] = trouble
        return json.dumps(line, ensure_ascii=False)

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            lost, self._lost = self._lost, 0
            if lost:
                line += f"\n{self._render(_loss(lost))}"
            # A closed pipe or a full disk takes no more; the hub goes on without its log lines.
            with contextlib.suppress(OSError, ValueError):
                self._stream.write(line + "\n")
                self._stream.flush()


def configure_logging(level: str, *, json_lines: bool) -> LineHandler:
    """Send every record of `level` (`debug`, `info`, `warning`, `error`) and above to stderr, one line each.

    The hub's own loggers speak from `level` on, all others from WARNING on at the lowest: uvicorn writes
    the URL of each WebSocket, token included, at INFO. Returns the handler, for a caller that wants to close it.
    """
    line_handler = LineHandler(_open_stderr(), json_lines=json_lines)
    own = logging.getLevelNamesMapping()[level.upper()]
    foreign = max(own, logging.WARNING)
    root = logging.getLogger()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        if isinstance(handler, LineHandler):
            handler.close()
    line_handler.setLevel(own)
    root.addHandler(line_handler)
    root.setLevel(foreign)
    logging.getLogger("hub").setLevel(own)
    for name in NOISY_LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(foreign)
        # A handler of its own would write the record as it came.
        logger.handlers.clear()
        logger.propagate = True
    logging.captureWarnings(True)
    return line_handler


class _Descriptor:
    """Writes past Python's own buffer of stderr.

    Python flushes that buffer at its end and waits for its lock (from Python 3.13 on without an end), which a
    writer that waits for a full pipe would hold: the process would outlive its SIGTERM for as long as nobody reads.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, text: str) -> None:
        rest = text.encode(errors="backslashreplace")
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:
                # Another process that shares the pipe made it non-blocking.
                select.select((), (self._descriptor,), ())

    def flush(self) -> None:
        """Nothing is held back."""


def _open_stderr() -> Stream:
    try:
        return _Descriptor(os.dup(sys.stderr.fileno()))
    except (AttributeError, OSError, ValueError):
        # There is no stderr, or it was replaced by something in memory.
        return sys.stderr


def _loss(count: int) -> logging.LogRecord:
    words = "%d log lines were lost, because nobody read them in time"
    return logging.LogRecord("hub.logging", logging.WARNING, __file__, 0, words, (count,), None)


def _clean(value: object) -> object:
    if isinstance(value, dict):
        return {name: _clean(each) for name, each in value.items()}
    return escape_control(scrub(value)) if isinstance(value, str) else value


def _visible(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    return _SHORT.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def _hidden(match: re.Match[str]) -> str:
    kept = match["name"] or match["scheme"] or match["prefix"] or match["login"] or ""
    return f"{kept}***@" if match["login"] else f"{kept}***"
