"""How much a relay takes on at once, and how long it waits for each thing."""

from __future__ import annotations

import msgspec

__all__ = ["RelayBounds"]


class RelayBounds(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds of one relay; the defaults are what runs, and a test may have smaller ones."""

    #: Keys of one round, each with so many rows at most: the others wait for no longer than these take.
    keys: int = 64
    rows_per_key: int = 32
    rows: int = 512
    #: The bodies of one round together, and the largest one: what a hub takes at most (HUB_MAX_BODY).
    round_bytes: int = 8 * 2**20
    body_bytes: int = 2**20
    #: No row is sent later than this in a round, so that its locks are held for this and one row's requests at most:
    #: two where a 403 is confirmed.
    round_s: float = 5.0
    #: One publish, from the connection to the last byte of the response, and the largest response that is read.
    publish_s: float = 10.0
    response_bytes: int = 64 * 1024
    #: A report to the hub's operators, which nothing depends on.
    report_s: float = 2.0
    #: One statement, and the making of a connection.
    database_s: float = 10.0
    #: What the database itself ends, where this process was stopped in the middle of a round.
    idle_in_transaction_s: float = 60.0
    #: Back-off while the hub or the database is away, and for a row that failed.
    away_base_s: float = 0.5
    away_cap_s: float = 30.0
    row_base_s: float = 1.0
    row_cap_s: float = 300.0
    #: How often the waiting rows are counted and published ones deleted: so many in one statement, at most so many
    #: statements in a row.
    upkeep_s: float = 15.0
    purge_rows: int = 1000
    purge_statements: int = 20
    #: Waiting rows are counted up to here.
    count_rows: int = 100_000
