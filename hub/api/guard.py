"""What wraps the endpoints: faults become problems, and `Allow` names every method that is served."""

from __future__ import annotations

from hub.api.problems import report_fault
from hub.asgi import Application, Message, Receive, Scope, Send
from hub.errors import Internal
from hub.transports.response import respond_problem

__all__ = ["add_head_to_allow", "guard"]


def add_head_to_allow(send: Send) -> Send:
    """Return a `send` that adds HEAD, which the framework does not know, to `Allow`."""

    async def tell(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [(name, _add_head(value) if name == b"allow" else value) for name, value in message["headers"]]
            message = {**message, "headers": headers}
        await send(message)

    return tell


async def guard(endpoint: Application, scope: Scope, receive: Receive, send: Send) -> None:
    """Call an endpoint that is not a route of the framework; an unforeseen fault is logged, and becomes a problem."""
    try:
        await endpoint(scope, receive, send)
    except Exception as error:
        report_fault(error)
        # Once an answer has begun this raises, and the server ends the connection.
        await respond_problem(send, Internal(), [])


def _add_head(allow: bytes) -> bytes:
    return allow.replace(b"GET", b"GET, HEAD") if b"HEAD" not in allow else allow
