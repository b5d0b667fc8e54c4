"""Where each service is told of its notifications: the `webhook` objects of the key file, checked at the start."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import cast, get_args

import msgspec

from contracts.webhook import WebhookEvent
from hub.auth.service_keys import ServiceKeys, WebhookEntry
from hub.errors import SettingsError
from hub.outbound.destination import read_destination

__all__ = ["WebhookEndpoint", "read_endpoints"]

_PREFIX = "whsec_"
_MIN_SECRET_BYTES, _MAX_SECRET_BYTES = 24, 64
_EVENTS: tuple[WebhookEvent, ...] = get_args(WebhookEvent)


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
        endpoint = _read(where, service, entry)
        earlier = found.get(service)
        if earlier is not None:
            if (earlier.url, earlier.events, earlier.allow_private) != (
                endpoint.url,
                endpoint.events,
                endpoint.allow_private,
            ):
                raise SettingsError(
                    f"{where}: its `webhook` differs from that of the earlier entry of the same name; only the secrets"
                    " of two entries may differ, for a rotation"
                )
            secrets = tuple(dict.fromkeys((*endpoint.secrets, *earlier.secrets)))
            endpoint = msgspec.structs.replace(endpoint, secrets=secrets)
        found[service] = endpoint
    return found


def _read(where: str, service: str, entry: WebhookEntry) -> WebhookEndpoint:
    try:
        read_destination(entry.url, allow_private=entry.allow_private)
    except ValueError as error:
        hint = "" if entry.allow_private else " (`allow_private` allows private addresses, and http on this machine)"
        raise SettingsError(f"{where}: `webhook.url` {error}{hint}") from None
    unknown = sorted(set(entry.events) - set(_EVENTS))
    if unknown or not entry.events:
        words = f"has the unknown event {unknown[0]!r}" if unknown else "lists no event"
        raise SettingsError(f"{where}: `webhook.events` {words} (there are: {', '.join(_EVENTS)})")
    _check_secret(where, entry.secret)
    events = frozenset(cast("list[WebhookEvent]", entry.events))
    return WebhookEndpoint(
        service=service, url=entry.url, secrets=(entry.secret,), events=events, allow_private=entry.allow_private
    )


def _check_secret(where: str, secret: str) -> None:
    problem = (
        f"{where}: `webhook.secret` is not `whsec_` and {_MIN_SECRET_BYTES} to {_MAX_SECRET_BYTES} bytes in base64"
    )
    hint = ' (make one with: echo "whsec_$(openssl rand -base64 32)")'
    try:
        raw = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise SettingsError(problem + hint) from None
    if not secret.startswith(_PREFIX) or not _MIN_SECRET_BYTES <= len(raw) <= _MAX_SECRET_BYTES:
        raise SettingsError(problem + hint)
