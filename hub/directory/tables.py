"""The customer's tables and columns, named by two settings, and the two questions asked of them.

Names are checked here and quoted by SQLAlchemy, so a setting can misname a table but never become SQL.
"""

from __future__ import annotations

import re
from typing import Any, TypeAlias

from sqlalchemy import Select, bindparam, column, quoted_name, select, table
from sqlalchemy.sql.expression import ColumnClause, TableClause

from hub.errors import SettingsError

__all__ = ["Query", "account_query", "user_query"]

Query: TypeAlias = Select[*tuple[Any, ...]]

_NAME = r"[A-Za-z_][A-Za-z0-9_]{0,62}"
_SPEC = re.compile(rf"\s*(?:({_NAME})\.)?({_NAME})\s*\(([^()]*)\)\s*", re.ASCII)
_COLUMN = re.compile(_NAME, re.ASCII)


def user_query(users_spec: str, accounts_spec: str) -> Query:
    """Return the query for the user `:id`: id, account, role, active, and the account's status.

    The specs are those of `HUB_DIRECTORY_USERS` and `HUB_DIRECTORY_ACCOUNTS`.

    Raises:
        SettingsError: a spec is not `table(column,...)` with the right number of plain names.
    """
    users, (user_id, account, role, active) = _read_spec(
        "HUB_DIRECTORY_USERS", users_spec, ("id", "account", "role", "active")
    )
    accounts, (account_id, status) = _read_spec("HUB_DIRECTORY_ACCOUNTS", accounts_spec, ("id", "status"))
    return (
        select(user_id, account, role, active, status)
        .select_from(users.outerjoin(accounts, account_id == account))
        .where(user_id == bindparam("id"))
        .limit(2)
    )


def account_query(accounts_spec: str) -> Query:
    """Return the query for the account `:id`: id and status.

    Raises:
        SettingsError: as for `user_query`.
    """
    _, (account_id, status) = _read_spec("HUB_DIRECTORY_ACCOUNTS", accounts_spec, ("id", "status"))
    return select(account_id, status).where(account_id == bindparam("id")).limit(2)


def _read_spec(variable: str, spec: str, wanted: tuple[str, ...]) -> tuple[TableClause, list[ColumnClause[Any]]]:
    match = _SPEC.fullmatch(spec)
    names = [name.strip() for name in match[3].split(",")] if match else []
    if match is None or len(names) != len(wanted) or any(_COLUMN.fullmatch(name) is None for name in names):
        raise SettingsError(f"{variable}: is not of the form [schema.]table({','.join(wanted)}) with plain names")
    # Quoted always: names are taken to the letter, and none is a keyword by accident.
    columns: list[ColumnClause[Any]] = [column(quoted_name(name, quote=True)) for name in names]
    schema = quoted_name(match[1], quote=True) if match[1] else None
    # A name may be asked for twice (a users table that is its own accounts table), but a table has it once.
    found = table(quoted_name(match[2], quote=True), *{each.name: each for each in columns}.values(), schema=schema)
    return found, [found.c[each.name] for each in columns]
