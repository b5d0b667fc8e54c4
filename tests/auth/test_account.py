"""Tests of hub.directory.admit and hub.directory.off: who may connect, and in which account."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.auth.account import ADMITTED_STATUSES, admit, admit_nowait
from hub.auth.grant import VIRTUAL_ACCOUNT_ID, Claims, Grant
from hub.directory.cached import CachedDirectory
from hub.directory.demo import DEMO_USERS
from hub.directory.directory import User
from hub.directory.off import TrustingDirectory
from hub.directory.sql import SqlDirectory
from hub.errors import AccountInactive, HubError, UserNotAllowed


def grant(user_id: str, account_id: str | None, role: str = "user") -> Claims:
    """Return the claims of a token of this user, as the verifier reads them."""
    kind: type[Claims] = Claims if account_id is None else Grant
    return kind(
        user_id=user_id,
        account_id=account_id,
        role=role,
        expires_at_s=9000,
        issued_at_s=None,
        token_id=None,
        token_digest="d",
    )


class OneUser(TrustingDirectory):
    """A directory with one user, remembered or not."""

    trusts_claims = False

    def __init__(self, user: User, *, remembered: bool = False) -> None:
        self._user = user
        self._remembered = remembered

    def find_user_nowait(self, user_id: str) -> User | None:
        return self._user if self._remembered and user_id == self._user.user_id else None

    async def find_user(self, user_id: str) -> User | None:
        return self._user if user_id == self._user.user_id else None


def user(**changes: Any) -> User:
    """Return an active user of the active account 101, changed as asked."""
    made = {"user_id": "1", "account_id": "101", "role": "user", "active": True, "account_status": "active"}
    return msgspec.convert(made | changes, User)


async def test_grant_that_says_what_holds_is_returned_as_it_is() -> None:
    """Ten connections with one token keep one grant, not ten."""
    made = grant("1", "101")
    assert made is await admit(made, OneUser(user()))


async def test_active_user_of_the_account_is_admitted() -> None:
    """Who exists, is active and belongs to the token's account gets in as who they are."""
    assert grant("1", "101") == await admit(grant("1", "101"), OneUser(user()))


async def test_account_of_the_directory_fills_the_tokens_gap() -> None:
    """A token without an account gets the one the directory knows."""
    assert "101" == (await admit(grant("1", None), OneUser(user()))).account_id


@pytest.mark.parametrize("status", sorted(ADMITTED_STATUSES))
async def test_account_in_order_is_admitted(status: str) -> None:
    """An account that is active, on trial or pending is in order."""
    assert "101" == (await admit(grant("1", "101"), OneUser(user(account_status=status)))).account_id


@pytest.mark.parametrize("status", ["suspended", "cancelled", "ACTIVE", "", "active ", "blocked", None])
async def test_account_in_any_other_state_is_refused(status: str | None) -> None:
    """Every other status, one that the hub never heard of and a missing account included, is refused."""
    with pytest.raises(AccountInactive):
        await admit(grant("1", "101"), OneUser(user(account_status=status)))


@pytest.mark.parametrize(
    ("claimed", "known"),
    [
        (grant("1", "101"), user(active=False)),
        (grant("1", "102"), user()),
        (grant("1", VIRTUAL_ACCOUNT_ID), user()),
        (grant("1", None), user(account_id=None, account_status=None)),
        (grant("1", VIRTUAL_ACCOUNT_ID), user(account_id=None, account_status=None)),
        (grant("1", "101", "super_admin"), user(account_id=None, account_status=None)),
        (grant("1", None, "super_admin"), user(account_id=None, account_status=None)),
        (grant("1", "101"), user(account_id=None, account_status=None, role="super_admin")),
        (grant("1", "102", "super_admin"), user(role="super_admin")),
    ],
    ids=[
        "inactive", "another account", "the virtual account claimed", "no account anywhere",
        "no account, the virtual one claimed", "account lost", "no super_admin any more",
        "super_admin with a made-up account", "super_admin in somebody else's account",
    ],
)  # fmt: skip
async def test_user_who_does_not_belong_is_refused(claimed: Grant, known: User) -> None:
    """Inactive users, those of another account and those without any are refused with the same words."""
    with pytest.raises(UserNotAllowed, match="This user may not connect"):
        await admit(claimed, OneUser(known))
    with pytest.raises(UserNotAllowed, match="This user may not connect"):
        admit_nowait(claimed, OneUser(known, remembered=True))


