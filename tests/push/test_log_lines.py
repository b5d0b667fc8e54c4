"""The lines of Web Push that an operator looks for: each one provoked, and as the page on log lines has it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from hub.errors import StorageUnavailable
from hub.push.sender import Sender
from hub.push.subscriptions import Subscriptions
from tests.harness import ACCOUNT, USER, run_hub
from tests.operator_lines import Lines, check_lines
from tests.push.browser import PushService
from tests.push.harness import OTHER, make_push_settings, subscribe, wait_outcomes

#: Every event of Web Push; `tests/test_operator_log.py` compares them with the code and the page.
PUSH_EVENTS = {
    *("push_refused", "push_given_up", "push_too_many", "push_failed", "push_swept", "push_not_swept"),
}


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Lines:
    """The lines from level info on."""
    caplog.set_level(logging.INFO, logger="hub")
    return Lines(caplog)


async def test_each_line_is_written(
    tmp_path: Path, service: PushService, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal, a message that is given up, too many users, a fault of ours, and subscriptions that have ended."""
    statuses = iter((403, 500))
    service.status_of = lambda _: next(statuses)
    settings = make_push_settings(tmp_path, push_waiting=0, push_users=1, push_sweep_s=0.05)
    async with run_hub(tmp_path / "hub", **settings) as hub:
        await subscribe(hub, service.subscribe())
        await subscribe(hub, service.subscribe(), user_id=OTHER)
        await hub.publish(type="order_created")
        await wait_outcomes(hub, refused=1)
        await hub.publish(type="order_created")
        await wait_outcomes(hub, refused=1, given_up=1)

        async def fail(*_: Any, **__: Any) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(Sender, "send", fail)
        await hub.publish(type="order_created", account_id=ACCOUNT)
        await wait_outcomes(hub, refused=1, given_up=1, failed=1)
        await hub.post("/api/internal/disconnect", {"user_id": USER, "account_id": ACCOUNT, "revoke": True})
        assert {"count": 1} == await lines.wait("push_swept")

        async def refuse(*_: Any) -> None:
            raise StorageUnavailable

        monkeypatch.setattr(Subscriptions, "sweep", refuse)
        await lines.wait("push_not_swept")
    check_lines(lines, PUSH_EVENTS, ids=(OTHER, service.origin, "/push/"))
