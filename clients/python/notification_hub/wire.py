"""The hub's operations as values: what to send, and how to read what comes back. No I/O."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Generic, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from contracts.explanation import Explanation
from contracts.health import Liveness, Readiness
from contracts.problem import Problem
from contracts.receipt import BatchReceipt, DisconnectReceipt, ForgetReceipt, Receipt, Ticket
from contracts.request import DisconnectRequest, ForgetRequest
from contracts.signal import Signal, SignalReceipt
from contracts.stats import Stats
from contracts.trace import Trace
from notification_hub.address import Addressed, encode_addressed
from notification_hub.failure import HubRefused, HubUnreachable
from notification_hub.retry import read_retry_after_s

__all__ = [
    "Call",
    "check_address",
    "check_credential",
    "describe_batch",
    "describe_disconnect",
    "describe_encoded",
    "describe_encoded_batch",
    "describe_explain",
    "describe_forget",
    "describe_live",
    "describe_publish",
    "describe_ready",
    "describe_signal",
    "describe_stats",
    "describe_ticket",
    "describe_trace",
    "new_idempotency_key",
    "read_problem",
    "read_response",
]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

#: What the hub adds to a signal.
_OF_THE_HUB = ("timestamp", "missed")
_SENDABLE = re.compile(r"[!-~]+")
_IDEMPOTENCY_KEY = re.compile(r"[!-~]([ -~]{0,253}[!-~])?")


class Call(Generic[T_co]):
    """One request, the same at every attempt, and the type of its response.

    `also_accepts` is a status besides 2xx whose body is of that type.
    """

    def __init__(
        self,
        method: str,
        path: str,
        response: type[T_co],
        *,
        body: bytes | None = None,
        idempotency_key: str | None = None,
        bearer: str | None = None,
        also_accepts: int = 0,
    ) -> None:
        self.method = method
        self.path = path
        self.response = response
        self.body = body
        self.also_accepts = also_accepts
        self._bearer = bearer
        self._idempotency_key = idempotency_key

    def headers(self, key: str) -> dict[str, str]:
        """Return the headers of a request by the service with this key."""
        headers = {"accept": "application/json", "authorization": f"Bearer {self._bearer or key}"}
        if self.body is not None:
            headers["content-type"] = "application/json"
        if self._idempotency_key is not None:
            headers["idempotency-key"] = self._idempotency_key
        return headers


def check_address(url: str) -> str:
    """Return the hub's address without a slash at its end.

    Raises:
        ValueError: it is not a valid address; the text does not repeat it.
    """
    # A variable of the environment that is missing is None, whatever the types say.
    url = (url or "").strip()
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is not a number, an unclosed [
        usable = False
    if not usable or "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("url: is not the address of a hub (example: https://hub.example.com)")
    return url.rstrip("/")


def check_credential(credential: str) -> str:
    """Return a key or token that is valid in a header; the HTTP library's error would quote one that is not.

    Raises:
        ValueError: it is not valid; the text does not repeat it.
    """
    if _SENDABLE.fullmatch(credential or "") is None:
        raise ValueError("key: is not a service key (example: hubk_...)")
    return credential


def new_idempotency_key() -> str:
    """Return a key that no request has had."""
    return str(uuid.uuid4())


def describe_publish(addressed: Addressed, idempotency_key: str) -> Call[Receipt]:
    """Return the request that publishes one notification.

    Raises:
        TypeError, ValueError: the notification cannot be written as JSON, or the key is not valid.
    """
    return describe_encoded(encode_addressed(addressed), idempotency_key)


def describe_encoded(body: bytes, idempotency_key: str) -> Call[Receipt]:
    """Return the request that publishes one notification whose body was written before.

    Raises:
        ValueError: the key is not 1 to 255 printable ASCII characters.
    """
    _check_idempotency_key(idempotency_key)
    return Call("POST", "/api/internal/notify", Receipt, body=body, idempotency_key=idempotency_key)


def describe_batch(batch: Sequence[Addressed], idempotency_key: str) -> Call[BatchReceipt]:
    """Return the request that publishes up to 1,000; raises as `describe_publish` does."""
    return describe_encoded_batch([encode_addressed(addressed) for addressed in batch], idempotency_key)


def describe_encoded_batch(bodies: Sequence[bytes], idempotency_key: str) -> Call[BatchReceipt]:
    """Return the request that publishes several whose bodies were written before; raises as `describe_encoded` does."""
    _check_idempotency_key(idempotency_key)
    body = b'{"notifications":[%b]}' % b",".join(bodies)
    return Call("POST", "/api/internal/notify/batch", BatchReceipt, body=body, idempotency_key=idempotency_key)


def _check_idempotency_key(key: str) -> None:
    if _IDEMPOTENCY_KEY.fullmatch(key) is None:
        raise ValueError("idempotency_key: is not 1 to 255 printable ASCII characters")


def describe_signal(
    signal: Signal,
    *,
    user_id: str | None,
    account_id: str | None,
    user_ids: Sequence[str] | None,
    everyone: bool,
    collapse_key: str | None,
) -> Call[SignalReceipt]:
    """Return the request that sends a signal.

    Raises:
        TypeError, ValueError: the signal cannot be written as JSON.
    """
    body = msgspec.to_builtins(signal)
    for name in _OF_THE_HUB:
        body.pop(name, None)
    target = {
        "user_id": user_id,
        "account_id": account_id,
        "user_ids": None if user_ids is None else list(user_ids),
        "everyone": everyone or None,
        "collapse_key": collapse_key,
    }
    body |= {name: value for name, value in target.items() if value is not None}
    return Call("POST", "/api/internal/signal", SignalReceipt, body=msgspec.json.encode(body))


def describe_stats() -> Call[Stats]:
    """Return the request for the statistics."""
    return Call("GET", "/api/internal/ws-stats", Stats)


def describe_disconnect(request: DisconnectRequest) -> Call[DisconnectReceipt]:
    """Return the request that closes connections."""
    return Call("POST", "/api/internal/disconnect", DisconnectReceipt, body=msgspec.json.encode(request))


def describe_forget(request: ForgetRequest) -> Call[ForgetReceipt]:
    """Return the request that erases a user."""
    return Call("POST", "/api/internal/forget", ForgetReceipt, body=msgspec.json.encode(request))


def describe_explain(
    addressed: Addressed, user_id: str | None, account_id: str | None, service: str | None
) -> Call[Explanation]:
    """Return the request that explains a publish; raises as `describe_publish` does."""
    asked = {"explain_user_id": user_id, "explain_account_id": account_id, "explain_service": service}
    question = b"".join(
        b',"%b":%b' % (name.encode(), msgspec.json.encode(value)) for name, value in asked.items() if value is not None
    )
    return Call("POST", "/api/internal/explain", Explanation, body=encode_addressed(addressed)[:-1] + question + b"}")


def describe_trace(notification_id: str, cursor: str | None) -> Call[Trace]:
    """Return the request that says what became of a notification."""
    query = "" if cursor is None else "?" + urlencode({"cursor": cursor})
    return Call("GET", f"/api/internal/notifications/{quote(notification_id, safe='')}{query}", Trace)


def describe_ticket(user_token: str) -> Call[Ticket]:
    """Return the request that turns a user's token into a ticket."""
    return Call("POST", "/api/ticket", Ticket, bearer=check_credential(user_token))


