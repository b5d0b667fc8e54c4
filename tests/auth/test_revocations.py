"""Tests of hub.auth.revocations."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.auth.grant import Claims
from hub.auth.revocations import Revocation, Revocations

WEEK_S = 604_800


def grant(**changes: Any) -> Claims:
    """Return the claims of user 1 in account 101 issued at 1000, changed as asked."""
    made = {"user_id": "1", "account_id": "101", "role": "user", "expires_at_s": 9000.0, "issued_at_s": 1000.0}
    return msgspec.convert(made | {"token_id": "j", "token_digest": "d"} | changes, Claims)


def revoke(names: dict[str, str], *, at_s: float = 2000, until_s: float = 10_000) -> Revocations:
    """Return a list with one revocation."""
    revocations = Revocations(max_lifetime_s=WEEK_S, leeway_s=0)
    revocations.add(Revocation(at_s=at_s, until_s=until_s, **names), now_s=at_s)
    return revocations


@pytest.mark.parametrize(
    ("names", "others"),
    [
        ({"token_digest": "d"}, {"token_digest": "e"}),
        ({"token_id": "j"}, {"token_id": "k"}),
        ({"token_id": "j"}, {"token_id": None}),
        ({"account_id": "101", "user_id": "1"}, {"user_id": "2"}),
        ({"account_id": "101", "user_id": "1"}, {"account_id": "102"}),
        ({"account_id": "101", "user_id": "1"}, {"account_id": None}),
        ({"account_id": "101"}, {"account_id": "102"}),
        ({"account_id": "101"}, {"account_id": None}),
        ({"user_id": "1"}, {"user_id": "2"}),
        ({"user_id": "1"}, {"user_id": "101"}),
    ],
)
def test_revocation_meets_its_own_and_nobody_else(names: dict[str, str], others: dict[str, Any]) -> None:
    """Each kind of revocation refuses the tokens it names and no others."""
    revocations = revoke(names)
    assert revocations.is_revoked(grant(), 3000)
    assert not revocations.is_revoked(grant(**others), 3000)


def test_user_alone_is_revoked_in_every_account() -> None:
    """A revocation of a user without an account holds wherever they are."""
    assert revoke({"user_id": "1"}).is_revoked(grant(account_id="102"), 3000)


@pytest.mark.parametrize("names", [{"user_id": "1"}, {"account_id": "101"}, {"account_id": "101", "user_id": "1"}])
def test_token_issued_later_is_good(names: dict[str, str]) -> None:
    """A user or account may come back with a token issued at the time of the revocation or after it."""
    revocations = revoke(names)
    assert revocations.is_revoked(grant(issued_at_s=1999.9), 3000)
    assert not revocations.is_revoked(grant(issued_at_s=2000.0), 3000)


@pytest.mark.parametrize("names", [{"token_digest": "d"}, {"token_id": "j"}])
def test_token_itself_is_revoked_whenever_issued(names: dict[str, str]) -> None:
    """A revoked token does not become good by what it claims about its age."""
    assert revoke(names).is_revoked(grant(issued_at_s=2500.0), 3000)


def test_token_without_iat_is_dated_by_its_expiry() -> None:
    """A token without `iat` counts as issued one longest lifetime before its `exp`, the leeway not counted."""
    revocations = Revocations(max_lifetime_s=500, leeway_s=10)
    revocations.add(Revocation(at_s=2000, until_s=3000, user_id="1"), now_s=2000)
    old = grant(issued_at_s=None, expires_at_s=1999.0 + 500 + 10)
    new = grant(issued_at_s=None, expires_at_s=2000.0 + 500 + 10)
    assert [True, False] == [revocations.is_revoked(each, 2100) for each in (old, new)]


def test_revocation_ends_and_is_forgotten() -> None:
    """From `until_s` on a revocation holds nobody up, and once that much time went by it takes no memory."""
    monotonic_s = 0.0
    revocations = Revocations(max_lifetime_s=WEEK_S, leeway_s=0, monotonic=lambda: monotonic_s)
    revocations.add(Revocation(at_s=2000, until_s=5000, user_id="1"), now_s=2000)
    assert revocations.is_revoked(grant(), 4999.9)
    assert not revocations.is_revoked(grant(), 5000)
    monotonic_s = 3000.0
    revocations.add(Revocation(at_s=5000, until_s=6000, user_id="2"), now_s=5000)
    assert 1 == len(revocations)


@pytest.mark.parametrize("others", range(3))
def test_revocation_outlives_a_clock_that_jumps(others: int) -> None:
    """With the clock a month ahead nothing is forgotten, so that it holds when the clock is back."""
    monotonic_s = 0.0
    revocations = Revocations(max_lifetime_s=WEEK_S, leeway_s=0, monotonic=lambda: monotonic_s)
    revocations.add(Revocation(at_s=2000, until_s=2000 + WEEK_S, user_id="1"), now_s=2000)
    ahead_s = 2000 + 30 * 86_400.0
    for number in range(others):
        monotonic_s += 100
        revocations.add(Revocation(at_s=ahead_s, until_s=ahead_s + WEEK_S, user_id=f"x{number}"), now_s=ahead_s)
    assert not revocations.is_revoked(grant(), ahead_s)
    assert revocations.is_revoked(grant(), 3000)


def test_revocation_is_read_from_the_log_though_the_clock_is_ahead() -> None:
    """A hub that starts while the clock is wrong holds what was revoked, for when it is right again."""
    revocations = Revocations(max_lifetime_s=WEEK_S, leeway_s=0)
    revocations.add(Revocation(at_s=2000, until_s=9000, user_id="1"), now_s=2000 + 30 * 86_400)
    assert revocations.is_revoked(grant(), 3000)


def test_later_revocation_of_the_same_user_widens_the_first() -> None:
    """Two revocations of one user, in any order, refuse what either refuses, for as long as either does."""
    for order in ([(1500, 9000), (2000, 8000)], [(2000, 8000), (1500, 9000)]):
        revocations = Revocations(max_lifetime_s=WEEK_S, leeway_s=0)
        for at_s, until_s in order:
            revocations.add(Revocation(at_s=at_s, until_s=until_s, user_id="1"), now_s=1000)
        assert revocations.is_revoked(grant(issued_at_s=1999.0), 8999)
        revocations.add(Revocation(at_s=8500, until_s=9500, user_id="2"), now_s=8500)
        assert 2 == len(revocations)


@pytest.mark.parametrize(
    "names",
    [
        {},
        {"token_digest": "d", "token_id": "j"},
        {"token_digest": "d", "user_id": "1"},
        {"token_id": "j", "account_id": "101"},
        {"token_id": "j", "account_id": "101", "user_id": "1"},
    ],
)
def test_revocation_of_nothing_or_of_two_things_is_none(names: dict[str, str]) -> None:
    """A revocation that does not name exactly one thing cannot be made, nor read from a log."""
    with pytest.raises(ValueError, match="exactly one"):
        Revocation(at_s=1, until_s=2, **names)
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode({"at_s": 1, "until_s": 2} | names), type=Revocation)


@pytest.mark.parametrize("names", [{"token_digest": "d"}, {"token_id": "j"}, {"account_id": "a", "user_id": "u"}])
def test_revocation_survives_the_log(names: dict[str, str]) -> None:
    """What is written to the log is read back equal, and shows no ids when printed."""
    revocation = Revocation(at_s=1, until_s=2, **names)
    assert revocation == msgspec.json.decode(msgspec.json.encode(revocation), type=Revocation)
    assert "Revocation(at_s=1, until_s=2)" == repr(revocation)


IDS = st.sampled_from(["1", "2", "101"])
NAMES = st.one_of(
    st.fixed_dictionaries({"token_digest": IDS}),
    st.fixed_dictionaries({"token_id": IDS}),
    st.fixed_dictionaries({"account_id": IDS}),
    st.fixed_dictionaries({"user_id": IDS}),
    st.fixed_dictionaries({"account_id": IDS, "user_id": IDS}),
)
TIMES = st.integers(0, 100).map(float)


@given(
    st.lists(st.tuples(NAMES, TIMES, TIMES)),
    st.fixed_dictionaries(
        {"user_id": IDS, "account_id": st.none() | IDS, "token_id": st.none() | IDS, "token_digest": IDS}
    ),
    TIMES,
    st.permutations([0.0, 25.0, 50.0]),
)
def test_list_agrees_with_asking_every_revocation(
    made: list[tuple[dict[str, str], float, float]], fields: dict[str, Any], issued_at_s: float, clock: list[float]
) -> None:
    """The indexed list refuses each token that one of the revocations would, whatever the clock did."""
    holder = grant(issued_at_s=issued_at_s, **fields)
    revocations = Revocations(max_lifetime_s=WEEK_S, leeway_s=0)
    for number, (names, at_s, until_s) in enumerate(made):
        revocations.add(Revocation(at_s=at_s, until_s=until_s, **names), now_s=min(clock[number % 3], 50.0))
    now_s = 50.0
    expected = any(
        all(fields[name] == value for name, value in names.items())
        and now_s < until_s
        and (issued_at_s < at_s or "token_id" in names or "token_digest" in names)
        for names, at_s, until_s in made
    )
    # Merging the same name keeps the widest of both ends, so the list may refuse more, never less.
    assert expected <= revocations.is_revoked(holder, now_s)
    if len({str(names) for names, _, _ in made}) == len(made):
        assert expected == revocations.is_revoked(holder, now_s)


@given(st.floats(0, 1e9), st.floats(0, 1e6), st.floats(0, 300))
def test_end_outlives_every_token_issued_before(at_s: float, age_s: float, leeway_s: float) -> None:
    """No token that could be taken when a user was revoked is alive when the revocation ends."""
    revocations = Revocations(max_lifetime_s=WEEK_S, leeway_s=leeway_s)
    latest_exp_s = min(at_s, at_s - age_s + leeway_s) + WEEK_S + leeway_s
    assert latest_exp_s + leeway_s <= revocations.end_s(at_s)
