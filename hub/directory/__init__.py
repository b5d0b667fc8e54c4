"""Users and accounts, looked up in the customer's database and never written."""

from __future__ import annotations

from collections.abc import Callable

from hub.directory.cached import CachedDirectory
from hub.directory.directory import Directory
from hub.directory.off import TrustingDirectory
from hub.histogram import Histogram
from hub.settings import Settings

__all__ = ["open_directory"]


def open_directory(
    settings: Settings, *, now: Callable[[], float], query_durations: Histogram | None = None
) -> Directory:
    """Return the directory that the settings name; nothing is connected until somebody is looked up.

    `query_durations` observes how long each query takes.

    Raises:
        SettingsError: the URL, a table or a column cannot be used.
    """
    if settings.directory_url.lower() == "off":
        return TrustingDirectory()
    # Imported here: a hub without a database must not load its driver.
    from hub.directory.sql import SqlDirectory

    inner = SqlDirectory(
        settings.directory_url,
        settings.directory_users,
        settings.directory_accounts,
        timeout_s=settings.directory_timeout_s,
        people_without_account=settings.people_without_account,
    )
    # A query, and another one for the users that came while it was under way.
    wait_s = 2 * settings.directory_timeout_s
    return CachedDirectory(
        inner, ttl_s=settings.directory_ttl_s, now=now, wait_s=wait_s, query_durations=query_durations
    )
