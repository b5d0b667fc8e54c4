"""Tests of hub.auth.service_keys and of what a ServiceGrant allows."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hub.auth.grant import ServiceGrant
from hub.auth.service_keys import ServiceKeys, new_service_key, read_service_keys
from hub.errors import Forbidden, InvalidToken, KeyLimitedToAccounts, SettingsError
from tests.auth.tokens import settings

# Always the same, since they stand in the names of tests, which several processes must agree on.
KEY, OTHER_KEY = "hubk_" + "aB3-" * 10 + "k_9", "hubk_" + "x7_Q" * 10 + "-wE"
DIGEST, OTHER_DIGEST = (hashlib.sha256(key.encode()).hexdigest() for key in (KEY, OTHER_KEY))


def read_file(path: Path, *entries: dict[str, Any]) -> ServiceKeys:
    """Read keys from a file with these entries."""
    path.write_text(json.dumps({"keys": entries}))
    return read_service_keys(settings(service_keys_file=path))


def test_new_key_comes_with_its_hash() -> None:
    """A new key is long, recognisable, never the same, and hashed with plain sha256."""
    key, digest = new_service_key()
    assert key.startswith("hubk_")
    assert 5 + 43 == len(key)
    assert hashlib.sha256(key.encode()).hexdigest() == digest
    assert key != new_service_key()[0]


def test_key_of_the_environment_allows_all_but_everyone() -> None:
    """A key of HUB_SERVICE_KEYS reaches all accounts and types and operations, but not everyone."""
    keys = read_service_keys(settings(service_keys=f"stocktech:{DIGEST}, avadmin:{OTHER_DIGEST.upper()},"))
    grant = keys.verify(KEY)
    assert ("stocktech", "avadmin") == (grant.name, keys.verify(OTHER_KEY).name)
    for operation in ("publish", "stats", "disconnect"):
        grant.require_operation(operation)
    grant.require_account("any")
    grant.require_all_accounts()
    grant.require_type("any")
    with pytest.raises(Forbidden):
        grant.require_everyone()
    assert frozenset({"stocktech", "avadmin"}) == keys.names


def test_key_of_the_file_allows_what_it_says(tmp_path: Path) -> None:
    """A key of the file is held to its accounts, types and operations."""
    grant = read_file(
        tmp_path / "keys.json",
        {"name": "axcell", "sha256": DIGEST, "accounts": ["101"], "types": ["order_created"], "everyone": True},
    ).verify(KEY)
    grant.require_account("101")
    grant.require_type("order_created")
    grant.require_everyone()
    grant.require_operation("publish")
    refusals: list[Callable[[], None]] = [
        lambda: grant.require_account("102"),
        grant.require_all_accounts,
        lambda: grant.require_type("order_updated"),
        lambda: grant.require_operation("stats"),
        lambda: grant.require_operation("disconnect"),
    ]
    for refuse in refusals:
        with pytest.raises(Forbidden):
            refuse()
    # A program tells this one by its code from an operation that is missing.
    with pytest.raises(KeyLimitedToAccounts):
        grant.require_all_accounts()


def test_file_and_environment_work_together(tmp_path: Path) -> None:
    """Keys of both places are known."""
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [{"name": "axcell", "sha256": DIGEST}]}))
    keys = read_service_keys(settings(service_keys=f"stocktech:{OTHER_DIGEST}", service_keys_file=path))
    assert ("axcell", "stocktech") == (keys.verify(KEY).name, keys.verify(OTHER_KEY).name)


def test_two_entries_with_a_name_are_a_rotation(tmp_path: Path) -> None:
    """The old and the new key of a service both work, each with its own grants."""
    keys = read_file(
        tmp_path / "keys.json",
        {"name": "axcell", "sha256": DIGEST, "accounts": []},
        {"name": "axcell", "sha256": OTHER_DIGEST},
    )
    with pytest.raises(Forbidden):
        keys.verify(KEY).require_account("101")
    keys.verify(OTHER_KEY).require_account("101")


@pytest.mark.parametrize(
    "key", ["", "hubk_", KEY[:-1], KEY + "A", KEY.upper(), f" {KEY}", DIGEST, "é" * 20, "\ud800", "k" * 100_000]
)
def test_unknown_key_is_refused(key: str) -> None:
    """What is not exactly a key is refused, the hash of one included."""
    with pytest.raises(InvalidToken):
        read_service_keys(settings(service_keys=f"stocktech:{DIGEST}")).verify(key)


def test_without_keys_nobody_is_a_service() -> None:
    """No configured key means closed, not open."""
    with pytest.raises(InvalidToken):
        read_service_keys(settings()).verify(KEY)


@pytest.mark.parametrize("key", [KEY, OTHER_KEY, "hubk_unknown"])
def test_every_key_costs_the_same_work(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A known first, a known last and an unknown key are each compared with all the hashes, in constant time."""
    keys = read_service_keys(settings(service_keys=f"first:{DIGEST},last:{OTHER_DIGEST}"))
    compared = []
    compare = hmac.compare_digest

    def count(known: bytes, digest: bytes) -> bool:
        compared.append(known)
        return compare(known, digest)

    monkeypatch.setattr(hmac, "compare_digest", count)
    if key == "hubk_unknown":
        with pytest.raises(InvalidToken):
            keys.verify(key)
    else:
        keys.verify(key)
    assert 2 == len(compared)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (DIGEST, "HUB_SERVICE_KEYS: entry 1 has no name before its hash"),
        (f":{DIGEST}", "HUB_SERVICE_KEYS: entry 1 has no usable name"),
        (f"a b:{DIGEST}", "HUB_SERVICE_KEYS: entry 1 has no usable name"),
        (f"a:{OTHER_DIGEST},b:{KEY}", "HUB_SERVICE_KEYS: entry 2 is the key itself"),
        (f"a:{DIGEST[:-1]}", "HUB_SERVICE_KEYS: entry 1 has no sha256"),
        (f"a:{hashlib.sha256(b'').hexdigest()}", "HUB_SERVICE_KEYS: entry 1 is the sha256 of nothing"),
        (f"a:{DIGEST},b:{DIGEST}", "the same hash is there twice"),
    ],
)
def test_unusable_pair_stops_the_start(text: str, problem: str) -> None:
    """An unusable entry is named by its number, and what it holds is not repeated."""
    with pytest.raises(SettingsError, match=problem) as caught:
        read_service_keys(settings(service_keys=text))
    for secret in (KEY, DIGEST[:-1]):
        assert secret not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is not JSON"),
        ("\xff", "is not JSON"),
        ("[]", r"Expected `object`, got `array` \(example: "),
        ("{}", "missing required field `keys`"),
        ('{"keys":[{"name":"a"}]}', "missing required field `sha256`"),
        ('{"keys":[{"name":"a","sha256":"' + DIGEST + '","acounts":["1"]}]}', "unknown field `acounts`"),
        ('{"keys":[{"name":"a","sha256":"' + DIGEST + '","operations":["fly"]}]}', "unknown operation 'fly'"),
        ('{"keys":[{"name":"a","sha256":"' + DIGEST + '","everyone":"yes"}]}', "Expected `bool`"),
        ('{"keys":[{"name":"a","sha256":"x"}]}', "entry 1 has no sha256"),
        ('{"keys":[{"name":"","sha256":"' + DIGEST + '"}]}', "entry 1 has no usable name"),
    ],
)
def test_unusable_file_stops_the_start(text: str, problem: str, tmp_path: Path) -> None:
    """A file that is not as documented is named with its problem; a misspelt field grants nothing by being skipped."""
    path = tmp_path / "keys.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(SettingsError, match=problem) as caught:
        read_service_keys(settings(service_keys_file=path))
    assert "HUB_SERVICE_KEYS_FILE" in str(caught.value)


