"""What the API document says of one operation: a method of a route, its responses and its failures."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from hub.errors import HubError

__all__ = ["IDEMPOTENCY_KEY", "SERVICE", "TRACEPARENT", "TRACERESPONSE", "TRACESTATE", "USER", "Operation", "Response"]

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
#: W3C Trace Context. What is not valid is passed over and never refused, so no pattern is told here.
TRACEPARENT = {
    "name": "traceparent",
    "in": "header",
    "description": "The trace that this publish belongs to (W3C Trace Context), if the hub traces (`HUB_TRACING`). "
    "Otherwise, and if it is not valid, it is passed over.",
    "schema": {"type": "string", "examples": ["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0cd902b7-01"]},
}
TRACESTATE = {
    "name": "tracestate",
    "in": "header",
    "description": "What tracing systems say of that trace (W3C Trace Context); it goes with `traceparent`.",
    "schema": {"type": "string"},
}
TRACERESPONSE = {
    "traceresponse": {
        "description": "The trace and the span of this publish (W3C Trace Context Level 2), if the hub traces.",
        "schema": {"type": "string", "examples": ["00-4bf92f3577b34da6a3ce929d0e0e4736-b7ad6b7169203331-01"]},
    }
}


class Response(msgspec.Struct, frozen=True):
    """A response that is not a failure: `schema` is the name of a component, or a schema itself.

    `headers`: those that come with it, by name.
    """

    status: int
    description: str
    schema: str | Mapping[str, Any] | None = None
    media_type: str = "application/json"
    headers: Mapping[str, Any] = MappingProxyType({})


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
