"""The fixtures `hub`, `publish` and `listen`; pytest finds them where this package is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from notification_hub_testing.hub import LocalHub
from notification_hub_testing.listener import Listener

__all__ = ["hub", "hub_settings", "listen", "publish"]


@pytest.fixture
def hub_settings() -> dict[str, Any]:
    """Settings of the hub, as fields of `hub.settings.Settings`, or `demo_users`; a fixture of this name has others."""
    return {}


@pytest.fixture
def hub(tmp_path: Path, hub_settings: dict[str, Any]) -> Iterator[LocalHub]:
    """A real hub on a free port, with an empty log, an account and a user that no other test has."""
    with LocalHub(tmp_path / "hub", **hub_settings) as running:
        yield running


@pytest.fixture
def publish(hub: LocalHub) -> Callable[..., dict[str, Any]]:
    """Publish to the test's hub: `publish("order_created", data={...})`; returns the receipt."""
    return hub.publish


@pytest.fixture
def listen(hub: LocalHub) -> Callable[..., Listener]:
    """Listen at the test's hub: `listen()`, `listen(user_id="7")`; returns a `Listener`."""
    return hub.listen
