"""Tests of hub.auth.tickets."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.auth.grant import Grant
from hub.auth.tickets import Tickets, looks_like_ticket
from hub.errors import InvalidToken, Overloaded, TokenExpired
from tests.auth.tokens import NOW_S, sign

APP = "https://app.example"
GRANT = Grant(
    user_id="00000000001",
    account_id="00000000000101",
    role="user",
    expires_at_s=NOW_S + 3600,
    issued_at_s=None,
    token_id=None,
    token_digest="d",
)


def test_ticket_is_good_once() -> None:
    """The first redemption gives the grant, the second nothing."""
    tickets = Tickets(ttl_s=30)
    ticket = tickets.issue(GRANT, origin=None, now_s=NOW_S)
    assert GRANT is tickets.redeem(ticket, origin=None, now_s=NOW_S + 29.9)
    with pytest.raises(InvalidToken):
        tickets.redeem(ticket, origin=None, now_s=NOW_S + 29.9)


@pytest.mark.parametrize("at_s", [NOW_S + 30, NOW_S + 86_400, NOW_S - 30])
def test_ticket_is_good_for_its_seconds(at_s: float) -> None:
    """After its time, or with the clock set back by as much, a ticket is worth nothing."""
    tickets = Tickets(ttl_s=30)
    ticket = tickets.issue(GRANT, origin=None, now_s=NOW_S)
    with pytest.raises(InvalidToken):
        tickets.redeem(ticket, origin=None, now_s=at_s)


def test_ticket_ends_though_the_clock_is_set_back() -> None:
    """A clock set back by as much as went by does not make an old ticket young."""
    monotonic_s = 0.0
    tickets = Tickets(ttl_s=30, monotonic=lambda: monotonic_s)
    old = tickets.issue(GRANT, origin=None, now_s=NOW_S)
    monotonic_s = 29.0
    young = tickets.issue(GRANT, origin=None, now_s=NOW_S)
    monotonic_s = 30.0
    with pytest.raises(InvalidToken):
        tickets.redeem(old, origin=None, now_s=NOW_S)
    assert GRANT is tickets.redeem(young, origin=None, now_s=NOW_S)


@pytest.mark.parametrize(
    ("asked_from", "used_from", "good"),
    [
        (APP, APP, True),
        (APP, None, True),
        (None, APP, True),
        (None, None, True),
        (APP, "https://evil.example", False),
        (APP, "null", False),
        (APP, "", False),
        (APP, APP + "/", False),
        (APP, APP.upper(), False),
    ],
)
def test_ticket_is_bound_to_its_origin(asked_from: str | None, used_from: str | None, good: bool) -> None:
    """A ticket asked for by one page is refused from another; no origin at all is a same-origin EventSource."""
    tickets = Tickets(ttl_s=30)
    ticket = tickets.issue(GRANT, origin=asked_from, now_s=NOW_S)
    if good:
        assert GRANT is tickets.redeem(ticket, origin=used_from, now_s=NOW_S)
    else:
        with pytest.raises(InvalidToken):
            tickets.redeem(ticket, origin=used_from, now_s=NOW_S)
        with pytest.raises(InvalidToken):
            tickets.redeem(ticket, origin=asked_from, now_s=NOW_S)


def test_ticket_does_not_outlive_its_token() -> None:
    """A ticket for a token that has expired meanwhile says so."""
    tickets = Tickets(ttl_s=30)
    ticket = tickets.issue(GRANT, origin=None, now_s=NOW_S + 3595)
    with pytest.raises(TokenExpired):
        tickets.redeem(ticket, origin=None, now_s=NOW_S + 3600)


def test_too_many_tickets_are_refused_until_some_expire() -> None:
    """Over the bound there are no new tickets, the old ones stay good, and expired ones make room."""
    tickets = Tickets(ttl_s=30, max_outstanding=2)
    first = tickets.issue(GRANT, origin=None, now_s=NOW_S)
    second = tickets.issue(GRANT, origin=None, now_s=NOW_S + 10)
    with pytest.raises(Overloaded):
        tickets.issue(GRANT, origin=None, now_s=NOW_S + 20)
    assert GRANT is tickets.redeem(second, origin=None, now_s=NOW_S + 20)
    third = tickets.issue(GRANT, origin=None, now_s=NOW_S + 20)
    fourth = tickets.issue(GRANT, origin=None, now_s=NOW_S + 30)
    assert 2 == len(tickets)
    assert GRANT is tickets.redeem(third, origin=None, now_s=NOW_S + 30)
    assert GRANT is tickets.redeem(fourth, origin=None, now_s=NOW_S + 30)
    with pytest.raises(InvalidToken):
        tickets.redeem(first, origin=None, now_s=NOW_S + 30)


def test_tickets_are_unguessable_and_not_kept() -> None:
    """A ticket has 32 random bytes, and the hub's memory holds its digest alone."""
    tickets = Tickets(ttl_s=30)
    made = {tickets.issue(GRANT, origin=None, now_s=NOW_S) for _ in range(100)}
    assert 100 == len(made)
    assert {5 + 43} == {len(ticket) for ticket in made}
    assert not any(ticket in repr(vars(tickets)) or ticket[5:] in repr(vars(tickets)) for ticket in made)


def test_ticket_is_told_from_a_token() -> None:
    """A ticket looks like one, a JWT and a service key do not."""
    assert looks_like_ticket(Tickets(ttl_s=30).issue(GRANT, origin=None, now_s=NOW_S))
    assert not looks_like_ticket(sign({}))
    assert not looks_like_ticket("hubk_abc")


@given(st.text(alphabet=st.characters(codec=None)) | st.text(min_size=43, max_size=43).map("hubt_".__add__))
def test_any_other_text_is_refused(text: str) -> None:
    """Whatever is not an outstanding ticket is InvalidToken."""
    tickets = Tickets(ttl_s=30)
    tickets.issue(GRANT, origin=None, now_s=NOW_S)
    with pytest.raises(InvalidToken):
        tickets.redeem(text, origin=None, now_s=NOW_S)
    assert 1 == len(tickets)


def test_one_user_cannot_take_all_tickets() -> None:
    """A user over their own bound is refused; others are not, and a used ticket makes room."""
    tickets = Tickets(ttl_s=30, max_per_user=2)
    other = msgspec.structs.replace(GRANT, user_id="00000000002")
    held = [tickets.issue(GRANT, origin=None, now_s=NOW_S) for _ in range(2)]
    with pytest.raises(Overloaded):
        tickets.issue(GRANT, origin=None, now_s=NOW_S)
    tickets.issue(other, origin=None, now_s=NOW_S)
    tickets.redeem(held[0], origin=None, now_s=NOW_S)
    tickets.issue(GRANT, origin=None, now_s=NOW_S)
    # Those that expired are nobody's any more.
    assert [tickets.issue(GRANT, origin=None, now_s=NOW_S + 60) for _ in range(2)]
