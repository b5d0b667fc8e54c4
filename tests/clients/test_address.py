"""What the Python client sends beside the notification itself: whom it is for, until when, and what it replaces."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from contracts.avelarsys import OrderUpdated
from notification_hub import AsyncHub, Hub
from notification_hub.address import Addressed, encode_addressed
from notification_hub.outbox_table import write_to_outbox, write_to_outbox_async

PUBLISH = [Hub.notify, Hub.enqueue, AsyncHub.notify, AsyncHub.enqueue, write_to_outbox, write_to_outbox_async]


def test_body_has_what_was_given_and_nothing_else() -> None:
    """Every field of `Addressed` arrives under its name in the API, and what the hub adds is taken off."""
    received = OrderUpdated(title="t", message="m", id="i", cursor="c-1", collapse_id="x")
    sent = Addressed(received, user_id="u", account_id="a", ttl_s=60, collapse_key="order-7")
    assert {
        "type": "order_updated",
        "title": "t",
        "message": "m",
        "user_id": "u",
        "account_id": "a",
        "ttl_seconds": 60,
        "collapse_key": "order-7",
    } == msgspec.json.decode(encode_addressed(sent))


@pytest.mark.parametrize("publish", PUBLISH, ids=lambda publish: publish.__qualname__)
def test_every_way_to_publish_takes_all_of_it(publish: Callable[..., Any]) -> None:
    """What one way to publish can say, the others can: sent at once, queued, or written into an outbox table."""
    assert set(Addressed.__struct_fields__) <= inspect.signature(publish).parameters.keys()
