"""A small directory to try the hub with: `hub serve --dev` makes it, nothing else does.

The ids have the length of CPF and CNPJ numbers and wrong check digits, so they are nobody's.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import create_async_engine

__all__ = ["DEMO_ACCOUNTS", "DEMO_SCHEMA", "DEMO_USERS", "DemoAccount", "DemoUser", "create_demo_directory"]


class DemoAccount(msgspec.Struct, frozen=True):
    """A company that does not exist."""

    account_id: str
    status: str
    company_name: str


class DemoUser(msgspec.Struct, frozen=True):
    """A person who does not exist; `about` says what to try with them."""

    user_id: str
    account_id: str | None
    role: str
    active: bool
    full_name: str
    about: str


DEMO_ACCOUNTS = (
    DemoAccount("00000000000101", "active", "Celulares do Centro"),
    DemoAccount("00000000000202", "active", "Distribuidora Norte"),
    DemoAccount("00000000000303", "trial", "Oficina Boa Vista"),
    DemoAccount("00000000000404", "suspended", "Loja Encerrada"),
)

DEMO_USERS = (
    DemoUser("00000000001", "00000000000101", "user", True, "Ana Compradora", "buys from another account"),
    DemoUser("00000000002", "00000000000202", "manager", True, "Bruno Vendedor", "sells to another account"),
    DemoUser("00000000003", "00000000000101", "admin", True, "Carla Gerente", "shares the buyer's account"),
    DemoUser("00000000004", "00000000000303", "viewer", True, "Davi Teste", "is in an account on trial"),
    DemoUser("00000000005", "00000000000404", "user", True, "Elisa Suspensa", "is refused: account suspended"),
    DemoUser("00000000006", "00000000000101", "user", False, "Fabio Inativo", "is refused: not active"),
    DemoUser("00000000007", None, "super_admin", True, "Gabi Suporte", "has the virtual account"),
)

#: The tables that the hub reads by default, in words that SQLite and PostgreSQL both understand.
DEMO_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS accounts (
        id varchar(14) PRIMARY KEY, status varchar(20) NOT NULL, company_name varchar(255) NOT NULL
    )""",
    """CREATE TABLE IF NOT EXISTS users (
        id varchar(11) PRIMARY KEY, account_id varchar(14) REFERENCES accounts (id),
        role varchar(20) NOT NULL, is_active boolean NOT NULL, full_name varchar(255) NOT NULL
    )""",
)

_INSERT_ACCOUNT = text(
    "INSERT INTO accounts (id, status, company_name)"
    " VALUES (:account_id, :status, :company_name) ON CONFLICT DO NOTHING"
)
_INSERT_USER = text(
    "INSERT INTO users (id, account_id, role, is_active, full_name)"
    " VALUES (:user_id, :account_id, :role, :active, :full_name) ON CONFLICT DO NOTHING"
)


async def create_demo_directory(path: Path) -> list[DemoUser]:
    """Make the SQLite file `path` with the demo rows, and return its users.

    Rows that are there already are left as they are, so that a change made by hand lasts.
    """
    engine = create_async_engine(URL.create("sqlite+aiosqlite", database=str(path)))
    try:
        async with engine.begin() as connection:
            for statement in DEMO_SCHEMA:
                await connection.execute(text(statement))
            await connection.execute(_INSERT_ACCOUNT, [msgspec.structs.asdict(row) for row in DEMO_ACCOUNTS])
            await connection.execute(_INSERT_USER, [msgspec.structs.asdict(row) for row in DEMO_USERS])
    finally:
        await engine.dispose()
    return list(DEMO_USERS)
