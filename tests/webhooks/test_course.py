"""The course of a webhook, without a clock."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from hub.bounds import Bounds
from hub.log.port import Entry
from hub.target import user_target
from hub.webhooks.course import GIVE_UP_S, begin_attempt, end_attempt, repeat
from hub.webhooks.webhook import WEBHOOKS, Webhook, make_webhook_id, put_webhook, read_due_key, read_webhook

TARGET = user_target("a", "u")
BOUNDS = Bounds()


def make() -> Webhook:
    """Return a webhook that is due at once."""
    return Webhook(
        id=make_webhook_id("notification.unconfirmed", "n", TARGET),
        event="notification.unconfirmed",
        service="shop",
        notification_id="n",
        target=TARGET,
        position=7,
        body="{}",
        created_s=1000.0,
        begun_s=1000.0,
        due_ms=1_000_000,
    )


@given(st.integers(0, 2**32), st.sampled_from([500, 301, 404, 429, "timeout", "name"]))
def test_tried_for_a_day(seed: int, outcome: int | str) -> None:
    """One that is never taken is tried for a day and not longer, at most every four hours, and is then dead."""
    webhook, now_s, draw = make(), 1000.0, random.Random(seed).random
    while webhook.state == "waiting":
        webhook = begin_attempt(webhook, now_s=now_s, claim_s=60.0)
        assert round(now_s * 1000 + 60_000) == webhook.due_ms
        webhook = end_attempt(webhook, outcome, now_s=now_s, bounds=BOUNDS, random=draw)
        assert webhook.attempts < 500
        if webhook.state == "waiting":
            before_s, now_s = now_s, webhook.due_ms / 1000
            assert before_s - 0.001 <= now_s <= min(before_s + 14_401, 1000.0 + GIVE_UP_S + 1)
    assert now_s >= 1000.0 + GIVE_UP_S - 1
    assert (str(outcome), "dead") == (webhook.last[-1].outcome, webhook.state)
    assert len(webhook.last) <= 30


def test_taken() -> None:
    """A status of 2xx delivers it, and its body is not kept."""
    webhook = end_attempt(
        begin_attempt(make(), now_s=1.0, claim_s=60.0), 204, now_s=2.0, bounds=BOUNDS, random=lambda: 0.5
    )
    assert ("delivered", "", 1) == (webhook.state, webhook.body, webhook.attempts)


def test_gone_and_repeated() -> None:
    """410 ends it at once; repeated, it has a day again, under its id."""
    dead = end_attempt(
        begin_attempt(make(), now_s=1.0, claim_s=60.0), 410, now_s=2.0, bounds=BOUNDS, random=lambda: 0.5
    )
    assert ("dead", "{}") == (dead.state, dead.body)
    again = repeat(dead, now_s=500_000.0)
    assert ("waiting", 500_000_000, dead.id, 0) == (again.state, again.due_ms, again.id, again.failures)
    failed = end_attempt(
        begin_attempt(again, now_s=500_000.0, claim_s=60.0), 500, now_s=500_001.0, bounds=BOUNDS, random=lambda: 0.5
    )
    assert "waiting" == failed.state


def test_retry_after() -> None:
    """A Retry-After is heeded, up to an hour."""
    tried = begin_attempt(make(), now_s=1000.0, claim_s=60.0)
    delays = [
        end_attempt(tried, 429, now_s=1000.0, retry_after_s=after_s, bounds=BOUNDS, random=lambda: 0.0).due_ms / 1000
        - 1000
        for after_s in (None, 120.0, 1e9)
    ]
    assert [0.0, 120.0, 3600.0] == delays


def test_rows() -> None:
    """A webhook is read as it was written, and each change of its state leaves one row where it is looked for."""
    rows: dict[tuple[str, str], bytes] = {}
    before = None
    waiting = make()
    tried = begin_attempt(waiting, now_s=1000.0, claim_s=60.0)
    dead = end_attempt(tried, 410, now_s=1001.0, bounds=BOUNDS, random=lambda: 0.0)
    again = repeat(dead, now_s=2000.0)
    taken = end_attempt(
        begin_attempt(again, now_s=2000.0, claim_s=60.0), 200, now_s=2001.0, bounds=BOUNDS, random=lambda: 0.0
    )
    places = []
    for webhook in (waiting, tried, dead, again, begin_attempt(again, now_s=2000.0, claim_s=60.0), taken):
        for change in put_webhook(webhook, before):
            rows.pop((change.owner, change.key), None)
            if change.value is not None:
                rows[change.owner, change.key] = change.value
        before = webhook
        assert webhook == read_webhook(Entry(WEBHOOKS, webhook.id, rows[WEBHOOKS, webhook.id], 1))
        places.append(sorted(owner for owner, _ in rows if owner not in {WEBHOOKS, "webhook-service"}))
    assert [
        ["webhook-due:shop"],
        ["webhook-due:shop"],
        ["webhook-dead:shop"],
        *[["webhook-due:shop"]] * 2,
        [],
    ] == places


def test_ids() -> None:
    """An event of a notification and a user has one id, and another one has another."""
    ids = {
        make_webhook_id(event, notification, target)
        for event in ("notification.unconfirmed", "notification.confirmed")
        for notification in ("n", "m")
        for target in (TARGET, user_target("a", "v"))
        for _ in range(2)
    }
    assert 8 == len(ids)
    assert (12, "msg_x") == read_due_key("000000000000012msg_x")
