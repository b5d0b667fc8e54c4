"""Tests of hub.directory.demo."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from hub.directory.demo import DEMO_ACCOUNTS, DEMO_USERS, create_demo_directory
from tests.directory.conftest import open_directory, sqlite_url


async def test_demo_can_be_made_again(tmp_path: Path) -> None:
    """Making it twice leaves one set of rows, and what was changed in between as it was changed."""
    path = tmp_path / "demo.db"
    assert list(DEMO_USERS) == await create_demo_directory(path)
    engine = create_async_engine(sqlite_url(path))
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE users SET role = 'admin' WHERE id = '00000000001'"))
    await engine.dispose()
    assert list(DEMO_USERS) == await create_demo_directory(path)
    directory = open_directory(sqlite_url(path))
    found = [await directory.find_user(user.user_id) for user in DEMO_USERS]
    await directory.close()
    assert len(DEMO_USERS) == sum(user is not None for user in found)
    assert found[0] is not None
    assert "admin" == found[0].role


@pytest.mark.parametrize("number", [user.user_id for user in DEMO_USERS] + [each.account_id for each in DEMO_ACCOUNTS])
def test_demo_id_is_nobodys(number: str) -> None:
    """No demo id is a valid CPF (11 digits) or CNPJ (14), so none belongs to a person or company."""
    body = number[:-2]
    for _ in range(2):
        highest = 11 if len(number) == 11 else 9
        weights = [2 + place % (highest - 1 if len(number) == 14 else 10) for place in range(len(body))]
        rest = sum(int(digit) * weight for digit, weight in zip(reversed(body), weights, strict=True)) % 11
        body += str(0 if rest < 2 else 11 - rest)
    assert body != number
