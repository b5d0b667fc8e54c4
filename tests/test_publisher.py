"""The publisher's own promises: bounded look-ups, whoever's directory it is."""

from __future__ import annotations

import asyncio
import json

import pytest

import hub.publisher
from hub.auth.grant import OPERATIONS, ServiceGrant
from hub.contract import load_contract
from hub.directory.directory import User
from hub.directory.off import TrustingDirectory
from hub.errors import DirectoryUnavailable
from hub.metrics import Metrics
from hub.publisher import Publisher
from hub.subscribers import Subscribers
from hub.target import user_target
from tests.fakes import NOW_S, FakeClock, MemoryLog

SERVICE = ServiceGrant(name="tests", accounts=None, types=None, everyone=True, operations=OPERATIONS)


class SlowDirectory(TrustingDirectory):
    """Counts who is being looked up at once; answers when it is allowed to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.at_once = 0
        self.most_at_once = 0
        self.answers = asyncio.Event()

    async def find_user(self, user_id: str) -> User | None:
        """Answer, in the end."""
        self.asked.append(user_id)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await self.answers.wait()
        self.at_once -= 1
        return User(user_id=user_id, account_id="a1", role="user", active=True, account_status="active")


def make_publisher(directory: SlowDirectory) -> tuple[Publisher, MemoryLog]:
    """Return a publisher over a log in memory."""
    log = MemoryLog(FakeClock())
    publisher = Publisher(
        contract=load_contract(),
        directory=directory,
        log=log,
        subscribers=Subscribers(limit=1, limit_per_user=1),
        metrics=Metrics(started_at_s=NOW_S),
        retention_s=86_400,
        now=lambda: NOW_S,
    )
    return publisher, log


BODY = json.dumps(
    {"type": "stock_alert", "title": "t", "message": "m", "user_ids": [str(number) for number in range(100)]}
).encode()


async def test_many_users_are_looked_up_a_few_at_a_time() -> None:
    """A hundred users without an account: all found, in order, and never more at once than the bound."""
    directory = SlowDirectory()
    directory.answers.set()
    publisher, log = make_publisher(directory)
    await publisher.publish(BODY, SERVICE, None)
    (record,) = await log.read([user_target("a1", "7")], after=0, upto=1, limit=1)
    assert tuple(user_target("a1", str(number)) for number in range(100)) == record.targets
    assert directory.most_at_once <= hub.publisher.LOOK_UPS


async def test_look_ups_of_one_request_have_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory that answers nobody ends the whole request, and nothing was stored."""
    monkeypatch.setattr(hub.publisher, "LOOK_UPS_TIMEOUT_S", 0.05)
    directory = SlowDirectory()
    publisher, log = make_publisher(directory)
    with pytest.raises(DirectoryUnavailable):
        await publisher.publish(BODY, SERVICE, None)
    batch = b'{"notifications":[' + b",".join([BODY] * 3) + b"]}"
    with pytest.raises(DirectoryUnavailable):
        await publisher.publish_batch(batch, SERVICE, None, max_item_bytes=65_536)
    assert 0 == log.head
