"""Makes tokens, honest and not, without the checks a library for making tokens has."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hub.settings import Settings

NOW_S = 1_800_000_000.0
SECRET = "b7f1c2a9d4e6488fa3150c9d7e2b6a41"
PREVIOUS_SECRET = "9d3e5f7a1b2c4d6e8f0a1b3c5d7e9f10"
EXP = int(NOW_S) + 3600

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def settings(**changes: Any) -> Settings:
    """Return settings with a secret and without leeway, changed as asked."""
    return msgspec.structs.replace(Settings(jwt_secret=SECRET, jwt_leeway_s=0), **changes)


def claims(**changes: Any) -> dict[str, Any]:
    """Return what AvAdmin puts into a token, changed as asked; a claim set to `...` is left out."""
    made = {
        "sub": "00000000001",
        "user_id": "00000000001",
        "account_id": "00000000000101",
        "role": "user",
        "enabled_modules": ["stocktech"],
        "whatsapp_verified": True,
        "cpf": "00000000001",
        "exp": EXP,
    } | changes
    return {name: value for name, value in made.items() if value is not ...}


def encode(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(
    payload: bytes | dict[str, Any],
    *,
    header: bytes | dict[str, Any] | None = None,
    secret: str | bytes = SECRET,
    digest: str = "sha256",
) -> str:
    """Return a token with exactly this payload and header, signed with HMAC whatever the header says."""
    head = {"alg": "HS256", "typ": "JWT"} if header is None else header
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (head, payload)]
    signing_input = ".".join(encode(part) for part in parts)
    key = secret.encode() if isinstance(secret, str) else secret
    return f"{signing_input}.{encode(hmac.new(key, signing_input.encode(), getattr(hashlib, digest)).digest())}"


def sign_with(
    key: PrivateKey, payload: dict[str, Any], algorithm: str, *, headers: dict[str, Any] | None = None
) -> str:
    """Return a token signed with a private key."""
    return jwt.encode(payload, key, algorithm=algorithm, headers=headers)


@functools.cache
def private_key(name: str) -> PrivateKey:
    """Return the private key called `name` (`RS256`, `RS256-other`, `ES384`, ...), the same for the whole run."""
    if name.startswith(("RS", "PS")):
        return rsa.generate_private_key(65537, 1024 if name == "RS1024" else 2048)
    if name.startswith("ES"):
        curves = {"ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}
        return ec.generate_private_key(curves.get(name[:5], ec.SECP256R1()))
    return ed25519.Ed25519PrivateKey.generate()


def public_pem(key: PrivateKey) -> bytes:
    """Return the public half of `key` in PEM."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def jwk(key: PrivateKey, kid: object, **changes: Any) -> dict[str, Any]:
    """Return the public half of `key` as a JWK with this kid, changed as asked."""
    public = key.public_key()
    made: dict[str, Any]
    if isinstance(public, rsa.RSAPublicKey):
        made = jwt.algorithms.RSAAlgorithm.to_jwk(public, as_dict=True)
    elif isinstance(public, ec.EllipticCurvePublicKey):
        made = jwt.algorithms.ECAlgorithm.to_jwk(public, as_dict=True)
    else:
        made = jwt.algorithms.OKPAlgorithm.to_jwk(public, as_dict=True)
    return {name: value for name, value in (made | {"kid": kid, "use": "sig"} | changes).items() if value is not ...}
