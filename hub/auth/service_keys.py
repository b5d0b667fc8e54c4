"""The keys of services: who may publish, to whom and what.

The hub keeps only hashes. A key is 32 random bytes, so one plain sha256 is enough: there is nothing
to guess, and a slow hash on every publish would be the hub's own denial of service.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from pathlib import Path

import msgspec

from hub.auth.grant import OPERATIONS, OPERATIONS_BY_DEFAULT, ServiceGrant
from hub.errors import InvalidToken, SettingsError
from hub.settings import Settings

__all__ = ["KeyEntry", "KeyFile", "ServiceKeys", "WebhookEntry", "new_service_key", "read_service_keys"]

_PREFIX = "hubk_"
_MAX_KEY_BYTES = 256
_KEY = re.compile(r"hubk_[A-Za-z0-9_-]{43}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
_EXAMPLE = '{"keys": [{"name": …, "sha256": …}]}'
#: What `sha256sum` prints of nothing: the hash of a variable that was empty.
_EMPTY_SHA256 = hashlib.sha256(b"").digest()


class WebhookEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a service is told of what became of its notifications; `hub.webhooks.endpoint` checks it.

    `secret` is `whsec_` and 24 to 64 bytes in base64, as the Standard Webhooks specification has it. `allow_private`:
    the URL may lead to a private address or, with http, to this machine.
    """

    url: str
    secret: str
    events: list[str] = msgspec.field(default_factory=lambda: ["notification.unconfirmed"])
    allow_private: bool = False

    def __repr__(self) -> str:
        # A URL may be a secret, too.
        return f"WebhookEntry(events={self.events!r})"


class KeyEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One key in the file of `HUB_SERVICE_KEYS_FILE`.

    `accounts` and `types` left out or null: all of them; `operations` left out: publish alone. Two entries
    with the same name are a rotation: both keys work, each with the grants of its own entry; their webhooks have one
    URL, and requests are signed with the secret of each.
    """

    name: str
    sha256: str
    accounts: list[str] | None = None
    types: list[str] | None = None
    everyone: bool = False
    operations: list[str] = msgspec.field(default_factory=lambda: ["publish"])
    webhook: WebhookEntry | None = None


class KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file of `HUB_SERVICE_KEYS_FILE`; unknown fields are refused, so that a misspelt one grants nothing."""

    keys: list[KeyEntry]


class ServiceKeys:
    """Which service has which key."""

    def __init__(
        self, grants: list[tuple[bytes, ServiceGrant]], webhooks: Sequence[tuple[str, str, WebhookEntry]] = ()
    ) -> None:
        """Take the hash and the grant of each key, and of each webhook where it is written and whose it is."""
        self._grants = tuple(grants)
        self.webhooks = tuple(webhooks)

    @property
    def names(self) -> frozenset[str]:
        """The names of all services that have a key."""
        return frozenset(grant.name for _, grant in self._grants)

    def find_grant(self, name: str) -> ServiceGrant | None:
        """Return what the service `name` may do, by its last entry where it has several; None if it has no key."""
        return next((grant for _, grant in reversed(self._grants) if grant.name == name), None)

    def verify(self, key: str) -> ServiceGrant:
        """Return what `key` allows.

        The work is the same for a known and an unknown key, and for a first or last byte that differs.

        Raises:
            InvalidToken: no service has this key.
        """
        if not 0 < len(key) <= _MAX_KEY_BYTES or not key.isascii():
            raise InvalidToken(reason=_find_fault(key))
        digest = hashlib.sha256(key.encode()).digest()
        found: ServiceGrant | None = None
        for known, grant in self._grants:
            if hmac.compare_digest(known, digest):
                found = grant
        if found is None:
            raise InvalidToken(reason=_find_fault(key))
        return found


def _find_fault(key: str) -> str:
    if key.startswith("eyJ"):
        return "a user's token was shown where a service key is asked for"
    if _SHA256.fullmatch(key):
        return "the hash of a service key was shown, and the key itself is asked for (`hub key` prints both)"
    if key.startswith(_PREFIX) and _KEY.fullmatch(key) is None:
        return "the service key was cut or changed on its way (`hub key` makes them 48 characters long)"
    return "the service key is not one of HUB_SERVICE_KEYS or HUB_SERVICE_KEYS_FILE"


def new_service_key() -> tuple[str, str]:
    """Return a new key and its sha256 in hex, which is what the settings hold."""
    key = _PREFIX + secrets.token_urlsafe(32)
    return key, hashlib.sha256(key.encode()).hexdigest()


