"""How a connection says who it is, and that it says so to nobody who could be anybody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hub.nats.address import Credentials, Server
from hub.nats.fault import Refused
from hub.nats.tls import WatchedContext

__all__ = ["log_in", "require_tls"]


def log_in(server: Server, credentials: Credentials | None, tls: WatchedContext | None) -> dict[str, Any]:
    """Return what nats-py is given: functions, which it calls when the TLS handshake is over.

    Where a `tls://` server has asked for none, they raise Refused, and nothing is sent in clear.
    """
    if credentials is None:
        return {}

    def guard(secret: str) -> Callable[[], str]:
        def give() -> str:
            require_tls(server, tls)
            return secret

        return give

    if credentials.jwt is not None:
        jwt = guard(credentials.jwt)
        return {"signature_cb": credentials.sign, "user_jwt_cb": lambda: jwt().encode()}
    assert credentials.user is not None, "credentials are a JWT, or a user"
    if credentials.password is None:
        return {"token": guard(credentials.user)}
    return {"user": guard(credentials.user), "password": guard(credentials.password)}


def require_tls(server: Server, tls: WatchedContext | None) -> None:
    """Check that a server that has to be spoken to over TLS is.

    Raises:
        Refused: it is not.
    """
    if server.wants_tls and not (tls is not None and tls.used):
        raise Refused("the server speaks no TLS, and the URL asks for it (tls://)")
