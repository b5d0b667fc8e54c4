"""What a command needs to speak to a hub as a service: its address and a key."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from hub.cli.support.address import find_url
from hub.cli.support.development import data_folder, read_development, read_development_hub
from hub.cli.support.outcome import Unusable

__all__ = ["ServiceAccess", "find_service_access"]


class ServiceAccess(msgspec.Struct, frozen=True):
    """Where the hub is and the key to it; shows no key in a `repr`."""

    url: str
    key: str

    def __repr__(self) -> str:
        return f"ServiceAccess(url={self.url!r})"

    @property
    def headers(self) -> dict[str, str]:
        """The header every request of a service carries."""
        return {"authorization": f"Bearer {self.key}"}


def find_service_access(url: str | None, environ: Mapping[str, str], *, dev: bool) -> ServiceAccess:
    """Return the address and key that HUB_URL and HUB_SERVICE_KEY name, with `dev` those of `hub serve --dev`.

    Raises:
        Unusable: there is no key, or one that no header can carry.
    """
    key, kept = environ.get("HUB_SERVICE_KEY", "").strip(), None
    if dev:
        folder = data_folder(environ)
        kept = read_development_hub(folder).url
        key = key or read_development(folder).service_key
    if not key:
        raise Unusable("HUB_SERVICE_KEY: is missing (make one with `hub key`, or use --dev with `hub serve --dev`)")
    if key.startswith("eyJ"):
        raise Unusable("HUB_SERVICE_KEY: is a user's token; a service's key is made by `hub key`")
    if ":" in key:
        raise Unusable("HUB_SERVICE_KEY: is the line for the hub's HUB_SERVICE_KEYS; the key itself begins with hubk_")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise Unusable("HUB_SERVICE_KEY: is not a key of `hub key`")
    return ServiceAccess(find_url(url, environ, kept), key)
