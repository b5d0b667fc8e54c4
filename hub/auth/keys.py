"""The keys tokens are verified with, and which key fits which algorithm.

One algorithm, from the settings and never from the token (RFC 8725 section 3.1), so a key can only
ever be used as what it is.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from hub.errors import SettingsError
from hub.settings import Settings, secret_problem

__all__ = ["Key", "Keys", "StaticKeys", "key_problem", "read_static_keys"]

logger = logging.getLogger("hub.auth")

Key: TypeAlias = bytes | RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey

#: RFC 7518 section 3.3.
_MIN_RSA_BITS = 2048
#: RFC 7518 section 3.2: a key as long as the hash's output, or longer.
_MIN_SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
_CURVES = {"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1"}


class Keys(Protocol):
    """Where the verifier gets its keys, each of them found to fit the algorithm when it was read.

    They are not prepared again: PyJWT's algorithm takes them as they are.
    """

    @property
    def by_kid(self) -> bool:
        """Whether there may be newer keys elsewhere, and a token's `kid` says which one it means."""

    @property
    def version(self) -> int:
        """Another number after every change of keys; what was verified before it must be verified again."""

    def begin(self, now_s: float) -> None:
        """Begin to fetch the keys, so that the first token finds them; nobody waits for it."""

    def refresh_if_due(self, now_s: float) -> None:
        """Begin to fetch the keys again if they have grown old; nobody waits for it."""

    def candidates(self, kid: str | None) -> Sequence[Key]:
        """Return the keys to try for a token with this `kid` (None: without one), in order."""

    async def join(self, now_s: float) -> bool:
        """Wait for a fetch that is under way; False if there is none.

        Raises:
            KeysUnavailable: it failed, or takes too long.
        """

    async def renew(self, now_s: float) -> bool:
        """Wait for a fetch that begins after this call; False where nothing is ever fetched.

        Raises:
            KeysUnavailable: it failed, takes too long, or others wait for so many that there is no room.
        """

    async def close(self) -> None:
        """Close the connections and end the tasks."""


class StaticKeys:
    """Keys that stay the same as long as the process runs: a secret and the one before it, or a PEM key."""

    by_kid = False
    version = 0

    def __init__(self, keys: Sequence[Key]) -> None:
        self._keys = tuple(keys)

    def begin(self, now_s: float) -> None:
        """Do nothing: nothing is fetched."""

    def refresh_if_due(self, now_s: float) -> None:
        """Do nothing: nothing is fetched."""

    def candidates(self, kid: str | None) -> Sequence[Key]:
        """Return every key, the current one first, whatever `kid` says."""
        return self._keys

    async def join(self, now_s: float) -> bool:
        """Return False: nothing is fetched."""
        return False

    async def renew(self, now_s: float) -> bool:
        """Return False: nothing is fetched."""
        return False

    async def close(self) -> None:
        """Do nothing; there is nothing open."""


def read_static_keys(settings: Settings) -> StaticKeys:
    """Return the secrets (HS) or the public key (RS, PS, ES, EdDSA) that the settings name.

    Raises:
        SettingsError: a secret or key is missing, too short, or not of the algorithm's kind.
    """
    if settings.jwt_algorithm.startswith("HS"):
        secrets = [_read_secret("JWT_SECRET", settings.jwt_secret, settings.jwt_algorithm)]
        if settings.jwt_secret_previous:
            if problem := secret_problem(settings.jwt_secret_previous):
                logger.warning(
                    "JWT_SECRET_PREVIOUS %s: everybody who knows it can impersonate any user until it is unset", problem
                )
            secrets.append(_prepare_secret("JWT_SECRET_PREVIOUS", settings.jwt_secret_previous, settings.jwt_algorithm))
        return StaticKeys(secrets)
    if settings.jwt_public_key_file is None:
        raise SettingsError("HUB_JWT_PUBLIC_KEY_FILE: is missing (example: /etc/hub/jwt.pem)")
    return StaticKeys([_read_public_key(settings.jwt_public_key_file, settings.jwt_algorithm)])


def key_problem(key: object, algorithm: str) -> str | None:
    """Return why `key` cannot verify `algorithm`, in words that follow "the key", or None if it can."""
    if algorithm.startswith(("RS", "PS")):
        if not isinstance(key, RSAPublicKey):
            return f"is not an RSA public key, which {algorithm} needs"
        if key.key_size < _MIN_RSA_BITS:
            return f"has fewer than {_MIN_RSA_BITS} bits (RFC 7518 section 3.3)"
    elif algorithm.startswith("ES"):
        if not isinstance(key, EllipticCurvePublicKey) or key.curve.name != _CURVES[algorithm]:
            return f"is not a public key on the curve {_CURVES[algorithm]}, which {algorithm} needs"
    elif not isinstance(key, Ed25519PublicKey):
        return f"is not an Ed25519 public key, which {algorithm} needs"
    return None


def _read_secret(variable: str, secret: str, algorithm: str) -> bytes:
    if not secret:
        raise SettingsError(f"{variable}: is missing (example: {variable}=$(openssl rand -hex 32))")
    encoded = secret.encode()
    if len(encoded) < _MIN_SECRET_BYTES[algorithm]:
        least = _MIN_SECRET_BYTES[algorithm]
        raise SettingsError(
            f"{variable}: is shorter than {least} bytes, which {algorithm} needs (RFC 7518 section 3.2)"
        )
    return _prepare_secret(variable, secret, algorithm)


def _prepare_secret(variable: str, secret: str, algorithm: str) -> bytes:
    # RFC 2104 section 2: HMAC fills a short secret up with zeros, so this is the same secret; PyJWT wants it long.
    encoded = secret.encode().ljust(_MIN_SECRET_BYTES[algorithm], b"\0")
    try:
        # PyJWT refuses a public key as a secret only when a token comes in; here it stops the start.
        jwt.get_algorithm_by_name(algorithm).prepare_key(encoded)
    except jwt.InvalidKeyError:
        raise SettingsError(f"{variable}: is a public key or a certificate, not a secret") from None
    return encoded


def _read_public_key(path: Path, algorithm: str) -> Key:
    try:
        key = load_pem_public_key(path.read_bytes())
    except OSError as error:
        raise SettingsError(
            f"HUB_JWT_PUBLIC_KEY_FILE: cannot be read ({error.strerror}); it is a file that the hub's user may read"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        problem = "holds no public key in PEM (it begins with -----BEGIN PUBLIC KEY-----)"
        raise SettingsError(f"HUB_JWT_PUBLIC_KEY_FILE: {problem}") from None
    misfit = key_problem(key, algorithm)
    if misfit is not None:
        raise SettingsError(f"HUB_JWT_PUBLIC_KEY_FILE: the key {misfit}")
    assert isinstance(key, RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey)
    return key
