"""Why the database of an outbox cannot be used, in words: what is wrong, and the way out.

As for the directory, of which most words are: they never repeat what a server or a driver said.
"""

from __future__ import annotations

import asyncpg  # type: ignore[import-untyped]  # it has no types of its own

from hub.directory.fault import describe_fault
from hub.errors import SettingsError

__all__ = ["DATABASE_ERRORS", "VARIABLE", "OutboxFault", "describe_outbox_fault", "is_lasting", "name_variable"]

VARIABLE = "HUB_RELAY_DATABASE"
_MIGRATE = "run `hub relay --migrate` as the owner of the tables"

#: By SQLSTATE; what the directory's words are not about.
_BY_STATE = {
    "25006": f"the database is read-only, such as a standby: name the primary, with its direct host ({VARIABLE})",
    "42501": "the database user may not do what the relay does: GRANT SELECT, UPDATE, DELETE ON {table} to it,"
    " and USAGE on its schema; to make the table it must own the schema",
    "42P01": f"the table {{table}} is not there: {_MIGRATE}, or name another table (HUB_RELAY_TABLE)",
    "3F000": f"the schema of the table {{table}} is not there: {_MIGRATE}, or name another table (HUB_RELAY_TABLE)",
    "42703": f"the table {{table}} lacks a column: {_MIGRATE}; it adds nothing to a table that was made in another way",
    "57014": "the database cancelled a statement after {timeout_s:g} s: the table is locked, or the server overloaded",
    "25P03": "the database ended a round that took too long: this process was stopped, or the network is slow",
}

#: What does not get better by waiting: the password, the database, rights, the table.
_LASTING = ("28", "3D", "3F", "42", "25006")


class OutboxFault(Exception):
    """The outbox cannot be used; the text says why and names the way out. `lasting`: waiting does not help."""

    def __init__(self, words: str, *, lasting: bool) -> None:
        super().__init__(words)
        self.lasting = lasting


#: What a use of the database raises.
DATABASE_ERRORS = (OutboxFault, OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)


def describe_outbox_fault(error: BaseException, *, where: str, table: str, timeout_s: float) -> str:
    """Return in one line why the outbox at `where` could not be used."""
    if isinstance(error, OutboxFault):
        return str(error)
    state = getattr(error, "sqlstate", None) or ""
    if isinstance(error, asyncpg.PostgresError) and state in _BY_STATE:
        return f"{_BY_STATE[state].format(table=table, timeout_s=timeout_s)} [{where}]"
    return name_variable(describe_fault(error, where=where, timeout_s=timeout_s))


def is_lasting(error: BaseException) -> bool:
    """Whether waiting does not help: somebody has to change a setting, a right or the tables."""
    if isinstance(error, OutboxFault):
        return error.lasting
    if isinstance(error, SettingsError):
        return True
    state = getattr(error, "sqlstate", None) or ""
    said = str(error).lower()
    # PgBouncer says all it refuses with one state.
    refused = state == "08P01" and any(part in said for part in ("auth", "no such user", "no such database"))
    return isinstance(error, asyncpg.PostgresError) and (state.startswith(_LASTING) or refused)


def name_variable(words: str) -> str:
    """Return what the directory says of its database, said of the relay's."""
    return (
        words.replace("HUB_DIRECTORY_TIMEOUT", "its time here")
        .replace("HUB_DIRECTORY_USERS and HUB_DIRECTORY_ACCOUNTS", "HUB_RELAY_TABLE")
        .replace("HUB_DIRECTORY_URL", VARIABLE)
    )
