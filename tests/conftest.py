"""What every test shares: the loop the hub runs on, and how Hypothesis runs here."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

import pytest
import uvloop
from hypothesis import settings

# Hypothesis's own deadline measures the machine, not the hub: on two shared cores it fails at random.
settings.register_profile("hub", deadline=None, print_blob=True)
settings.load_profile("hub")

# A shell that runs something in the background has SIGINT ignored in it. The commands that the tests start would
# inherit that, and Ctrl-C would end none of them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run every test on the loop that the hub runs on: what links write to are its transports."""
    return {"uvloop": uvloop.new_event_loop}
