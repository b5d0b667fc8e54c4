"""The issuer's server that publishes the keys: one URL of the settings, and what stands on the same host.

Nothing a token says reaches this module. A redirect is followed on the same host and never down to plain http, since
a server that can send the hub elsewhere can make it take other keys.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

import httpx

from hub.auth.egress import make_egress
from hub.auth.key_set import UnusableKeySet, find_keys_url, read_document

__all__ = ["FAILURES", "KeyResponse", "KeyServer", "describe_failure", "is_same_host"]

#: What a fetch that brings nothing of use raises.
FAILURES = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError, ValueError, UnusableKeySet)

_MAX_BYTES = 262_144
_MAX_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PORTS = {"http": 80, "https": 443}
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age=\"?(\d{1,9})", re.ASCII | re.IGNORECASE)


class KeyResponse:
    """What the server published last, and for how long it says that holds (s), if it says so."""

    def __init__(self, document: dict[str, object], max_age_s: float | None) -> None:
        self.document = document
        self.max_age_s = max_age_s


class KeyServer:
    """Fetches the key set, or the one that an issuer's description of itself names on the same host."""

    def __init__(self, url: str, *, timeout_s: float, environ: Mapping[str, str] = os.environ) -> None:
        self._url = httpx.URL(url)
        self._client = httpx.AsyncClient(
            follow_redirects=False, timeout=timeout_s, **make_egress(url, what="HUB_JWKS_URL", environ=environ)
        )
        # By URL: the last body, for a server that answers that nothing has changed (RFC 9110 section 13.1.2).
        self._kept: dict[str, tuple[str, bytes]] = {}

    async def fetch(self) -> KeyResponse:
        """Return what is published now. The caller sees to it that this does not take for ever.

        Raises:
            UnusableKeySet: the answer is of no use; the text says why.
            One of `FAILURES`: there was no answer.
        """
        answer = await self._follow(self._url)
        found = find_keys_url(answer.document)
        if found is None:
            return answer
        url = self._url.join(found)
        if not is_same_host(self._url, url):
            raise UnusableKeySet(
                "HUB_JWKS_URL is an issuer's description (OpenID Connect) whose jwks_uri is on another host:"
                " set HUB_JWKS_URL to that jwks_uri"
            )
        return await self._follow(url)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _follow(self, url: httpx.URL) -> KeyResponse:
        for _ in range(_MAX_REDIRECTS + 1):
            found = await self._get(url)
            if isinstance(found, KeyResponse):
                return found
            target = url.join(found)
            if not is_same_host(url, target):
                raise UnusableKeySet("it redirects to another host, or to plain http: set HUB_JWKS_URL to the last URL")
            url = target
        raise UnusableKeySet(f"it redirects more than {_MAX_REDIRECTS} times")

    async def _get(self, url: httpx.URL) -> KeyResponse | str:
        """Return the answer, or where the server says it is."""
        # Never inflated (`aiter_raw`): the cap on what is read is then the cap on what is kept.
        headers = {"Accept": "application/jwk-set+json, application/json, */*;q=0.1", "Accept-Encoding": "identity"}
        kept = self._kept.get(str(url))
        if kept is not None:
            headers["If-None-Match"] = kept[0]
        async with self._client.stream("GET", url, headers=headers) as response:
            if response.status_code in _REDIRECTS and "location" in response.headers:
                return response.headers["location"]
            if response.status_code == 304 and kept is not None:
                return KeyResponse(read_document(kept[1]), _read_max_age(response.headers))
            if response.status_code != 200:
                raise UnusableKeySet(f"the status is {response.status_code}")
            if response.headers.get("content-encoding", "identity").lower() != "identity":
                raise UnusableKeySet("the answer is compressed, which was not asked for")
            body = bytearray()
            async for chunk in response.aiter_raw(chunk_size=16_384):
                body += chunk
                if len(body) > _MAX_BYTES:
                    raise UnusableKeySet(f"the answer is larger than {_MAX_BYTES} bytes")
        document = read_document(bytes(body))
        if len(self._kept) > _MAX_REDIRECTS:
            self._kept.clear()
        if etag := response.headers.get("etag"):
            self._kept[str(url)] = (etag, bytes(body))
        else:
            self._kept.pop(str(url), None)
        return KeyResponse(document, _read_max_age(response.headers))


def describe_failure(error: BaseException) -> str:
    """Return, in words that follow "the key server", why it could not be asked."""
    text = str(error)
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return "did not answer in time"
    if isinstance(error, UnusableKeySet):
        return f"is of no use: {error}"
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return "has a certificate that is not trusted (SSL_CERT_FILE names other authorities)"
    if "Errno -" in text or "getaddrinfo" in text or "Name or service" in text:
        return "has an unknown host name"
    if isinstance(error, httpx.ConnectError):
        return "refuses connections or cannot be reached"
    return f"cannot be asked ({type(error).__name__})"


def is_same_host(here: httpx.URL, there: httpx.URL) -> bool:
    """Whether `there` is on the server that `here` is on, and reached no less safely."""
    if there.host != here.host or there.scheme not in _PORTS:
        return False
    if here.scheme == "https" and there.scheme != "https":
        return False
    return there.scheme != here.scheme or _port_of(here) == _port_of(there)


def _port_of(url: httpx.URL) -> int:
    return url.port or _PORTS[url.scheme]


def _read_max_age(headers: httpx.Headers) -> float | None:
    match = _MAX_AGE.search(headers.get("cache-control", ""))
    return float(match[1]) if match else None
