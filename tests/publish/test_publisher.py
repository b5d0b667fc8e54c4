"""The publisher's own promises: bounded look-ups, whatever the directory is."""

from __future__ import annotations

import asyncio
import json
import uuid

import pytest

from hub.auth.grant import OPERATIONS, ServiceGrant
from hub.delivery.delivery_counts import DeliveryCounts
from hub.delivery.subscribers import Subscribers
from hub.directory.directory import User
from hub.directory.off import TrustingDirectory
from hub.errors import DirectoryUnavailable
from hub.metrics import Metrics
from hub.publish.publisher import Publisher
from hub.publish.registry import load_type_registry
from hub.target import user_target
from tests.fakes import NOW_S, FakeClock, MemoryLog

SERVICE = ServiceGrant(name="tests", accounts=None, types=None, everyone=True, operations=OPERATIONS)


class SlowDirectory(TrustingDirectory):
    """Counts the users that are looked up at once; responds when it is allowed to."""

    def __init__(self, *, answers_after_s: float = 0) -> None:
        self._answers_after_s = answers_after_s
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
        await asyncio.sleep(self._answers_after_s)
        self.at_once -= 1
        return User(user_id=user_id, account_id="a1", role="user", active=True, account_status="active")


def make_publisher(
    directory: SlowDirectory, *, look_ups: int = 200, look_ups_timeout_s: float = 10
) -> tuple[Publisher, MemoryLog]:
    """Return a publisher over a log in memory."""
    log = MemoryLog(FakeClock())
    publisher = Publisher(
        registry=load_type_registry(["contracts.avelarsys"]),
        directory=directory,
        log=log,
        subscribers=Subscribers(limit=1, limit_per_user=1),
        metrics=Metrics(started_at_s=NOW_S),
        counts=DeliveryCounts(start=0, records=1_000),
        retention_s=86_400,
        look_ups=look_ups,
        look_ups_timeout_s=look_ups_timeout_s,
        now=lambda: NOW_S,
    )
    return publisher, log


BODY = json.dumps(
    {"type": "stock_alert", "title": "t", "message": "m", "user_ids": [str(number) for number in range(500)]}
).encode()


async def test_many_users_are_looked_up_a_few_at_a_time() -> None:
    """Five hundred users without an account: all found, in order, and never more at once than the bound."""
    directory = SlowDirectory()
    directory.answers.set()
    publisher, log = make_publisher(directory, look_ups=7)
    await publisher.publish(BODY, SERVICE, None)
    (record,) = (await log.read([user_target("a1", "7")], after=0, upto=1, limit=1, limit_bytes=1)).records
    assert tuple(user_target("a1", str(number)) for number in range(500)) == record.targets
    assert 7 == directory.most_at_once


async def test_look_ups_of_one_request_have_one_deadline() -> None:
    """A directory that never responds ends the whole request, and nothing is stored."""
    directory = SlowDirectory()
    publisher, log = make_publisher(directory, look_ups_timeout_s=0.05)
    with pytest.raises(DirectoryUnavailable):
        await publisher.publish(BODY, SERVICE, None)
    batch = b'{"notifications":[' + b",".join([BODY] * 3) + b"]}"
    with pytest.raises(DirectoryUnavailable):
        await publisher.publish_batch(batch, SERVICE, None, max_item_bytes=65_536)
    assert 0 == log.head


async def test_a_batch_has_one_deadline_for_all_its_look_ups() -> None:
    """Look-ups that are each in time end the batch where they are too long together, and nothing was stored."""
    directory = SlowDirectory(answers_after_s=0.03)
    directory.answers.set()
    publisher, log = make_publisher(directory, look_ups_timeout_s=0.5)
    one = b'{"type":"stock_alert","title":"t","message":"m","user_id":"7"}'
    batch = b'{"notifications":[' + b",".join([one] * 50) + b"]}"
    with pytest.raises(DirectoryUnavailable):
        await publisher.publish_batch(batch, SERVICE, None, max_item_bytes=65_536)
    assert 1 < len(directory.asked) < 50
    assert 0 == log.head


async def test_a_publish_that_names_the_account_waits_for_no_directory() -> None:
    """A directory that does not answer delays only the requests that need it."""
    directory = SlowDirectory()
    publisher, _ = make_publisher(directory)
    named = b'{"type":"stock_alert","title":"t","message":"m","user_id":"7","account_id":"a1"}'
    async with asyncio.timeout(5):
        await publisher.publish(named, SERVICE, None)
    assert [] == directory.asked


async def test_ids_are_random_uuids() -> None:
    """Of version 4 and the RFC's variant, written as everybody writes them, and no two alike."""
    publisher, _ = make_publisher(SlowDirectory())
    body = b'{"type":"stock_alert","title":"t","message":"m","account_id":"a1"}'
    ids = [(await publisher.publish(body, SERVICE, None)).id for _ in range(600)]
    assert 600 == len(set(ids))
    for text in ids:
        read = uuid.UUID(text)
        assert (text, 4, uuid.RFC_4122) == (str(read), read.version, read.variant)
    # None of the other bits is always the same.
    assert all({text[place] for text in ids} > {"0", "f"} for place in (0, 7, 9, 15, 20, 24, 35))
    assert set("89ab") == {text[19] for text in ids}


async def test_a_user_that_is_remembered_needs_no_look_up() -> None:
    """A publish that names a user alone begins at once where the directory remembers the user, in their account."""

    class Remembering(SlowDirectory):
        def find_user_nowait(self, user_id: str) -> User | None:
            return User(user_id=user_id, account_id="a1", role="user", active=True, account_status="active")

    directory = Remembering()
    publisher, log = make_publisher(directory)
    body = b'{"type":"stock_alert","title":"t","message":"m","user_id":"7"}'
    pending = publisher.begin(body, SERVICE, None)
    assert pending is not None
    await pending.outcome
    assert not pending.finish().duplicate
    bound = ServiceGrant(name="b", accounts=frozenset({"a2"}), types=None, everyone=False, operations=OPERATIONS)
    assert publisher.begin(body, bound, None) is None
    (record,) = (await log.read([user_target("a1", "7")], after=0, upto=1, limit=1, limit_bytes=1)).records
    assert (user_target("a1", "7"),) == record.targets
    assert [] == directory.asked


async def test_a_batch_looks_a_user_up_once() -> None:
    """What the first notification of a batch asks the directory, the others remember."""

    class Learning(SlowDirectory):
        def find_user_nowait(self, user_id: str) -> User | None:
            known = User(user_id=user_id, account_id="a1", role="user", active=True, account_status="active")
            return known if user_id in self.asked else None

    directory = Learning()
    directory.answers.set()
    publisher, log = make_publisher(directory)
    one = b'{"type":"stock_alert","title":"t","message":"m","user_id":"7"}'
    await publisher.publish_batch(
        b'{"notifications":[' + b",".join([one] * 50) + b"]}", SERVICE, None, max_item_bytes=999
    )
    assert (["7"], 50) == (directory.asked, log.head)
