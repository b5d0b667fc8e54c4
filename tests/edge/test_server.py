"""The server: what it accepts is bounded however it came by its socket, and nobody can fill its log."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from pathlib import Path

import pytest

from hub.edge.server import inherit_socket, listen
from hub.errors import SettingsError
from tests.harness import DEADLINE_S, make_settings, run_hub


def options(listener: socket.socket) -> tuple[int, int]:
    """Return what accepted sockets inherit."""
    return (
        listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
        listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY),
    )


@pytest.fixture
def passed() -> dict[str, str]:
    """The environment of a process that was given one socket, which the test still has to make."""
    return {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}


def test_a_passed_socket_is_bounded_like_our_own(tmp_path: Path, passed: dict[str, str]) -> None:
    """The kernel drops a peer that takes nothing after two and a half heartbeats, whoever opened the listener."""
    settings, _ = make_settings(tmp_path, heartbeat_s=7.0)
    with listen(settings) as own, socket.create_server(("127.0.0.1", 0)) as foreign:
        inherited = inherit_socket(passed, settings, first_fd=os.dup(foreign.fileno()))
        assert inherited is not None
        with inherited:
            assert (17_500, 1) == options(own) == (options(inherited)[0], bool(options(inherited)[1]))
            assert not inherited.getblocking()
            assert not inherited.get_inheritable()


def test_a_passed_socket_that_does_not_listen_is_refused(tmp_path: Path, passed: dict[str, str]) -> None:
    """The start stops with the variable's name, and not at the first accept."""
    settings, _ = make_settings(tmp_path)
    with socket.socket() as deaf, pytest.raises(SettingsError, match="LISTEN_FDS"):
        inherit_socket(passed, settings, first_fd=os.dup(deaf.fileno()))
    with pytest.raises(SettingsError, match="LISTEN_FDS"):
        inherit_socket({**passed, "LISTEN_FDS": "2"}, settings)


def test_a_socket_for_another_process_is_not_taken(tmp_path: Path) -> None:
    """The variables may have been inherited from a parent that they were meant for."""
    settings, _ = make_settings(tmp_path)
    assert inherit_socket({"LISTEN_PID": "1", "LISTEN_FDS": "1"}, settings) is None
    assert inherit_socket({}, settings) is None


async def test_what_is_no_http_is_answered_without_a_log_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Anybody can send garbage, so a line for each would let anybody fill the log."""
    async with run_hub(tmp_path) as hub:
        caplog.clear()
        for _ in range(3):
            reader, writer = await asyncio.open_connection("127.0.0.1", hub.port)
            writer.write(b"\x00garbage\r\n\r\n")
            async with asyncio.timeout(DEADLINE_S):
                assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
            writer.close()
            await writer.wait_closed()
    assert [] == [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
