"""A directory in each of its databases, as the directory's tests have it."""

from __future__ import annotations

from tests.directory.conftest import database_url, directory, filled_postgres, postgres

__all__ = ["database_url", "directory", "filled_postgres", "postgres"]
