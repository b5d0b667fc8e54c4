"""TLS to NATS: what a server's certificate is checked by, and whether a handshake took place at all."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from hub.errors import SettingsError

__all__ = ["WatchedContext", "make_tls"]


class WatchedContext(ssl.SSLContext):
    """A TLS context that knows whether it was used: nats-py speaks in clear to a server that asks for no TLS."""

    used = False

    def wrap_bio(self, *arguments: Any, **keywords: Any) -> ssl.SSLObject:
        """Begin a handshake, and note that."""
        self.used = True
        return super().wrap_bio(*arguments, **keywords)


def make_tls(ca_file: Path | None) -> WatchedContext:
    """Return what a server's certificate is checked by: this file's authorities, or the system's.

    Raises:
        SettingsError: the file cannot be read, or holds no certificate.
    """
    context = WatchedContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca_file is None:
        context.load_default_certs()
        return context
    try:
        context.load_verify_locations(ca_file)
    except ssl.SSLError:
        raise SettingsError(f"HUB_LOG_CA_FILE: {ca_file} holds no certificate") from None
    except OSError as error:
        raise SettingsError(f"HUB_LOG_CA_FILE: {ca_file} cannot be read: {error.strerror}") from None
    return context
