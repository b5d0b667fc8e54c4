"""What the API document says of one operation: a method of a route, its responses and its failures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from hub.errors import HubError

__all__ = ["IDEMPOTENCY_KEY", "SERVICE", "USER", "Operation", "Response"]

#: Security schemes, of which one is needed.
SERVICE = ("serviceKey",)
USER = ("userToken", "urlToken")
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Makes a repeat safe: for 24 hours the same key with the same body gets the first receipt "
    "again, with `duplicate: true`. Each service has its own keys. In a batch the key of each notification is this key "
    "and its index.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
}


class Response(msgspec.Struct, frozen=True):
    """A response that is not a failure: `schema` is the name of a component, or a schema itself."""

    status: int
    description: str
    schema: str | Mapping[str, Any] | None = None
    media_type: str = "application/json"


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one route; `security` names the schemes of which a request needs one, empty where it needs none."""

    method: str
    path: str
    id: str
    tag: str
    summary: str
    description: str
    security: tuple[str, ...] = ()
    parameters: tuple[Mapping[str, Any], ...] = ()
    body: str | None = None
    responses: tuple[Response, ...]
    failures: tuple[type[HubError], ...] = ()
