"""One idempotency key, published many times at once over all nodes: one notification, and every receipt names it."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from random import Random
from typing import Any

import httpx

from tests.cluster.checker import Target, make_token
from tests.cluster.ledger import User
from tests.cluster.listener import FAILURES

__all__ = ["publish_one_key"]

#: Nobody else publishes to this user.
READER = User("11222333000181", "00000000353")
ACCOUNT = {"account_id": READER.account_id, "user_id": READER.user_id}
DEADLINE_S = 90.0
#: The same key is being stored already, or nothing can be stored now.
AGAIN = {409, 503}


async def publish_one_key(target: Target, random: Random, *, count: int) -> float:
    """Publish one key `count` times at once, each at any node until it has a receipt; return how long that took.

    Raises:
        AssertionError: two receipts differ, or some node has it not, twice or otherwise.
    """
    key = f"one-key-{secrets.token_hex(8)}"
    limits = httpx.Limits(max_connections=count)
    async with httpx.AsyncClient(timeout=20, limits=limits) as http, asyncio.timeout(DEADLINE_S):
        cursors = {url: (await _poll(http, target, url, "", key))[1] for url in target.urls}
        began_s = time.monotonic()
        receipts = await asyncio.gather(*(_publish(http, target, random, key) for _ in range(count)))
        took_s = time.monotonic() - began_s
        (receipt,) = set(receipts)
        for url, cursor in cursors.items():
            found = await _read(http, target, url, cursor, key)
            assert [receipt] == found, f"{url} has {found}, and the receipt was {receipt}"
    return took_s


async def _publish(http: httpx.AsyncClient, target: Target, random: Random, key: str) -> tuple[str, str]:
    body = {"type": "stock_alert", "title": key, "message": "m", **ACCOUNT}
    headers = {"authorization": f"Bearer {target.service_key}", "idempotency-key": key}
    while True:
        with contextlib.suppress(*FAILURES):
            url = random.choice(target.urls)
            response = await http.post(f"{url}/api/internal/notify", json=body, headers=headers)
            if response.status_code == 202:
                receipt = response.json()
                return receipt["id"], receipt["cursor"]
            assert response.status_code in AGAIN, response.text
        await asyncio.sleep(random.uniform(0.02, 0.2))


async def _read(http: httpx.AsyncClient, target: Target, url: str, cursor: str, key: str) -> list[tuple[str, str]]:
    """Return each notification of this key at a node, once it is there and nothing follows."""
    found: list[tuple[str, str]] = []
    while True:
        frames, cursor = await _poll(http, target, url, cursor, key)
        found += [(frame["id"], frame["cursor"]) for frame in frames]
        if found and not frames:
            return found
        await asyncio.sleep(0.05)


async def _poll(
    http: httpx.AsyncClient, target: Target, url: str, cursor: str, key: str
) -> tuple[list[dict[str, Any]], str]:
    """Return a page of the reader's notifications of this key, and the cursor that follows it."""
    headers = {"authorization": f"Bearer {make_token(target.jwt_secret, READER)}"}
    while True:
        with contextlib.suppress(*FAILURES):
            response = await http.get(f"{url}/poll", headers=headers, params={"cursor": cursor} if cursor else {})
            if response.status_code == 200:
                page = response.json()
                return [frame for frame in page["frames"] if frame.get("title") == key], page["cursor"]
        await asyncio.sleep(0.1)
