"""What the API document says of one operation: a method of a route, its answers and its failures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from hub.errors import HubError

__all__ = ["SERVICE", "USER", "Answer", "Operation"]

#: Security schemes, of which one is needed.
SERVICE = ("serviceKey",)
USER = ("userToken", "urlToken")


class Answer(msgspec.Struct, frozen=True):
    """A good answer: `schema` is a component's name, or a schema of its own."""

    status: int
    description: str
    schema: str | Mapping[str, Any] | None = None
    media_type: str = "application/json"


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one route; `security` names the schemes of which one is needed, none for nobody."""

    method: str
    path: str
    id: str
    tag: str
    summary: str
    description: str
    security: tuple[str, ...] = ()
    parameters: tuple[Mapping[str, Any], ...] = ()
    body: str | None = None
    answers: tuple[Answer, ...]
    failures: tuple[type[HubError], ...] = ()
