"""Requests that are answered without a call of the ASGI application.

The edge gives a handler a request that arrived whole, and writes its response itself: no task, no scope, no `receive`
and no `send`. A handler may leave any request to the application, which knows every one; so it takes only what can be
answered at once, or after one future, and the two give the same responses. Those of connections: `hub.delivery.link`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from hub.errors.problem import ProblemResponse
from hub.header_fields import Headers

__all__ = ["DIRECT_STATE", "DirectHandler", "Pending", "Response"]

T = TypeVar("T")

#: Where an application's lifespan state (ASGI, lifespan protocol) has its handlers of `POST`: a mapping by path.
DIRECT_STATE = "hub.direct"

#: Status, headers but for the length of the body, and body.
Response: TypeAlias = ProblemResponse


class Pending(NamedTuple, Generic[T]):
    """Something that was begun: what it waits for, and what comes of it.

    `finish` has to be called once `outcome` is done, once, and also where nobody wants the result any more. It raises
    what `outcome` ended with, its cancellation too.
    """

    outcome: asyncio.Future[Any]
    finish: Callable[[], T]


#: Headers (names in lower case) and body of a request in, its response out; None: the application responds.
DirectHandler: TypeAlias = Callable[[Headers, bytes], Pending[Response] | None]
