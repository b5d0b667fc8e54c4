"""A user who is named together with an account, where there is a directory: in it, or nobody's notification."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.auth.grant import VIRTUAL_ACCOUNT_ID
from hub.directory.demo import create_demo_directory
from tests.harness import RunningHub, run_hub

#: Of the demo directory: a buyer, a seller of another account, one who is not active, one without an account.
BUYER, HOME = "00000000001", "00000000000101"
SELLER, ELSEWHERE = "00000000002", "00000000000202"
INACTIVE, SUPER_ADMIN = "00000000006", "00000000007"
NOBODY = "00000000999"
#: After so long what the directory said last no longer counts for a no, and still for a yes.
AGED_S = 2.0


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """The file of the directory."""
    return tmp_path / "directory.sqlite3"


class Clock:
    """The hub's clock, which can be moved ahead."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


@pytest.fixture
def clock() -> Clock:
    """The clock of the hub."""
    return Clock()


@pytest.fixture
async def hub(tmp_path: Path, database: Path, clock: Clock) -> AsyncIterator[RunningHub]:
    """A hub with the demo directory."""
    await create_demo_directory(database)
    async with run_hub(tmp_path, now=clock, directory_url=f"sqlite+aiosqlite:///{database}") as running:
        yield running


def code_of(answer: httpx.Response) -> tuple[int, str | None, str | None]:
    """Return status, code and field."""
    problem = answer.json()
    return answer.status_code, problem.get("code"), problem.get("field")


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({"user_id": BUYER, "account_id": HOME}, (202, None, None)),
        ({"user_id": INACTIVE, "account_id": HOME}, (202, None, None)),
        ({"user_id": SUPER_ADMIN, "account_id": VIRTUAL_ACCOUNT_ID}, (202, None, None)),
        ({"user_id": SUPER_ADMIN, "account_id": None}, (202, None, None)),
        ({"user_ids": [BUYER, INACTIVE], "account_id": HOME}, (202, None, None)),
        ({"account_id": "somewhere"}, (202, None, None)),
        ({"user_id": SELLER, "account_id": HOME}, (422, "unknown_target", "$.user_id")),
        ({"user_id": NOBODY, "account_id": HOME}, (422, "unknown_target", "$.user_id")),
        ({"user_id": SUPER_ADMIN, "account_id": HOME}, (422, "unknown_target", "$.user_id")),
        ({"user_ids": [BUYER, SELLER], "account_id": HOME}, (422, "unknown_target", "$.user_ids")),
        ({"user_id": NOBODY}, (422, "unknown_target", "$.user_id")),
    ],
)
async def test_a_user_must_be_in_the_named_account(
    hub: RunningHub, target: dict[str, Any], expected: tuple[int, str | None, str | None]
) -> None:
    """What would reach nobody is refused, whether or not the hub has met these users before."""
    for _ in range(2):
        assert expected == code_of(await hub.publish(**target))
    assert (2 if expected[0] == 202 else 0) == hub.hub.log.head


async def test_the_refusal_tells_the_way_out_and_names_nobody(hub: RunningHub) -> None:
    """It says to leave the account out, and repeats no id."""
    answer = await hub.publish(user_id=SELLER, account_id=HOME)
    assert "leave `account_id` out" in answer.json()["detail"]
    assert not any(person in answer.text for person in (SELLER, HOME, ELSEWHERE))


async def test_a_batch_refuses_one_and_stores_the_others(hub: RunningHub) -> None:
    """Each notification stands for itself."""
    one = {"type": "stock_alert", "title": "t", "message": "m"}
    batch = [{**one, "user_id": who, "account_id": HOME} for who in (BUYER, SELLER, INACTIVE)]
    results = (await hub.post("/api/internal/notify/batch", {"notifications": batch})).json()["results"]
    assert ["receipt", "problem", "receipt"] == [list(result)[1] for result in results]
    problem = results[1]["problem"]
    assert ("unknown_target", "$.notifications[1].user_id") == (problem["code"], problem["field"])


@pytest.mark.parametrize("met_before", [False, True])
async def test_who_changed_the_account_or_signed_up_is_not_refused_for_what_is_remembered(
    hub: RunningHub, database: Path, clock: Clock, met_before: bool
) -> None:
    """Before anybody is told no the directory is asked again, so that a new user's first notification arrives."""
    if met_before:
        assert 202 == (await hub.publish(user_id=BUYER, account_id=HOME)).status_code
        assert 422 == (await hub.publish(user_id=NOBODY)).status_code
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE users SET account_id = ? WHERE id = ?", (ELSEWHERE, BUYER))
        connection.execute("INSERT INTO users VALUES (?, ?, 'user', 1, 'x')", (NOBODY, HOME))
    clock.ahead_s += AGED_S
    assert 202 == (await hub.publish(user_id=BUYER, account_id=ELSEWHERE)).status_code
    assert 422 == (await hub.publish(user_id=BUYER, account_id=HOME)).status_code
    assert 202 == (await hub.publish(user_id=NOBODY)).status_code
    assert 202 == (await hub.publish(user_id=NOBODY, account_id=HOME)).status_code


async def test_a_directory_that_is_down_says_neither_yes_nor_no(hub: RunningHub, database: Path, clock: Clock) -> None:
    """503 with Retry-After for users that are not remembered or would be refused; the remembered go on."""
    assert 202 == (await hub.publish(user_id=BUYER, account_id=HOME)).status_code
    clock.ahead_s += AGED_S
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("ALTER TABLE users RENAME TO away")
    assert 202 == (await hub.publish(user_id=BUYER, account_id=HOME)).status_code
    for user_id in (BUYER, SELLER):
        answer = await hub.publish(user_id=user_id, account_id=ELSEWHERE)
        assert (503, "directory_unavailable", None) == code_of(answer)
        assert int(answer.headers["retry-after"]) >= 1
    assert 2 == hub.hub.log.head


async def test_it_can_be_switched_off(tmp_path: Path, database: Path) -> None:
    """With HUB_DIRECTORY_TARGETS=off the account that is named is believed."""
    await create_demo_directory(database)
    url = f"sqlite+aiosqlite:///{database}"
    async with run_hub(tmp_path, directory_url=url, directory_targets=False) as hub:
        assert 202 == (await hub.publish(user_id=SELLER, account_id=HOME)).status_code
        assert 202 == (await hub.publish(user_id=NOBODY, account_id=HOME)).status_code
        assert 422 == (await hub.publish(user_id=NOBODY)).status_code


async def test_without_a_directory_the_account_is_believed(tmp_path: Path) -> None:
    """There is nothing that could know better; who names no account is told why that fails."""
    async with run_hub(tmp_path) as hub:
        assert 202 == (await hub.publish(user_id=NOBODY, account_id=HOME)).status_code
        answer = await hub.publish(user_id=NOBODY)
        assert (422, "unknown_target", "$.user_id") == code_of(answer)
        assert "There is no directory" in answer.json()["detail"]


async def test_buyer_and_seller_of_different_accounts_each_get_theirs(hub: RunningHub) -> None:
    """Named without an account, everybody is found in their own."""
    async with hub.websocket(hub.token(BUYER, HOME)) as buyer, hub.websocket(hub.token(SELLER, ELSEWHERE)) as seller:
        await asyncio.gather(hub.publish(user_id=BUYER, title="b"), hub.publish(user_id=SELLER, title="s"))
        assert ("b", "s") == ((await buyer.frame())["title"], (await seller.frame())["title"])
