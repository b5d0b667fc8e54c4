"""The stage of the deadlines, whose webhooks these tests look at."""

from __future__ import annotations

from tests.deadlines.conftest import stage

__all__ = ["stage"]
