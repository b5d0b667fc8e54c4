"""What a node drops of a user whom the log has erased."""

from __future__ import annotations

from unittest.mock import Mock

import msgspec
import pytest

from contracts.request import ForgetRequest
from hub.delivery.erasures import Erasures
from hub.delivery.subscribers import Subscribers
from hub.inbox.forgetting import Forgetter
from hub.log.port import Erased
from hub.target import Target, user_target
from tests.fakes import FakeClock, FakeLink, MemoryLog, make_subscriber

USER = user_target("a1", "u1")
NOTHING = Erased(persons=(), records=0, shared=0, states=0, keys=0, final=True)
ALL = msgspec.structs.replace(NOTHING, persons=(USER,), records=1, ids={USER: ("n1",)})


class _ErasingLog(MemoryLog):
    """Tells of these erasures while it carries out one, of which `outcome` comes."""

    told: tuple[Erased, ...] = ()
    outcome = ALL
    forgetter: Forgetter

    async def erase(self, user_id: str, account_id: str | None) -> Erased:
        for erased in self.told:
            self.forgetter.drop(user_id, account_id, erased)
        return self.outcome


@pytest.mark.parametrize(
    ("told", "outcome"),
    [((), ALL), ((ALL,), ALL), ((ALL, NOTHING), NOTHING)],
    ids=["a hub alone", "of several nodes", "another was asked first"],
)
async def test_a_user_is_dropped_once(told: tuple[Erased, ...], outcome: Erased) -> None:
    """Whichever node was asked first, what is held of the user goes, and the page that is open is told what has gone
    before it ends; the receipt counts it."""
    log, subscribers, forgotten = _ErasingLog(FakeClock()), Subscribers(limit=9, limit_per_user=9), []
    page = make_subscriber(speaks_hub_v1=True)
    subscribers.add(page)

    class Holder:
        def forget_person(self, person: Target) -> None:
            forgotten.append(person)

    log.told, log.outcome = told, outcome
    log.forgetter = Forgetter(
        log=log,
        directory=Mock(),
        subscribers=subscribers,
        ends=Mock(end_slow=subscribers.remove),
        erasures=Erasures(),
        also=[Holder()],
        now=FakeClock(),
    )
    receipt = await log.forgetter.forget(ForgetRequest(user_id="u1"))
    assert (1, outcome.records) == (receipt.connections, receipt.records)
    assert [USER] == forgotten
    assert isinstance(page.link, FakeLink)
    (said,) = page.link.said
    assert "n1" in str(said)