def test_missing_file_stops_the_start(tmp_path: Path) -> None:
    """A file that is not there is named."""
    with pytest.raises(SettingsError, match=r"HUB_SERVICE_KEYS_FILE: cannot be read \(No such file"):
        read_service_keys(settings(service_keys_file=tmp_path / "keys.json"))


def test_service_grant_shows_no_accounts() -> None:
    """Printing a service's grant gives away no account."""
    grant = ServiceGrant(
        name="a", accounts=frozenset({"101"}), types=None, everyone=False, operations=frozenset({"publish"})
    )
    assert "ServiceGrant(name='a', operations=['publish'])" == repr(grant)


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        ("eyJhbGciOiJIUzI1NiJ9.e30.x", "a user's token was shown"),
        (DIGEST, "the hash of a service key was shown"),
        (KEY[:-1], "was cut or changed"),
        (KEY + "x", "was cut or changed"),
        (OTHER_KEY, "is not one of HUB_SERVICE_KEYS"),
        ("a key of somebody's own making", "is not one of HUB_SERVICE_KEYS"),
    ],
)
def test_reason_says_which_side_is_wrong(shown: str, reason: str) -> None:
    """The operator reads whether a key is unknown here or was damaged on its way; no reason holds any of it."""
    with pytest.raises(InvalidToken) as caught:
        read_service_keys(settings(service_keys=f"stocktech:{DIGEST}")).verify(shown)
    assert reason in (caught.value.reason or "")
    assert shown not in (caught.value.reason or "")


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (KEY, "is the key itself"),
        (f"stocktech:{KEY}", "is the key itself"),
        (DIGEST, "has no name before its hash"),
        ("stocktech", "has no sha256"),
        (f"stocktech:{DIGEST}:x", "has no sha256"),
    ],
)
def test_what_stands_in_the_place_of_a_hash_is_named(entry: str, problem: str) -> None:
    """A key, a hash or a name alone is told for what it is, with the way out, and never shown."""
    with pytest.raises(SettingsError, match=r"^HUB_SERVICE_KEYS: entry 1") as caught:
        read_service_keys(settings(service_keys=entry))
    assert problem in str(caught.value)
    assert "hub key" in str(caught.value)
    assert not [secret for secret in (KEY, DIGEST) if secret in str(caught.value)]


def test_no_key_at_all_stops_the_start(tmp_path: Path) -> None:
    """A file or a list without an entry is told as what it is: nobody could publish to such a hub."""
    with pytest.raises(SettingsError, match="HUB_SERVICE_KEYS_FILE: holds no key, so nobody could publish"):
        read_file(tmp_path / "keys.json")
    with pytest.raises(SettingsError, match="HUB_SERVICE_KEYS: holds no key, so nobody could publish"):
        read_service_keys(settings(service_keys=" , "))
    assert frozenset() == read_service_keys(settings()).names
