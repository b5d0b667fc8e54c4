"""Where the hub is that a command talks to, and how it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
import msgspec

from contracts.problem import Problem
from hub.auth.egress import make_egress
from hub.cli.support.outcome import Refused, Unreachable, Unusable
from hub.url import split_url

__all__ = [
    "address_of",
    "describe_unreachable",
    "find_url",
    "open_client",
    "read_problem",
    "require_success",
    "send_request",
]

DEFAULT_URL = "http://127.0.0.1:8000"
#: How long a command waits for an answer.
ANSWER_S = 15.0
_FOREIGN = "not a hub's problem"
#: Where to look when the hub's own text is short, since anybody may read that.
_HINTS = {
    401: ": the hub does not know HUB_SERVICE_KEY (its hash stands in the hub's HUB_SERVICE_KEYS; its log says more)",
    404: ": is HUB_URL right?",
}


def address_of(host: str, port: int) -> str:
    """Return the URL at which a hub that listens on `host` is reached from the same machine."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # read, not bound
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"


def find_url(given: str | None, environ: Mapping[str, str], kept: str | None = None) -> str:
    """Return the base URL of the hub: the one given, HUB_URL, the one kept by `hub serve --dev`, the default.

    Raises:
        Unusable: it is not an http or https URL.
    """
    text = (given or "").strip() or environ.get("HUB_URL", "").strip() or kept or DEFAULT_URL
    fault = _find_fault(text)
    if fault is not None:
        name = "HUB_URL (or `--url`)"
        raise Unusable(f"{name}: is not the URL of a hub: {fault} (example: https://hub.example.com)")
    return text.rstrip("/")


def open_client(url: str, *, timeout_s: float = ANSWER_S) -> httpx.Client:
    """Return a client for the hub at `url`; it follows no redirect, and no proxy where that makes no sense.

    Raises:
        SettingsError: the environment asks for something that cannot be done; it names the variable.
    """
    return httpx.Client(base_url=url, timeout=timeout_s, **make_egress(url, what="the hub"))


def send_request(client: httpx.Client, method: str, path: str, **arguments: Any) -> httpx.Response:
    """Send a request and return the response, whatever its status.

    Raises:
        Unreachable: there is none.
    """
    try:
        return client.request(method, path, **arguments)
    except httpx.HTTPError as error:
        raise Unreachable(f"{client.base_url} cannot be reached: {describe_unreachable(error)}") from None


def require_success(response: httpx.Response) -> httpx.Response:
    """Return the response if it is a success.

    Raises:
        Unreachable: the hub failed, or can do nothing at the moment.
        Refused: it said no.
    """
    if response.is_success:
        return response
    words = read_problem(response)
    if _FOREIGN not in words:
        words += _HINTS.get(response.status_code, "")
    raise (Unreachable if response.status_code >= 500 else Refused)(words)


def read_problem(response: httpx.Response) -> str:
    """Return in words what an answer that is not a good one says; the response must have been read."""
    try:
        problem = msgspec.json.decode(response.content, type=Problem)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return f"the answer is {response.status_code} and {_FOREIGN}; is HUB_URL right?"
    words = f"{problem.detail} ({problem.code}"
    if isinstance(problem.field, str):
        words += f", at {problem.field}"
    return words + ")"


def describe_unreachable(error: Exception) -> str:
    """Return in words why no hub was reached, and what to look at."""
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return "no answer in time"
    words = str(error) or type(error).__name__
    if "WRONG_VERSION_NUMBER" in words or "RECORD_LAYER" in words:
        return "what listens there does not speak TLS; is it http:// instead of https://?"
    return f"{words}; does a hub run there? HUB_URL or `--url` says where"


def _find_fault(text: str) -> str | None:
    """Return, in words that do not repeat it, why this cannot be the address of a hub; None if it can."""
    scheme, mark, _ = text.partition("://")
    if not mark:
        return "it does not begin with http:// or https://"
    if scheme.lower() in {"ws", "wss"}:
        return "it is a WebSocket's; the hub's own begins with http:// or https:// and has no /ws"
    if scheme.lower() not in {"http", "https"}:
        return "its scheme is neither http nor https"
    try:
        url = split_url(text)
    except ValueError as error:
        return str(error)
    if "@" in url.netloc:
        return "it holds a user or a password"
    return "it has a query or a fragment" if url.query or url.fragment else None
