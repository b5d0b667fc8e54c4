"""The page on the relay says what the relay has: its metrics, its rights, its bounds."""

from __future__ import annotations

import re
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # it has no types of its own
import pytest

from hub.errors import SettingsError
from hub.relay.bounds import RelayBounds
from hub.relay.metrics import Metrics
from hub.settings import Settings, read_settings
from tests.harness import RunningHub
from tests.relay.outbox import Outbox, body, run_relay

PAGE = (Path(__file__).parents[2] / "docs/operations/outbox.md").read_text(encoding="utf-8")


def test_every_metric_is_explained() -> None:
    """The table has exactly the metrics of the port."""
    shown = re.findall(r"^# TYPE (\w+) (\w+)", Metrics().write().decode(), re.MULTILINE)
    assert {name for name, _ in shown if not name.endswith("_created")} == set(
        re.findall(r"^\| `(hub_relay_\w+)` \|", PAGE, re.MULTILINE)
    )


def test_the_numbers_of_the_page_are_the_defaults() -> None:
    """What the page gives in brackets is what runs."""
    bounds, settings = RelayBounds(), Settings()
    assert f"`HUB_RELAY_POLL` ({settings.relay_poll_s:g} s)" in PAGE
    assert f"`HUB_RELAY_ATTEMPTS` ({settings.relay_attempts})" in PAGE
    assert f"`HUB_RELAY_KEEP_DAYS` ({settings.relay_keep_days:g})" in PAGE
    assert f"no response in {bounds.publish_s:g} s" in PAGE
    assert f"full jitter up to {bounds.away_cap_s:g} s" in PAGE
    assert f"back-off up to {bounds.row_cap_s / 60:g} min" in PAGE
    assert f"of a frozen process after {bounds.idle_in_transaction_s:g} s" in PAGE
    assert f"{bounds.purge_rows * bounds.purge_statements:,} in {bounds.upkeep_s:g} s" in PAGE
    # The most that HUB_MAX_BODY may be.
    assert read_settings({"HUB_MAX_BODY": str(bounds.body_bytes)}, development=True).max_body_bytes == bounds.body_bytes
    with pytest.raises(SettingsError):
        read_settings({"HUB_MAX_BODY": str(bounds.body_bytes + 1)}, development=True)


async def test_the_rights_of_the_page_are_enough(outbox: Outbox, hub: RunningHub) -> None:
    """A relay works as a user with the grants that the page gives it, and a service with INSERT alone."""
    grants = re.findall(r"^GRANT (.+) ON (?:SCHEMA )?\w+ TO relay;$", PAGE, re.MULTILINE)
    assert ["USAGE", "SELECT, UPDATE, DELETE"] == grants
    for name, right in (("page_relay", grants[1]), ("page_service", "INSERT")):
        if await outbox.connection.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", name):
            await outbox.connection.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")
        await outbox.connection.execute(f"CREATE ROLE {name} LOGIN; GRANT {right} ON notification_outbox TO {name}")
    service = await asyncpg.connect(outbox.url.replace("//hub@", "//page_service@"))
    try:
        await service.execute("INSERT INTO notification_outbox (key, body) VALUES ('a', $1)", body("one"))
    finally:
        await service.close()
    url = outbox.url.replace("//hub@", "//page_relay@")
    bounds = RelayBounds(upkeep_s=0.01)
    async with run_relay(url, hub.url, hub.key, bounds=bounds, keep_s=0.0):
        await outbox.wait_for("NOT EXISTS (SELECT FROM notification_outbox)")
