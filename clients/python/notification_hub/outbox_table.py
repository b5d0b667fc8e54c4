"""Writes a notification into the outbox table, in the caller's own transaction; `hub relay` publishes it.

No driver is imported: the caller has one, and its connection says which.
"""

from __future__ import annotations

import inspect
import re
import uuid
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import UNSET

from contracts.notification import Notification
from contracts.policy import Confirm
from notification_hub.address import Addressed, encode_addressed

__all__ = ["write_to_outbox", "write_to_outbox_async"]

_NAME = re.compile(r"(?:[A-Za-z_]\w*\.)?[A-Za-z_]\w*", re.ASCII)
#: libpq's PQTRANS_IDLE: no transaction is open.
_IDLE = 0
_FOR_ASYNCIO = "write_to_outbox: this connection is for asyncio; await write_to_outbox_async"


def write_to_outbox(
    connection: Any,
    notification: Notification,
    *,
    user_id: str | None = None,
    account_id: str | None = None,
    user_ids: Sequence[str] | None = None,
    everyone: bool = False,
    ttl_s: int | None = None,
    collapse_key: str | None = None,
    confirm: Confirm | None = None,
    key: str | None = None,
    table: str = "notification_outbox",
) -> str:
    """Write one row in the transaction of `connection` and return its id; the caller commits or rolls back.

    `connection` is a connection or cursor of psycopg, psycopg2, Django or another driver of the DB-API, or a Session or
    Connection of SQLAlchemy. For whom: see `Addressed`. Rows of one `key` are published in order; without it those for
    the same user, account or everyone are, and those for several users have no order.

    Raises:
        RuntimeError: no transaction is open and none will be, so that the row would be committed by itself.
        TypeError, ValueError: the notification cannot be written as JSON, or the connection, key or table cannot be
            used.
        The driver's own error: the row was not written, and the transaction has failed.
    """
    addressed = Addressed(notification, user_id, account_id, user_ids, everyone, ttl_s, collapse_key, confirm)
    row, table = _make_row(addressed, key), _check_table(table)
    if hasattr(connection, "is_in_transaction"):
        raise TypeError(_FOR_ASYNCIO)
    _require_transaction(connection)
    if _is_sqlalchemy(connection):
        _refuse_awaitable(connection.execute(_sqlalchemy_statement(table), row))
    elif hasattr(connection, "cursor") and not hasattr(connection, "fetchone"):
        cursor = connection.cursor()
        try:
            _refuse_awaitable(cursor.execute(_insert(table, "%(id)s", "%(key)s", "%(body)s"), row))
        finally:
            _refuse_awaitable(cursor.close())
    else:
        _refuse_awaitable(connection.execute(_insert(table, "%(id)s", "%(key)s", "%(body)s"), row))
    return row["id"]


async def write_to_outbox_async(
    connection: Any,
    notification: Notification,
    *,
    user_id: str | None = None,
    account_id: str | None = None,
    user_ids: Sequence[str] | None = None,
    everyone: bool = False,
    ttl_s: int | None = None,
    collapse_key: str | None = None,
    confirm: Confirm | None = None,
    key: str | None = None,
    table: str = "notification_outbox",
) -> str:
    """Do what `write_to_outbox` does, with a connection for asyncio.

    `connection` is a connection of asyncpg, an async connection or cursor of psycopg, or an AsyncSession or
    AsyncConnection of SQLAlchemy.
    """
    addressed = Addressed(notification, user_id, account_id, user_ids, everyone, ttl_s, collapse_key, confirm)
    row, table = _make_row(addressed, key), _check_table(table)
    _require_transaction(connection)
    done: Awaitable[Any]
    if _is_sqlalchemy(connection):
        done = connection.execute(_sqlalchemy_statement(table), row)
    elif hasattr(connection, "is_in_transaction"):
        done = connection.execute(_insert(table, "$1", "$2", "$3"), row["id"], row["key"], row["body"])
    else:
        done = connection.execute(_insert(table, "%(id)s", "%(key)s", "%(body)s"), row)
    if not inspect.isawaitable(done):
        raise TypeError("write_to_outbox_async: this connection is not for asyncio; use write_to_outbox")
    await done
    return row["id"]


def _make_row(addressed: Addressed, key: str | None) -> dict[str, str]:
    if key is not None and (not key or "\0" in key):
        raise ValueError("key: is empty or has a NUL; leave it out for the default")
    if addressed.notification.timestamp is UNSET:
        # When it happened, however much later the relay publishes it.
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        notification = msgspec.structs.replace(addressed.notification, timestamp=now)
        addressed = msgspec.structs.replace(addressed, notification=notification)
    row_id = str(uuid.uuid4())
    return {"id": row_id, "key": key or _default_key(addressed) or row_id, "body": encode_addressed(addressed).decode()}


def _default_key(addressed: Addressed) -> str | None:
    if addressed.everyone:
        return "everyone"
    if addressed.user_ids is not None:
        return None
    if addressed.user_id is not None:
        return f"user:{addressed.user_id}"
    return None if addressed.account_id is None else f"account:{addressed.account_id}"


def _check_table(table: str) -> str:
    if _NAME.fullmatch(table) is None:
        raise ValueError("table: is not a table's name, such as app.notification_outbox")
    return table


def _insert(table: str, row_id: str, key: str, body: str) -> str:
    # Every driver sends text, whatever the column is.
    values = f"CAST(CAST({row_id} AS text) AS uuid), {key}, CAST(CAST({body} AS text) AS json)"
    return f"INSERT INTO {table} (id, key, body) VALUES ({values})"  # noqa: S608  # the name was checked


def _refuse_awaitable(result: object) -> None:
    """Refuse a connection for asyncio: what nobody awaits is never written."""
    if inspect.iscoroutine(result):
        result.close()
        raise TypeError(_FOR_ASYNCIO)


def _is_sqlalchemy(connection: Any) -> bool:
    return any(kind.__module__.partition(".")[0] == "sqlalchemy" for kind in type(connection).__mro__)


def _sqlalchemy_statement(table: str) -> Any:
    from sqlalchemy import text  # the caller has it

    return text(_insert(table, ":id", ":key", ":body"))


def _require_transaction(connection: Any) -> None:
    """Refuse a connection in autocommit mode without a transaction: the row would be committed without the change."""
    if _is_sqlalchemy(connection):
        # It begins a transaction by itself.
        return
    if hasattr(connection, "is_in_transaction"):
        outside = not connection.is_in_transaction()
    else:
        # A cursor has its connection, Django's the wrapper that knows of `atomic`.
        owner = getattr(connection, "db", None) or getattr(connection, "connection", None) or connection
        owner = connection if hasattr(connection, "in_atomic_block") else owner
        if hasattr(owner, "in_atomic_block"):
            outside = not owner.in_atomic_block and owner.get_autocommit()
        else:
            status = getattr(getattr(owner, "info", None), "transaction_status", None)
            outside = getattr(owner, "autocommit", False) is True and status == _IDLE
    if outside:
        raise RuntimeError("write_to_outbox: no transaction is open, so the row would be committed without your change")