async def test_unknown_user_is_refused_with_the_same_words() -> None:
    """Whether a user exists cannot be told from the refusal; without waiting it is not decided."""
    with pytest.raises(UserNotAllowed, match="This user may not connect"):
        await admit(grant("2", "101"), OneUser(user()))
    assert admit_nowait(grant("2", "101"), OneUser(user(), remembered=True)) is None


@pytest.mark.parametrize("claimed", [None, VIRTUAL_ACCOUNT_ID])
async def test_super_admin_without_account_gets_the_virtual_one(claimed: str | None) -> None:
    """A super_admin of no account is admitted into the virtual account, whether the token says it or not."""
    directory = OneUser(user(account_id=None, account_status=None, role="super_admin"))
    admitted = await admit(grant("1", claimed, "super_admin"), directory)
    assert VIRTUAL_ACCOUNT_ID == admitted.account_id


async def test_role_is_the_directorys() -> None:
    """A role that changed since the token was issued holds at once."""
    assert "viewer" == (await admit(grant("1", "101", "admin"), OneUser(user(role="viewer")))).role


async def test_nowait_admits_who_is_remembered() -> None:
    """For a remembered user the answer is the same without waiting; for another it is None."""
    assert grant("1", "101") == admit_nowait(grant("1", "101"), OneUser(user(), remembered=True))
    assert admit_nowait(grant("1", "101"), OneUser(user())) is None


async def test_without_a_directory_claims_are_trusted() -> None:
    """With `off` the token's account and role are taken, and a super_admin still gets the virtual account."""
    off = TrustingDirectory()
    assert grant("1", "101") == await admit(grant("1", "101"), off)
    assert grant("1", "101") == admit_nowait(grant("1", "101"), off)
    assert VIRTUAL_ACCOUNT_ID == (await admit(grant("1", None, "super_admin"), off)).account_id
    with pytest.raises(UserNotAllowed):
        await admit(grant("1", None), off)


async def test_without_a_directory_nobody_is_known() -> None:
    """With `off` no user can be found, and nothing is ever down."""
    off = TrustingDirectory()
    assert (None, None) == (off.find_user_nowait("1"), await off.find_user("1"))
    assert (None, {}) == (await off.find_user_anew("1"), await off.find_users(["1"]))
    off.forget(user_id="1")
    await off.check()
    await off.close()


async def test_demo_users_are_as_described(directory: SqlDirectory) -> None:
    """Over both databases, exactly the users of whom the demo says so are refused."""
    cached = CachedDirectory(directory, ttl_s=60, now=lambda: 0.0)
    for demo in DEMO_USERS:
        claimed = grant(demo.user_id, demo.account_id, demo.role)
        try:
            admitted = await admit(claimed, cached)
        except HubError as error:
            assert demo.about.startswith("is refused"), demo.about
            with pytest.raises(type(error)):
                admit_nowait(claimed, cached)
        else:
            assert not demo.about.startswith("is refused"), demo.about
            assert (demo.account_id or VIRTUAL_ACCOUNT_ID) == admitted.account_id
            assert admitted == admit_nowait(claimed, cached)


IDS = st.sampled_from(["1", "101", "102", VIRTUAL_ACCOUNT_ID])
ROLES = st.sampled_from(["user", "super_admin"])


@given(st.none() | IDS, ROLES, st.none() | IDS, ROLES, st.booleans(), st.sampled_from(["active", "suspended"]))
async def test_nobody_gets_into_an_account_the_directory_does_not_say(
    claimed: str | None, claimed_role: str, account_id: str | None, role: str, active: bool, status: str
) -> None:
    """Whatever a token claims, an admitted user is active and in the directory's account with its role."""
    known = user(account_id=account_id, role=role, active=active, account_status=status if account_id else None)
    try:
        admitted = await admit(grant("1", claimed, claimed_role), OneUser(known))
    except (UserNotAllowed, AccountInactive):
        return
    assert active
    assert admitted.account_id == (account_id or VIRTUAL_ACCOUNT_ID)
    assert account_id is not None or role == "super_admin"
    assert account_id is None or status == "active"
    assert claimed in {None, admitted.account_id}
    assert role == admitted.role