def read_service_keys(settings: Settings) -> ServiceKeys:
    """Return the keys of `HUB_SERVICE_KEYS` and of the file of `HUB_SERVICE_KEYS_FILE` together.

    Raises:
        SettingsError: naming the variable and the entry, never a hash.
    """
    grants = _read_pairs(settings.service_keys)
    webhooks: list[tuple[str, str, WebhookEntry]] = []
    if settings.service_keys_file is not None:
        entries = _read_file(settings.service_keys_file)
        grants += [_read_entry(where, entry) for where, entry in entries]
        webhooks = [(where, entry.name, entry.webhook) for where, entry in entries if entry.webhook is not None]
    if not grants and (settings.service_keys or settings.service_keys_file):
        variable = "HUB_SERVICE_KEYS_FILE" if settings.service_keys_file else "HUB_SERVICE_KEYS"
        raise SettingsError(f"{variable}: holds no key, so nobody could publish (make one with `hub key NAME`)")
    digests = [digest for digest, _ in grants]
    if len(set(digests)) != len(digests):
        raise SettingsError("HUB_SERVICE_KEYS: the same hash is there twice, so its grants would be ambiguous")
    return ServiceKeys(grants, webhooks)


def _read_pairs(text: str) -> list[tuple[bytes, ServiceGrant]]:
    grants = []
    for number, pair in enumerate(filter(None, (part.strip() for part in text.split(","))), start=1):
        name, _, sha256 = pair.partition(":")
        where = f"HUB_SERVICE_KEYS: entry {number}"
        if not sha256 and _SHA256.fullmatch(name):
            raise SettingsError(f"{where} has no name before its hash (name:sha256hex, as `hub key NAME` prints it)")
        # A key alone stands where its name would.
        sha256 = sha256 or name
        grant = ServiceGrant(
            name=_checked_name(where, name), accounts=None, types=None, everyone=False, operations=OPERATIONS_BY_DEFAULT
        )
        grants.append((_checked_digest(where, sha256), grant))
    return grants


def _read_file(path: Path) -> list[tuple[str, KeyEntry]]:
    variable = "HUB_SERVICE_KEYS_FILE"
    try:
        file = msgspec.json.decode(path.read_bytes(), type=KeyFile)
    except OSError as error:
        raise SettingsError(
            f"{variable}: cannot be read ({error.strerror}); it is a JSON file that the hub's user may read"
        ) from None
    except msgspec.ValidationError as error:
        raise SettingsError(f"{variable}: is not a file of keys: {error} (example: {_EXAMPLE})") from None
    except (ValueError, RecursionError):
        raise SettingsError(f"{variable}: is not JSON (example: {_EXAMPLE})") from None
    return [(f"{variable}: entry {number}", entry) for number, entry in enumerate(file.keys, start=1)]


def _read_entry(where: str, entry: KeyEntry) -> tuple[bytes, ServiceGrant]:
    unknown = sorted(set(entry.operations) - OPERATIONS)
    if unknown:
        known = ", ".join(sorted(OPERATIONS))
        raise SettingsError(f"{where} has the unknown operation {unknown[0]!r} (there are: {known})")
    grant = ServiceGrant(
        name=_checked_name(where, entry.name),
        accounts=None if entry.accounts is None else frozenset(entry.accounts),
        types=None if entry.types is None else frozenset(entry.types),
        everyone=entry.everyone,
        operations=frozenset(entry.operations),
    )
    return _checked_digest(where, entry.sha256), grant


def _checked_name(where: str, name: str) -> str:
    # The name stands in logs and metrics, so it is a short plain word.
    if _NAME.fullmatch(name) is None:
        raise SettingsError(f"{where} has no usable name (example: shop:9f86d0…)")
    return name


def _checked_digest(where: str, sha256: str) -> bytes:
    if sha256.startswith(_PREFIX):
        raise SettingsError(f"{where} is the key itself, and the hub takes its sha256 (`hub key NAME` prints both)")
    if _SHA256.fullmatch(sha256) is None:
        raise SettingsError(f"{where} has no sha256 in 64 hex digits (make one with `hub key`)")
    digest = bytes.fromhex(sha256)
    if digest == _EMPTY_SHA256:
        raise SettingsError(f"{where} is the sha256 of nothing (make one with `hub key`)")
    return digest
