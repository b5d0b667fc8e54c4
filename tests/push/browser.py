"""A browser's half of Web Push, and a push service that keeps what it gets: written from the receiver's side.

Decryption follows RFC 8188 and RFC 8291 with HMAC alone, and shares no code with the hub's encryption; `decrypt.mjs` is
a third one, of another author. The signature is checked as RFC 8292 and RFC 7515 say, without a library for tokens.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import os
from collections.abc import AsyncIterator, Callable
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.authority import Authority
from tests.outbound.endpoint import Endpoint, Received, open_endpoint, respond_with

__all__ = ["Browser", "PushService", "decode", "encode", "open_push_service", "read_vapid"]

AUTHORITY = Authority("Test push services")


def encode(value: bytes) -> str:
    """Return base64url as browsers write it."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Return what base64url says."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Browser:
    """One browser that has subscribed at `endpoint`."""

    def __init__(self, endpoint: str, *, key: ec.EllipticCurvePrivateKey | None = None, auth: bytes = b"") -> None:
        self.endpoint = endpoint
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.auth = auth or os.urandom(16)
        self.point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def subscription(self, **changes: object) -> dict[str, Any]:
        """Return what `PushSubscription.toJSON()` gives."""
        keys = {"p256dh": encode(self.point), "auth": encode(self.auth)}
        return {"endpoint": self.endpoint, "expirationTime": None, "keys": keys, **changes}

    def decrypt(self, body: bytes) -> dict[str, Any]:
        """Return the message of a push request."""
        message: dict[str, Any] = json.loads(self.decrypt_bytes(body))
        return message

    def decrypt_bytes(self, body: bytes) -> bytes:
        """Return the content of one record of `aes128gcm`, as the browser does it."""
        salt, record_size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
        sender, record = body[21 : 21 + length], body[21 + length :]
        assert 17 <= len(record) <= record_size
        shared = self.key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender))
        secret = _expand(_mac(self.auth, shared), b"WebPush: info\0" + self.point + sender, 32)
        random = _mac(salt, secret)
        key = _expand(random, b"Content-Encoding: aes128gcm\0", 16)
        nonce = _expand(random, b"Content-Encoding: nonce\0", 12)
        padded = AESGCM(key).decrypt(nonce, record, None).rstrip(b"\0")
        assert padded[-1:] == b"\2", "the delimiter of the last record"
        return padded[:-1]


class PushService:
    """A push service that runs. Each browser has a path of its own."""

    def __init__(self, endpoint: Endpoint, scheme: str) -> None:
        self.endpoint = endpoint
        self.origin = f"{scheme}://127.0.0.1:{endpoint.port}"
        self._browsers: dict[str, Browser] = {}
        #: Says what a request gets; by default each is taken.
        self.status_of: Callable[[Received], int] = lambda _: 201
        self.retry_after = ""

    def subscribe(self, name: str = "") -> Browser:
        """Return another browser."""
        target = f"/push/{name or len(self._browsers)}?token=s%2Fx"
        browser = self._browsers[target] = Browser(self.origin + target)
        return browser

    @property
    def taken(self) -> list[tuple[Browser, dict[str, Any], Received]]:
        """What was taken: for whom, the message, and the request."""
        requests = [request for request in self.endpoint.requests if self.status_of(request) == 201]
        browsers = [self._browsers[request.target] for request in requests]
        return [
            (browser, browser.decrypt(request.body), request)
            for browser, request in zip(browsers, requests, strict=True)
        ]

    async def respond(self, request: Received, writer: asyncio.StreamWriter) -> None:
        """Respond to one request."""
        fields = [f"Retry-After: {self.retry_after}"] if self.retry_after else []
        await respond_with(self.status_of(request), b"", *fields, keep=True)(request, writer)


@contextlib.asynccontextmanager
async def open_push_service(*, tls: bool = True) -> AsyncIterator[PushService]:
    """Run a push service on this machine, by default over TLS with a certificate of `AUTHORITY`."""
    service: PushService

    async def respond(request: Received, writer: asyncio.StreamWriter) -> None:
        await service.respond(request, writer)

    async with open_endpoint(respond, authority=AUTHORITY if tls else None, names=("127.0.0.1",)) as endpoint:
        service = PushService(endpoint, "https" if tls else "http")
        yield service


def read_vapid(authorization: str) -> tuple[str, dict[str, Any]]:
    """Return the public key and the claims of a request, after a check of the signature.

    Raises:
        InvalidSignature: it is another key's.
    """
    scheme, _, parameters = authorization.partition(" ")
    named = dict(part.strip().split("=", 1) for part in parameters.split(","))
    signed, _, signature = named["t"].rpartition(".")
    header, claims = (json.loads(decode(part)) for part in signed.split("."))
    assert ("vapid", {"alg": "ES256", "typ": "JWT"}) == (scheme, header)
    raw = decode(signature)
    assert 64 == len(raw)
    numbers = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decode(named["k"]))
    key.verify(encode_dss_signature(*numbers), signed.encode(), ec.ECDSA(hashes.SHA256()))
    return named["k"], claims


def _mac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def _expand(key: bytes, info: bytes, length: int) -> bytes:
    """Return HKDF's output (RFC 5869) where one block is enough."""
    return _mac(key, info + b"\1")[:length]
