"""What the errors of nats-py mean, in the hub's words."""

from __future__ import annotations

import ssl

from hub.nats.port import NatsError, NotInTime

__all__ = ["Refused", "explain_fault"]


class Refused(NatsError):
    """A server was reached and does not let the hub in, or not safely: another attempt would end alike."""


def explain_fault(error: Exception) -> NatsError:
    """Return what kept a connection from being made; the text names no credentials."""
    if isinstance(error, NatsError):
        return error
    text = str(error).removeprefix("nats: ")
    if "authorization violation" in text.lower() or "authentication" in text.lower():
        return Refused("the server does not accept the credentials")
    if isinstance(error, ssl.SSLCertVerificationError):
        return Refused(f"the server's certificate is not accepted: {error.verify_message}")
    if isinstance(error, ssl.SSLError):
        return Refused("the TLS handshake failed")
    if isinstance(error, TimeoutError):
        return NotInTime()
    if isinstance(error, OSError):
        return NatsError(error.strerror or type(error).__name__)
    return NatsError(text or type(error).__name__)
