"""The outbox table's SQL, for a migration tool or applied by `hub relay --migrate`."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Literal

from hub.relay.table import CHANNEL, TableName

__all__ = ["Direction", "read_migration"]

Direction = Literal["up", "down"]
_FILES: dict[Direction, str] = {"up": "outbox.sql", "down": "outbox.down.sql"}


def read_migration(direction: Direction, table: TableName) -> str:
    """Return the SQL that makes the table, or takes it away; either may run again and changes nothing then."""
    sql = files("hub.relay").joinpath("sql", _FILES[direction]).read_text(encoding="utf-8")
    if (table.schema, table.name) == ("", CHANNEL):
        return sql
    # The channel is the same for every table; indexes are in the schema of their table and take no schema's name.
    sql = sql.replace(f"pg_notify('{CHANNEL}'", "pg_notify(CHANNEL")
    sql = re.sub(rf"\b{CHANNEL}_wake\(", f"{_prefix(table)}{table.name}_wake(", sql)
    sql = re.sub(rf"\b{CHANNEL}_(\w+)", rf"{table.name}_\1", sql)
    sql = re.sub(rf"\b{CHANNEL}\b", f"{_prefix(table)}{table.name}", sql)
    return sql.replace("pg_notify(CHANNEL", f"pg_notify('{CHANNEL}'")


def _prefix(table: TableName) -> str:
    return f"{table.schema}." if table.schema else ""
