"""What the errors of nats-py mean, in the hub's words."""

from __future__ import annotations

import ssl

from hub.nats.port import NatsError, NotInTime

__all__ = ["NotLetIn", "NotTrusted", "Refused", "explain_fault"]

#: OpenSSL's own numbers: the certificate is for another host name, or another address.
_MISMATCHES = (62, 64)


class Refused(NatsError):
    """A server was reached and does not let the hub in, or not safely: another attempt would end alike."""


class NotLetIn(Refused):
    """The server does not accept the credentials, or wants some."""

    def __init__(self) -> None:
        super().__init__("the server does not accept the credentials")


class NotTrusted(Refused):
    """The server's certificate is not accepted. `is_of_another`: it is good, but for a server of another name."""

    def __init__(self, reason: str, *, is_of_another: bool) -> None:
        super().__init__(f"the server's certificate is not accepted: {reason}")
        self.is_of_another = is_of_another


def explain_fault(error: Exception) -> NatsError:
    """Return what kept a connection from being made; the text names no credentials."""
    if isinstance(error, NatsError):
        return error
    text = str(error).removeprefix("nats: ")
    if "authorization violation" in text.lower() or "authentication" in text.lower():
        return NotLetIn()
    if isinstance(error, ssl.SSLCertVerificationError):
        return NotTrusted(error.verify_message, is_of_another=error.verify_code in _MISMATCHES)
    if isinstance(error, ssl.SSLError):
        return Refused("the TLS handshake failed")
    if isinstance(error, TimeoutError):
        return NotInTime()
    if isinstance(error, OSError):
        return NatsError(error.strerror or type(error).__name__)
    return NatsError(text or type(error).__name__)
