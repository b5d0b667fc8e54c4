"""The connection that the settings ask for."""

from __future__ import annotations

import platform

from hub.errors import SettingsError, StorageUnavailable
from hub.nats.address import Server, read_credentials, read_servers
from hub.nats.fault import Refused
from hub.nats.port import Nats, NatsError
from hub.nats.tls import make_tls
from hub.settings import Settings

__all__ = ["name_node", "open_hub_nats"]


def name_node(settings: Settings) -> str:
    """Return what this hub is called among the nodes: HUB_NODE, or the machine's name without its domain."""
    return settings.node or platform.node().partition(".")[0] or "hub"


async def open_hub_nats(settings: Settings, *, timeout_s: float = 30.0) -> Nats:
    """Return the connection to the servers of HUB_LOG_URL, once there is one.

    Raises:
        SettingsError: a setting or a file that it names cannot be used, or a server does not let the hub in.
        StorageUnavailable: no server can be reached within `timeout_s`.
    """
    # nats-py is installed only where it is wanted, and takes its time to load.
    from hub.nats.connection import open_nats

    try:
        servers, credentials = read_servers(settings.log_url)
    except ValueError as error:
        raise SettingsError(f"HUB_LOG_URL: {error} (example: nats://nats-1:4222,nats://nats-2:4222)") from None
    if settings.log_credentials_file is not None:
        credentials = read_credentials(settings.log_credentials_file)
    try:
        return await open_nats(
            servers,
            name=name_node(settings),
            credentials=credentials,
            tls=make_tls(settings.log_ca_file),
            timeout_s=timeout_s,
        )
    except Refused as error:
        raise SettingsError(f"HUB_LOG_URL: {error}") from None
    except NatsError as error:
        names = ", ".join(map(_name, servers))
        raise StorageUnavailable(f"NATS at {names} cannot be reached: {error}", retry_after_s=5) from None


def _name(server: Server) -> str:
    return server.name
