"""The page on the directory: what it shows works as it stands there."""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.closing import CloseCode
from tests.directory.conftest import open_directory
from tests.harness import ACCOUNT, USER, run_hub
from tests.postgres import Postgres

PAGE = (Path(__file__).parents[2] / "docs" / "operations" / "directory.md").read_text()


def block(kind: str) -> str:
    """Return the page's first block of this kind."""
    found = re.search(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


async def test_the_call_for_at_once_disconnects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The documented function ends a user's connections, and those of an account, and counts them."""
    names: dict[str, Callable[..., int]] = {}
    exec(block("python"), names)
    async with run_hub(tmp_path) as hub:
        monkeypatch.setenv("HUB_URL", hub.url)
        monkeypatch.setenv("HUB_SERVICE_KEY", hub.key)
        for who in ({"user_id": USER}, {"account_id": ACCOUNT}):
            async with hub.websocket() as tab:
                assert 1 == await asyncio.to_thread(functools.partial(names["disconnect"], **who))
                assert CloseCode.DISCONNECTED == await tab.wait_closed()


async def test_the_grants_are_enough(filled_postgres: Postgres) -> None:
    """A role with the documented grants and nothing else is all the hub needs."""
    await filled_postgres.execute(
        "DROP SCHEMA IF EXISTS avelar_admin CASCADE",
        "CREATE SCHEMA avelar_admin",
        "ALTER TABLE users SET SCHEMA avelar_admin",
        "ALTER TABLE accounts SET SCHEMA avelar_admin",
        "DROP ROLE IF EXISTS reader",
    )
    try:
        grants = block("sql").replace("CREATE ROLE hub", "CREATE ROLE reader").replace("TO hub;", "TO reader;")
        await filled_postgres.execute(*filter(str.strip, grants.split(";")))
        specs = dict(re.findall(r"^(HUB_DIRECTORY_\w+)='(.*)'$", block("sh"), re.MULTILINE))
        directory = open_directory(
            filled_postgres.url.replace("hub@", "reader@"),
            users=specs["HUB_DIRECTORY_USERS"],
            accounts=specs["HUB_DIRECTORY_ACCOUNTS"],
        )
        await directory.check()
        assert await directory.find_user("00000000001") is not None
        await directory.close()
    finally:
        await filled_postgres.execute("DROP SCHEMA avelar_admin CASCADE", "DROP ROLE reader")
