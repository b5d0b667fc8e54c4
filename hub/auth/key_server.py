"""The issuer's server that publishes the keys: one URL of the settings, and what stands on the same host.

Nothing a token says reaches this module. A redirect is followed on the same host and never down to plain http, since
who can send the hub elsewhere can make it take other keys.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from hub.auth.key_set import UnusableKeySet, find_keys_url, read_document
from hub.errors import SettingsError

__all__ = ["Answer", "KeyServer", "find_proxy", "is_same_host", "say_failure"]

_MAX_BYTES = 262_144
_MAX_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_PORTS = {"http": 80, "https": 443}
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age=\"?(\d{1,9})", re.ASCII | re.IGNORECASE)

logger = logging.getLogger("hub.auth")


class Answer:
    """What the server published last, and for how long it says that holds (s), if it says so."""

    def __init__(self, document: dict[str, object], max_age_s: float | None) -> None:
        self.document = document
        self.max_age_s = max_age_s


class KeyServer:
    """Fetches the key set, or the one that an issuer's description of itself names on the same host."""

    def __init__(self, url: str, *, timeout_s: float, environ: Mapping[str, str] = os.environ) -> None:
        self._url = httpx.URL(url)
        # Not httpx's own reading of the environment: a proxy it does not know, or an entry of NO_PROXY that it cannot
        # read, is an exception from its constructor, and the hub would not start for a variable it has no use for.
        self._client = httpx.AsyncClient(
            follow_redirects=False,
            timeout=timeout_s,
            trust_env=False,
            proxy=find_proxy(self._url, environ),
            verify=_make_tls_context(environ),
        )
        # By URL: the last body, for a server that answers that nothing has changed (RFC 9110 section 13.1.2).
        self._kept: dict[str, tuple[str, bytes]] = {}

    async def fetch(self) -> Answer:
        """Return what is published now. The caller sees to it that this does not take for ever.

        Raises:
            UnusableKeySet: the answer is of no use; the text says why.
            httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError, ValueError: there was no answer.
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

    async def _follow(self, url: httpx.URL) -> Answer:
        for _ in range(_MAX_REDIRECTS + 1):
            found = await self._get(url)
            if isinstance(found, Answer):
                return found
            target = url.join(found)
            if not is_same_host(url, target):
                raise UnusableKeySet("it redirects to another host, or to plain http: set HUB_JWKS_URL to the last URL")
            url = target
        raise UnusableKeySet(f"it redirects more than {_MAX_REDIRECTS} times")

    async def _get(self, url: httpx.URL) -> Answer | str:
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
                return Answer(read_document(kept[1]), _read_max_age(response.headers))
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
        return Answer(document, _read_max_age(response.headers))


def find_proxy(url: httpx.URL, environ: Mapping[str, str]) -> httpx.Proxy | None:
    """Return the proxy that the environment names for `url`; what is no HTTP proxy is said once and passed over."""
    if url.host in _LOOPBACK or _is_exempt(url, _find(environ, "no_proxy")[1]):
        return None
    name, text = _find(environ, f"{url.scheme}_proxy", "all_proxy")
    if not text:
        return None
    try:
        proxy = httpx.URL(text if "://" in text else f"http://{text}")
        if proxy.scheme in _PORTS and proxy.host:
            return httpx.Proxy(proxy)
    except (httpx.InvalidURL, ValueError):
        pass
    # Without the value: it may hold a password.
    logger.warning("%s is not used: it names no http or https proxy; HUB_JWKS_URL is asked directly", name)
    return None


def _find(environ: Mapping[str, str], *names: str) -> tuple[str, str]:
    for name in names:
        for spelling in (name, name.upper()):
            if text := environ.get(spelling, "").strip():
                return spelling, text
    return "", ""


def _is_exempt(url: httpx.URL, no_proxy: str) -> bool:
    for entry in re.split(r"[,\s]+", no_proxy):
        host = entry.lower()
        # A port may follow, and an IPv6 address may stand in brackets.
        if match := re.fullmatch(r"\[([0-9a-f:.]+)\](?::\d+)?|([^:]+):\d+", host):
            host = match[1] or match[2]
        if host == "*" or (host and (url.host == host.lstrip("*.") or url.host.endswith("." + host.lstrip("*.")))):
            return True
        try:
            if ipaddress.ip_address(url.host) in ipaddress.ip_network(host, strict=False):
                return True
        except ValueError:
            continue
    return False


def _make_tls_context(environ: Mapping[str, str]) -> Any:
    """Return whom to trust: the authorities of SSL_CERT_FILE or SSL_CERT_DIR where they are there, else the usual ones.

    Raises:
        SettingsError: the environment asks for something that cannot be done; it names the variable.
    """
    folder = environ.get("SSL_CERT_DIR")
    try:
        if folder and not environ.get("SSL_CERT_FILE") and not Path(folder).is_dir():
            raise NotADirectoryError("it names no folder")
        return httpx.create_ssl_context()
    except OSError as error:
        unusable = error
    try:
        context = httpx.create_ssl_context(trust_env=False)
    except OSError as error:
        raise SettingsError(f"SSLKEYLOGFILE: cannot be written ({error.strerror}); unset it") from None
    name = "SSL_CERT_FILE" if environ.get("SSL_CERT_FILE") else "SSL_CERT_DIR"
    problem = unusable.strerror or "it names no folder"
    logger.warning("%s is not used (%s): HUB_JWKS_URL is asked with the usual authorities", name, problem)
    return context


def say_failure(error: BaseException) -> str:
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
