"""NATS's decentralized accounts, made as `nsc` makes them: an operator, accounts, users, and the `.creds` of a user.

A server is configured with the operator's JWT and those of its accounts; who has a user's JWT and the key that it names
gets in. The forms are those of NATS's JWT version 2.
"""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

__all__ = ["Account", "NatsKey", "Operator"]

_SEED = 18 << 3
_KINDS = {"operator": 14 << 3, "account": 0, "user": 20 << 3}
_UNLIMITED = {
    **dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf"), -1),
    "wildcards": True,
}
_STORAGE = {"mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1}


class NatsKey:
    """An Ed25519 key as NATS writes it."""

    def __init__(self, kind: str) -> None:
        self._kind = _KINDS[kind]
        self._key = Ed25519PrivateKey.generate()
        public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        #: What names it.
        self.public = _encode(bytes([self._kind]) + public)

    @property
    def seed(self) -> str:
        """The secret."""
        raw = self._key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        return _encode(bytes([_SEED | self._kind >> 5, (self._kind & 31) << 3]) + raw)

    def sign(self, name: str, subject: str, kind: str, claims: Mapping[str, Any], *, expires_at_s: int = 0) -> str:
        """Return a JWT that says these claims about the key `subject`."""
        body = {
            "jti": name,
            "iat": int(time.time()),
            "iss": self.public,
            "name": name,
            "sub": subject,
            "nats": {**claims, "type": kind, "version": 2},
            **({"exp": expires_at_s} if expires_at_s else {}),
        }
        head = {"typ": "JWT", "alg": "ed25519-nkey"}
        signed = ".".join(_base64(json.dumps(part).encode()) for part in (head, body))
        return f"{signed}.{_base64(self._key.sign(signed.encode()))}"


class Account:
    """An account; `stores`: it may use JetStream."""

    def __init__(self, name: str, operator: NatsKey, *, stores: bool) -> None:
        self._key = NatsKey("account")
        self.public = self._key.public
        limits = {**_UNLIMITED, **(_STORAGE if stores else {})}
        self.jwt = operator.sign(name, self.public, "account", {"limits": limits, "default_permissions": {}})

    def write_credentials(self, path: Path, *, expires_at_s: int = 0) -> Path:
        """Write the file of a new user, and return its path."""
        user = NatsKey("user")
        limits = {"subs": -1, "data": -1, "payload": -1}
        jwt = self._key.sign("hub", user.public, "user", limits, expires_at_s=expires_at_s)
        path.write_text(
            f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
            "************************* IMPORTANT *************************\n"
            "NKEY Seed printed below can be used to sign and prove identity.\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{user.seed}\n------END USER NKEY SEED------\n"
        )
        return path


class Operator:
    """An operator with an account of the system's."""

    def __init__(self) -> None:
        self._key = NatsKey("operator")
        self._system = self.make_account("SYS", stores=False)
        self._jwt = self._key.sign("test", self._key.public, "operator", {"system_account": self._system.public})

    def make_account(self, name: str, *, stores: bool = True) -> Account:
        """Return a new account of this operator."""
        return Account(name, self._key, stores=stores)

    def configure(self, *accounts: Account) -> dict[str, Any]:
        """Return the part of a server's configuration that lets these accounts in."""
        return {
            "operator": self._jwt,
            "system_account": self._system.public,
            "resolver": "MEMORY",
            "resolver_preload": {account.public: account.jwt for account in (self._system, *accounts)},
        }


def _encode(content: bytes) -> str:
    """Return base32 with NATS's checksum (CRC-16/XMODEM, low byte first)."""
    checksum = binascii.crc_hqx(content, 0).to_bytes(2, "little")
    return base64.b32encode(content + checksum).decode().rstrip("=")


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
