"""The customer's tables and columns, named by two settings, and the query asked of them.

Names are checked here and always quoted, so a setting can misname a table but never become SQL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from hub.errors import SettingsError

__all__ = ["ACTIVE_TYPES", "Row", "Table", "Tables", "build_query", "read_tables"]

#: What a database says of a user: id, account, role, whether active, status of the account.
Row: TypeAlias = tuple[str | None, str | None, str | None, bool, str | None]

_NAME = r"[A-Za-z_][A-Za-z0-9_]{0,62}"
_SPEC = re.compile(rf"\s*(?:({_NAME})\.)?({_NAME})\s*(?:\(([^()]*)\)\s*)?", re.ASCII)
_COLUMN = re.compile(_NAME, re.ASCII)

#: PostgreSQL's types of a column that can say who is active: a truth value, or a number that is 1.
ACTIVE_TYPES = frozenset({"boolean", "smallint", "integer", "bigint", "numeric"})


class Table(msgspec.Struct, frozen=True):
    """One table as a setting names it; `variable` is that setting."""

    variable: str
    schema: str | None
    name: str
    columns: tuple[str, ...]

    @property
    def quoted(self) -> str:
        """The name as SQL."""
        return f'"{self.name}"' if self.schema is None else f'"{self.schema}"."{self.name}"'


class Tables(msgspec.Struct, frozen=True):
    """The two tables: `users(id,account,role,active)` and `accounts(id,status)`."""

    users: Table
    accounts: Table


def read_tables(users_spec: str, accounts_spec: str) -> Tables:
    """Return the tables of `HUB_DIRECTORY_USERS` and `HUB_DIRECTORY_ACCOUNTS`.

    A table alone has the columns of the default.

    Raises:
        SettingsError: a spec is not `[schema.]table` or `[schema.]table(column,...)` with the right number of plain
            names.
    """
    users = _read_spec(
        "HUB_DIRECTORY_USERS", users_spec, {"id": "id", "account": "account_id", "role": "role", "active": "is_active"}
    )
    return Tables(users, _read_spec("HUB_DIRECTORY_ACCOUNTS", accounts_spec, {"id": "id", "status": "status"}))


def build_query(tables: Tables, user_types: Mapping[str, str], account_types: Mapping[str, str]) -> str:
    """Return PostgreSQL's query for the users whose ids are in the text array `$1`, at most `$2` rows.

    A row is id, account, role and the account's status as text (whatever their types: native enums, numbers, UUIDs)
    and whether the user is active. The ids are cast to the column's own type, not the column to text, because
    only then does the primary key's index serve. The types are what `format_type` calls them.
    """
    user_id, account, role, active = (f'u."{name}"' for name in tables.users.columns)
    account_id, status = (f'a."{name}"' for name in tables.accounts.columns)
    id_type = user_types[tables.users.columns[0]]
    is_true = f"{active} IS TRUE" if user_types[tables.users.columns[3]] == "boolean" else f"({active} = 1) IS TRUE"
    theirs, ours = user_types[tables.users.columns[1]], account_types[tables.accounts.columns[0]]
    # Columns of two types, a number and a text, cannot be compared as they are.
    home = account if theirs == ours else f"CAST(CAST({account} AS text) AS {ours})"
    columns = (
        f"CAST({user_id} AS text), CAST({account} AS text), CAST({role} AS text), {is_true}, CAST({status} AS text)"
    )
    both = f"{tables.users.quoted} AS u LEFT JOIN {tables.accounts.quoted} AS a ON {account_id} = {home}"
    chosen = f"{user_id} = ANY (CAST(CAST($1 AS text[]) AS {id_type}[]))"
    return f"SELECT {columns} FROM {both} WHERE {chosen} LIMIT $2"  # noqa: S608  # names checked and quoted above


def _read_spec(variable: str, spec: str, wanted: Mapping[str, str]) -> Table:
    """Read one spec; `wanted` has each column's part, and the name it has where none is given."""
    match = _SPEC.fullmatch(spec)
    names = (
        []
        if match is None
        else [name.strip() for name in (",".join(wanted.values()) if match[3] is None else match[3]).split(",")]
    )
    if match is None or len(names) != len(wanted) or any(_COLUMN.fullmatch(name) is None for name in names):
        raise SettingsError(f"{variable}: is not of the form [schema.]table({','.join(wanted)}) with plain names")
    return Table(variable, match[1], match[2], tuple(names))
