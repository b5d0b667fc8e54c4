"""Public keys fetched from one fixed URL (a JWKS, RFC 7517), refreshed by the hour.

What a token says never leads to a fetch of its own: unknown kids share one fetch a minute, redirects
are not followed, and a failing or hostile server leaves the last good keys in place
(CVE-2026-48524: a fetch for every unknown kid, and a cache wiped by one error).
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from typing import Any

import httpx
import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from hub.auth.keys import Key, key_problem
from hub.errors import KeysUnavailable

__all__ = ["KID", "JwksKeys"]

#: A kid is a dictionary key and nothing else; no path, no query, no SQL gets this far.
KID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)

_REFRESH_S = 3600.0
_COOL_DOWN_S = 60.0
#: Without a single key nobody can connect, so the issuer is asked sooner.
_EMPTY_COOL_DOWN_S = 5.0
_TIMEOUT_S = 3.0
_MAX_BYTES = 262_144
_MAX_KEYS = 100

logger = logging.getLogger(__name__)


class _Document(msgspec.Struct):
    keys: list[dict[str, Any]]


class _Unusable(Exception):
    """The answer is no JWKS; the text says why and holds nothing of the answer."""


class JwksKeys:
    """The keys behind a JWKS URL, by kid.

    Owns at most one task, the fetch under way; `close` ends it.
    """

    by_kid = True

    def __init__(self, url: str, algorithm: str) -> None:
        self._url = url
        self._algorithm = algorithm
        self._keys: dict[str, Key] = {}
        self._raw_keys: list[dict[str, Any]] = []
        self._version = 0
        # Both are Unix time; before the first fetch neither binds.
        self._fetched_at_s = float("-inf")
        self._tried_at_s = float("-inf")
        self._flight: asyncio.Task[None] | None = None
        self._client = httpx.AsyncClient(follow_redirects=False, timeout=_TIMEOUT_S)

    @property
    def version(self) -> int:
        """Counts the changes of the key set; unchanged when a fetch brought the same keys."""
        return self._version

    def is_due(self, now_s: float) -> bool:
        """Whether the keys are older than an hour and the cool-down after the last try is over."""
        return not _within(self._fetched_at_s, now_s, _REFRESH_S) and self._may_fetch(now_s)

    async def find(self, kid: str | None, *, now_s: float) -> Sequence[Key]:
        """Return the key with this kid, fetching the set first when it is due or the kid is unknown.

        Waits at most 3 s. Callers that know their kid do not wait for a fetch somebody else started.

        Raises:
            KeysUnavailable: no fetch has succeeded yet.
        """
        known = kid is not None and kid in self._keys
        if self._flight is None and (self.is_due(now_s) or (not known and self._may_fetch(now_s))):
            self._tried_at_s = now_s
            self._flight = asyncio.create_task(self._fetch(now_s), name="jwks")
            self._flight.add_done_callback(self._land)
            known = False
        if self._flight is not None and not known:
            # Shielded: a client that hangs up must not cancel the fetch others wait for.
            await asyncio.shield(self._flight)
        if not self._keys:
            raise KeysUnavailable(retry_after_s=int(_EMPTY_COOL_DOWN_S))
        return [self._keys[kid]] if kid is not None and kid in self._keys else []

    async def close(self) -> None:
        """End the fetch under way and close the connections."""
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.wait({self._flight})
        await self._client.aclose()

    def _may_fetch(self, now_s: float) -> bool:
        return not _within(self._tried_at_s, now_s, _COOL_DOWN_S if self._keys else _EMPTY_COOL_DOWN_S)

    def _land(self, flight: asyncio.Task[None]) -> None:
        self._flight = None

    async def _fetch(self, now_s: float) -> None:
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                raw_keys = await self._download()
            keys = _usable_keys(raw_keys, self._algorithm)
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError, ValueError) as error:
            logger.warning("the JWKS cannot be fetched (%s); %d keys are kept", type(error).__name__, len(self._keys))
            return
        except _Unusable as error:
            logger.warning("the JWKS cannot be used: %s; %d keys are kept", error, len(self._keys))
            return
        self._fetched_at_s = now_s
        if raw_keys != self._raw_keys:
            self._keys, self._raw_keys = keys, raw_keys
            self._version += 1

    async def _download(self) -> list[dict[str, Any]]:
        # Never inflated (`aiter_raw`): the cap on what is read is then the cap on what is kept.
        headers = {"Accept": "application/jwk-set+json, application/json", "Accept-Encoding": "identity"}
        async with self._client.stream("GET", self._url, headers=headers) as response:
            if response.status_code != 200:
                raise _Unusable(f"the status is {response.status_code}")
            body = bytearray()
            async for chunk in response.aiter_raw(chunk_size=16_384):
                body += chunk
                if len(body) > _MAX_BYTES:
                    raise _Unusable(f"the body is larger than {_MAX_BYTES} bytes")
        try:
            document = msgspec.json.decode(bytes(body), type=_Document)
        except (ValueError, RecursionError):
            raise _Unusable("the body is not a key set (RFC 7517 section 5)") from None
        if len(document.keys) > _MAX_KEYS:
            raise _Unusable(f"it holds more than {_MAX_KEYS} keys")
        return document.keys


def _within(then_s: float, now_s: float, span_s: float) -> bool:
    # A clock set back must not make `then` count for longer than the span.
    return then_s <= now_s < then_s + span_s


def _usable_keys(raw_keys: list[dict[str, Any]], algorithm: str) -> dict[str, Key]:
    keys: dict[str, Key] = {}
    for raw in raw_keys:
        kid = raw.get("kid")
        key = _read_key(raw, algorithm)
        if isinstance(kid, str) and KID.fullmatch(kid) and kid not in keys and key is not None:
            keys[kid] = key
    if not keys:
        raise _Unusable(f"none of its {len(raw_keys)} keys has a kid and fits {algorithm}")
    return keys


def _read_key(raw: dict[str, Any], algorithm: str) -> Key | None:
    kinds = {"R": "RSA", "E": "EC"} if algorithm != "EdDSA" else {"E": "OKP"}
    stated = raw.get("alg", algorithm) == algorithm and raw.get("use", "sig") == "sig"
    operations = raw.get("key_ops", ["verify"])
    verifies = isinstance(operations, list) and "verify" in operations
    if raw.get("kty") != kinds[algorithm[0]] or not stated or not verifies:
        return None
    try:
        key = jwt.PyJWK.from_dict(raw, algorithm=algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    # Also a private key: one that somebody published is nobody's alone any more.
    if key_problem(key, algorithm) is not None:
        return None
    assert isinstance(key, RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey)
    return key
