"""How the hub names itself to push services: VAPID (RFC 8292), a signed token for each push service.

A browser takes messages only from the key that its subscription was made for. So the key is made once and kept: with
another one every subscription is void.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from hub.errors import SettingsError

__all__ = ["Vapid", "encode_base64url", "make_key_file", "read_key"]

#: At most 24 h (RFC 8292 section 2); some services count with clocks that differ.
LIFETIME_S = 12 * 3600
#: A token is used again until it has this much left.
_LEFT_S = 3600
#: Push services whose token is kept. There are four of note.
_MAX_TOKENS = 64


class Vapid:
    """Signs requests to push services with one key."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, subject: str) -> None:
        """`subject` is the `mailto:` or `https:` address under which a push service reaches the operator."""
        self._key = key
        self._subject = subject
        point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        #: The public key as a browser takes it (`applicationServerKey`), base64url.
        self.public_key = encode_base64url(point)
        # Of the key, so that several hubs with one key name a topic alike, and nobody without it can guess what it is.
        secret = key.private_numbers().private_value.to_bytes(32, "big")
        self._topic_key = hmac.digest(secret, b"notification-hub push topic", "sha256")
        self._tokens: dict[str, tuple[float, str]] = {}

    def authorize(self, origin: str, now_s: float) -> str:
        """Return the `Authorization` of a request to the push service at this origin."""
        expires_at_s, header = self._tokens.get(origin, (0.0, ""))
        if now_s + _LEFT_S >= expires_at_s:
            expires_at_s = now_s + LIFETIME_S
            claims = {"aud": origin, "exp": int(expires_at_s), "sub": self._subject}
            header = f"vapid t={jwt.encode(claims, self._key, 'ES256')}, k={self.public_key}"
            if len(self._tokens) >= _MAX_TOKENS:
                self._tokens.clear()
            self._tokens[origin] = expires_at_s, header
        return header

    def make_topic(self, *names: str) -> str:
        """Return the `Topic` of these names: 32 characters (RFC 8030 section 5.4) that say nothing of them."""
        digest = hmac.digest(self._topic_key, "\x00".join(names).encode(), hashlib.sha256)
        return encode_base64url(digest[:24])


def make_key_file(path: Path) -> str:
    """Make a new key, and a file for it that only its owner can read; return the public key.

    Raises:
        OSError: the file cannot be written, or is there already (`FileExistsError`).
    """
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    return Vapid(key, "").public_key


def read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Return the key that a file holds.

    Raises:
        SettingsError: it cannot be read, others than its owner can read it, or it holds another kind of key.
    """
    name = "HUB_PUSH_KEY_FILE"
    try:
        mode = path.stat().st_mode
        pem = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{name}: the file cannot be read ({error.strerror}); `hub push init` makes one") from None
    if mode & 0o077:
        raise SettingsError(f"{name}: others can read or write the file; give it mode 0600")
    try:
        key = load_pem_private_key(pem, password=None)
    except (TypeError, ValueError):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise SettingsError(f"{name}: the file holds no private key of P-256 in PEM; `hub push init` makes one")
    return key


def encode_base64url(value: bytes) -> str:
    """Return base64url without padding (RFC 4648 section 5)."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
