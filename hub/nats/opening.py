"""The connection that the settings ask for."""

from __future__ import annotations

import platform

from hub.errors import SettingsError, StorageUnavailable
from hub.nats.address import Credentials, Server, read_credentials, read_servers
from hub.nats.fault import NotLetIn, NotTrusted, Refused
from hub.nats.port import Nats, NatsError
from hub.nats.tls import make_tls
from hub.settings import Settings
from hub.timestamp import format_time

__all__ = ["name_node", "open_hub_nats"]

#: What a message of the hub may have: what NATS takes where nobody has changed it.
MESSAGE_BYTES = 2**20


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
        nats = await open_nats(
            servers,
            name=name_node(settings),
            credentials=credentials,
            tls=make_tls(settings.log_ca_file),
            timeout_s=timeout_s,
        )
    except NotLetIn:
        raise SettingsError(_explain_login(settings, credentials)) from None
    except NotTrusted as error:
        cure = (
            "HUB_LOG_URL: {}; name the server as its certificate does"
            if error.is_of_another
            else "HUB_LOG_CA_FILE: {}; name the file of the authority that signed it"
        )
        raise SettingsError(cure.format(error)) from None
    except Refused as error:
        raise SettingsError(f"HUB_LOG_URL: {error}") from None
    except NatsError as error:
        names = ", ".join(map(_name, servers))
        raise StorageUnavailable(f"NATS at {names} cannot be reached: {error}", retry_after_s=5) from None
    most_bytes = nats.max_payload_bytes
    if most_bytes is not None and most_bytes < MESSAGE_BYTES:
        await nats.close()
        raise SettingsError(
            f"HUB_LOG_URL: NATS takes messages of at most {most_bytes} bytes, and the hub's may have {MESSAGE_BYTES}:"
            " set max_payload: 1MB in the configuration of every server"
        )
    return nats


def _explain_login(settings: Settings, credentials: Credentials | None) -> str:
    if (path := settings.log_credentials_file) is not None:
        ends_at_s = None if credentials is None else credentials.ends_at_s
        until = "" if ends_at_s is None else f"; the JWT in it is good until {format_time(ends_at_s)}"
        return f"HUB_LOG_CREDENTIALS_FILE: NATS does not accept the credentials in {path}{until}"
    if credentials is None:
        return (
            "HUB_LOG_URL: NATS wants credentials; put user:password@ before each host, or name a file with"
            " HUB_LOG_CREDENTIALS_FILE"
        )
    kind = "token" if credentials.password is None else "user and password"
    return f"HUB_LOG_URL: NATS does not accept the {kind} in it"


def _name(server: Server) -> str:
    return server.name
