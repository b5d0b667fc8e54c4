"""The hub's settings: one frozen struct, read once from the environment; only `hub.app` and `hub.cli` read it."""

from __future__ import annotations

from hub.settings.checks import secret_problem
from hub.settings.page import settings_page
from hub.settings.reading import find_unknown, read_settings
from hub.settings.summary import summarize_settings
from hub.settings.table import Setting, Settings, describe_settings

__all__ = [
    "Setting",
    "Settings",
    "describe_settings",
    "find_unknown",
    "read_settings",
    "secret_problem",
    "settings_page",
    "summarize_settings",
]
