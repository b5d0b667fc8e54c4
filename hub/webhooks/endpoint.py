"""Where each service is told of its notifications: the `webhook` objects of the key file, checked at the start."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import cast, get_args

import msgspec

from contracts.webhook import WebhookEvent
from hub.auth.service_keys import ServiceKeys, WebhookEntry
from hub.errors import SettingsError
from hub.finding import Finding
from hub.outbound.destination import read_destination

__all__ = ["WebhookEndpoint", "check_endpoints", "read_endpoints"]

_PREFIX = "whsec_"
_MIN_SECRET_BYTES, _MAX_SECRET_BYTES = 24, 64
_EVENTS: tuple[WebhookEvent, ...] = get_args(WebhookEvent)
_DIFFERS = (
    "its `webhook` differs from that of the earlier entry of the same name; only the secrets of two entries may differ,"
    " for a rotation"
)


class WebhookEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """The endpoint of one service. Requests are signed with each secret, of which a rotation has two."""

    service: str
    url: str
    secrets: tuple[str, ...]
    events: frozenset[WebhookEvent]
    allow_private: bool

    def __repr__(self) -> str:
        return f"WebhookEndpoint(service={self.service!r}, events={sorted(self.events)})"


def read_endpoints(keys: ServiceKeys) -> Mapping[str, WebhookEndpoint]:
    """Return the endpoint of each service that has one, by the service's name.

    Raises:
        SettingsError: naming the variable, the entry and its field, never a URL or a secret.
    """
    found: dict[str, WebhookEndpoint] = {}
    for where, service, entry in keys.webhooks:
        for problem in _find_problems(entry):
            raise SettingsError(f"{where}: {problem}")
        endpoint = _make(service, entry)
        earlier = found.get(service)
        if earlier is not None:
            if _differs(endpoint, earlier):
                raise SettingsError(f"{where}: {_DIFFERS}")
            secrets = tuple(dict.fromkeys((*endpoint.secrets, *earlier.secrets)))
            endpoint = msgspec.structs.replace(endpoint, secrets=secrets)
        found[service] = endpoint
    return found


def check_endpoints(keys: ServiceKeys) -> Iterator[Finding]:
    """Yield a finding for each endpoint, or one for each thing that is wrong with it; a hub starts with none wrong."""
    found: dict[str, WebhookEndpoint] = {}
    for where, service, entry in keys.webhooks:
        problems = [*_find_problems(entry)]
        if not problems:
            endpoint = _make(service, entry)
            if _differs(endpoint, found.setdefault(service, endpoint)):
                problems = [_DIFFERS]
        yield from (Finding("webhooks", "fail", f"{where}: {problem}") for problem in problems)
        if not problems:
            yield Finding("webhooks", "ok", f"{service} is told of {', '.join(entry.events)}")


def _make(service: str, entry: WebhookEntry) -> WebhookEndpoint:
    return WebhookEndpoint(
        service=service,
        url=entry.url,
        secrets=(entry.secret,),
        events=frozenset(cast("list[WebhookEvent]", entry.events)),
        allow_private=entry.allow_private,
    )


def _differs(one: WebhookEndpoint, other: WebhookEndpoint) -> bool:
    return (one.url, one.events, one.allow_private) != (other.url, other.events, other.allow_private)


def _find_problems(entry: WebhookEntry) -> Iterator[str]:
    """Yield what is wrong with an entry, in words that hold neither URL nor secret."""
    try:
        read_destination(entry.url, allow_private=entry.allow_private)
    except ValueError as error:
        hint = "" if entry.allow_private else " (`allow_private` allows private addresses, and http on this machine)"
        yield f"`webhook.url` {error}{hint}"
    unknown = sorted(set(entry.events) - set(_EVENTS))
    if unknown or not entry.events:
        words = f"has the unknown event {unknown[0]!r}" if unknown else "lists no event"
        yield f"`webhook.events` {words} (there are: {', '.join(_EVENTS)})"
    if not _is_secret(entry.secret):
        yield (
            f"`webhook.secret` is not `whsec_` and {_MIN_SECRET_BYTES} to {_MAX_SECRET_BYTES} bytes in base64"
            ' (make one with: echo "whsec_$(openssl rand -base64 32)")'
        )


def _is_secret(secret: str) -> bool:
    try:
        raw = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return False
    return secret.startswith(_PREFIX) and _MIN_SECRET_BYTES <= len(raw) <= _MAX_SECRET_BYTES
