"""A real notification hub for tests: in this process, on a free port, with a log and a tenant of its own."""

from __future__ import annotations

from notification_hub_testing.hub import DEMO_USERS, LocalHub, PublishRefused
from notification_hub_testing.listener import Listener

__all__ = ["DEMO_USERS", "Listener", "LocalHub", "PublishRefused"]
