"""A running hub, as the transports' tests have it."""

from __future__ import annotations

from tests.transports.conftest import hub

__all__ = ["hub"]
