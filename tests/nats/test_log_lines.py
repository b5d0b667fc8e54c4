"""The lines of the connection to NATS that an operator looks for: each one provoked, and as the page has it."""

from __future__ import annotations

import logging

import pytest
from nats.errors import Error

from hub.nats.address import read_servers
from hub.nats.connection import open_nats
from tests.nats_servers import NatsServer
from tests.operator_lines import Lines, check_lines

#: Every event of the connection; `tests/test_operator_log.py` compares them with the code and the page.
NATS_EVENTS = {"nats_connected", "nats_disconnected", "nats_unreachable", "nats_error"}


async def test_each_line_is_written(server: NatsServer, caplog: pytest.LogCaptureFixture) -> None:
    """A connection, an error of the server, and its end."""
    caplog.set_level(logging.INFO, logger="hub")
    lines = Lines(caplog)
    addresses, credentials = read_servers(server.url)
    connection = await open_nats(
        addresses,
        name="test",
        credentials=credentials,
        tls=None,
        timeout_s=20.0,
        ping_interval_s=1,
    )
    try:
        await connection._take_error(Error("permissions violation"))
        server.kill()
        await lines.wait("nats_disconnected")
        await lines.wait("nats_unreachable")
    finally:
        await connection.close()
    check_lines(lines, NATS_EVENTS)