def describe_ready() -> Call[Readiness]:
    """Return the request that asks whether new work is welcome; a 503 that says how the parts are is a response."""
    return Call("GET", "/health/ready", Readiness, also_accepts=503)


def describe_live() -> Call[Liveness]:
    """Return the request that asks whether the process responds."""
    return Call("GET", "/health/live", Liveness)


def read_response(call: Call[T], status: int, headers: Mapping[str, str], body: bytes) -> T:
    """Return the decoded response; `headers` has lower-case names.

    Raises:
        HubRefused: the hub, or a proxy, refused.
        HubUnreachable: the server that responded is not a hub.
    """
    is_problem = headers.get("content-type", "").startswith("application/problem+json")
    if 200 <= status < 300 or (status == call.also_accepts and not is_problem):
        try:
            return msgspec.json.decode(body, type=call.response)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise HubUnreachable("The server is not a hub: its response cannot be read") from None
    retry_after_s = read_retry_after_s(headers.get("retry-after"), datetime.now(UTC))
    try:
        problem = msgspec.json.decode(body, type=Problem)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise HubRefused(status, f"http_{status}", retry_after_s=retry_after_s) from None
    raise read_problem(problem, status=status, retry_after_s=retry_after_s)


def read_problem(problem: Problem, *, status: int | None = None, retry_after_s: float | None = None) -> HubRefused:
    """Return the refusal that a problem describes; `status` is the response's, where it is not the problem's own."""
    return HubRefused(
        problem.status if status is None else status,
        problem.code,
        problem.detail,
        field=problem.field if isinstance(problem.field, str) else None,
        known=tuple(problem.known) if isinstance(problem.known, list) else (),
        retry_after_s=retry_after_s,
    )
