"""Where the hub is that a command talks to, and how it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpx
import msgspec

from contracts.problem import Problem
from hub.auth.egress import make_egress
from hub.cli.outcome import Refused, Unreachable, Unusable

__all__ = ["accept", "address_of", "ask", "find_url", "open_client", "read_problem"]

DEFAULT_URL = "http://127.0.0.1:8000"
#: How long a command waits for an answer.
ANSWER_S = 15.0


def address_of(host: str, port: int) -> str:
    """Return the URL at which a hub that listens on `host` is reached from the same machine."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # read, not bound
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"


def find_url(given: str | None, environ: Mapping[str, str], kept: str | None = None) -> str:
    """Return the base URL of the hub: the one given, HUB_URL, the one kept by `hub serve --dev`, the default.

    Raises:
        Unusable: it is no http or https URL.
    """
    text = given or environ.get("HUB_URL", "").strip() or kept or DEFAULT_URL
    url = _split(text)
    if url is None or url.scheme not in {"http", "https"} or url.query or url.fragment or "@" in url.netloc:
        example = "https://hub.example.com"
        raise Unusable(f"HUB_URL: is not the http or https URL of a hub (example: {example})")
    return text.rstrip("/")


def open_client(url: str, *, timeout_s: float = ANSWER_S) -> httpx.Client:
    """Return a client for the hub at `url`; it follows no redirect, and no proxy where that makes no sense.

    Raises:
        SettingsError: the environment asks for something that cannot be done; it names the variable.
    """
    return httpx.Client(base_url=url, timeout=timeout_s, **make_egress(url, what="the hub"))


def ask(client: httpx.Client, method: str, path: str, **arguments: Any) -> httpx.Response:
    """Return the hub's answer, whatever it says.

    Raises:
        Unreachable: there is none.
    """
    try:
        return client.request(method, path, **arguments)
    except httpx.HTTPError as error:
        raise Unreachable(f"{client.base_url} cannot be reached: {_words(error)}") from None


def accept(response: httpx.Response) -> httpx.Response:
    """Return the answer if it is a good one.

    Raises:
        Unreachable: the hub failed, or can do nothing at the moment.
        Refused: it said no.
    """
    if response.is_success:
        return response
    raise (Unreachable if response.status_code >= 500 else Refused)(read_problem(response))


def read_problem(response: httpx.Response) -> str:
    """Return in words what an answer that is not a good one says; the response must have been read."""
    try:
        problem = msgspec.json.decode(response.content, type=Problem)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return f"the answer is {response.status_code} and no problem of a hub; is HUB_URL right?"
    words = f"{problem.detail} ({problem.code}"
    if isinstance(problem.field, str):
        words += f", at {problem.field}"
    return words + ")"


def _split(text: str) -> SplitResult | None:
    try:
        url = urlsplit(text)
        return url if url.hostname and url.port != 0 else None
    except ValueError:
        return None


def _words(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    return str(error) or type(error).__name__
