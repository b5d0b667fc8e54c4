"""Targets: one string for whom a notification is for, that nobody can forge."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.target import CONTROL, EVERYONE, account_target, is_personal, user_target

#: What the contracts let through as an id, and a little more.
ids = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=40)
unusable = st.sampled_from(["", "\0", "a\x1fb", "\x1f", "a\n", "\r", "\t", "\x7f", "\ud800", "a\udfffb"])


@given(left=st.tuples(ids, ids), right=st.tuples(ids, ids))
def test_users_are_told_apart(left: tuple[str, str], right: tuple[str, str]) -> None:
    """Two users share a target only when account and user are the same."""
    assert (left == right) == (user_target(*left) == user_target(*right))


@given(left=ids, right=ids)
def test_accounts_are_told_apart(left: str, right: str) -> None:
    """Two accounts share a target only when they are the same."""
    assert (left == right) == (account_target(left) == account_target(right))


@given(account=ids, user=ids)
def test_kinds_are_told_apart(account: str, user: str) -> None:
    """A user, an account, everyone and the hub itself are never the same target, whatever the ids."""
    assert 4 == len({EVERYONE, CONTROL, account_target(account), user_target(account, user)})


def test_ids_do_not_run_together() -> None:
    """What looks like a wildcard, a path or another spelling is a character like any other."""
    spelt = [("a", "b c"), ("a b", "c"), ("ab", "c"), ("a", "bc"), ("*", ">"), ("a.b", "c"), ("A", "bc"), ("á", "c")]
    spelt += [("a\u0301", "c"), ("a", "%62c"), ("a", "b/c"), ("u", "e")]
    assert len(spelt) == len({user_target(account, user) for account, user in spelt})


@given(identifier=ids)
def test_targets_can_be_stored(identifier: str) -> None:
    """A target is valid UTF-8, so the log's index takes it."""
    assert user_target(identifier, identifier).encode().decode() == user_target(identifier, identifier)


@given(bad=unusable, good=ids)
def test_unusable_ids(bad: str, good: str) -> None:
    """An empty id, one with a control character or one that is no UTF-8 makes no target."""
    with pytest.raises(ValueError, match="an id is empty or cannot be stored"):
        user_target(bad, good)
    with pytest.raises(ValueError, match="an id is empty or cannot be stored"):
        user_target(good, bad)
    with pytest.raises(ValueError, match="an id is empty or cannot be stored"):
        account_target(bad)


@given(account=ids, user=ids)
def test_personal_is_one_user(account: str, user: str) -> None:
    """An account, everyone, the hub's own records and several users are not personal, whatever the ids are."""
    one = user_target(account, user)
    assert is_personal([one])
    for others in ([account_target(account)], [EVERYONE], [CONTROL], [one, one], [one, EVERYONE], []):
        assert not is_personal(others)


def test_refusal_does_not_repeat_the_id() -> None:
    """An id is personal data: the error does not hold it."""
    with pytest.raises(ValueError, match=r"^an id is empty or cannot be stored$"):
        account_target("12345678901\0")
