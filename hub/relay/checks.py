"""`hub relay --check`: whether a relay could work, found out without publishing or changing anything."""

from __future__ import annotations

from hub.finding import Finding
from hub.relay.database import Database
from hub.relay.fault import DATABASE_ERRORS, OutboxFault
from hub.relay.sender import Sender
from hub.relay.table import OutboxTable

__all__ = ["check_database", "check_hub", "require_usable"]


async def require_usable(database: Database, table: OutboxTable) -> bool:
    """Return whether the table has the trigger that wakes relays.

    Raises:
        OutboxFault: the table is not there, or the database user may not do with it what a relay does.
        OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError: see `Database.describe`.
    """
    async with database.transaction() as connection:
        there, missing, read_only, trigger = await table.find_rights(connection)
    name = table.name.shown
    if not there:
        raise OutboxFault(
            f"the table {name} is not there: run `hub relay --migrate` as the owner of the tables,"
            " or name another table (HUB_RELAY_TABLE)",
            lasting=True,
        )
    if read_only:
        raise OutboxFault(
            "the database is read-only for this user, or a standby: a relay marks what it has published"
            " (HUB_RELAY_DATABASE)",
            lasting=True,
        )
    if missing:
        raise OutboxFault(
            f"the database user may not {', '.join(missing)} on {name}: GRANT {', '.join(missing)} ON {name} to it",
            lasting=True,
        )
    return trigger


async def check_database(database: Database, table: OutboxTable) -> list[Finding]:
    """Find out whether the table can be used, what waits in it, and whether commits wake a relay."""
    try:
        trigger = await require_usable(database, table)
        async with database.transaction() as connection:
            backlog = await table.measure(connection)
        listens = await database.listen(lambda: None)
    except DATABASE_ERRORS as error:
        return [Finding("database", "fail", database.describe(error))]
    found = [Finding("database", "ok", f"{database.where}: the table {table.name.shown} can be used")]
    if not listens:
        words = "a pooler in transaction mode is before the database: the relay polls (HUB_RELAY_POLL)"
        found.append(Finding("wake", "warn", words))
    elif not trigger:
        words = "the table has no trigger, so that the relay polls (HUB_RELAY_POLL); `hub relay --migrate` makes it"
        found.append(Finding("wake", "warn", words))
    else:
        found.append(Finding("wake", "ok", "commits wake the relay (LISTEN)"))
    words = f"{backlog.waiting} rows wait, the oldest for {backlog.oldest_s:.0f} s"
    found.append(Finding("waiting", "ok", words))
    if backlog.dead:
        found.append(Finding("dead", "warn", f"{backlog.dead} rows are dead: `hub relay --dead` lists them"))
    return found


async def check_hub(sender: Sender, url: str) -> Finding:
    """Find out whether the hub responds and lets the key publish."""
    away = await sender.check_key()
    if away is not None:
        words = f"{url}: {away.reason} (HUB_URL, HUB_SERVICE_KEY)"
        return Finding("hub", "fail", words)
    return Finding("hub", "ok", f"{url}: the key may publish")
