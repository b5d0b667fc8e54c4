"""Where the NATS servers are, and as whom the hub speaks to them: what the settings and the files they name say.

Credentials are a user and a password, a token, or what NATS writes into a `.creds` file: a JWT, and the seed of the key
that signs the server's challenge (Ed25519).
"""

from __future__ import annotations

import base64
import re
from pathlib import Path
from urllib.parse import unquote

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.errors import SettingsError
from hub.url import split_url

__all__ = ["Credentials", "Server", "read_credentials", "read_servers"]

DEFAULT_PORT = 4222
_SCHEMES = {"nats": False, "tls": True}
_JWT = re.compile(r"-----BEGIN NATS USER JWT-----\s+(\S+)\s+-+END NATS USER JWT-+", re.ASCII)
_SEED = re.compile(r"-----BEGIN USER NKEY SEED-----\s+(SU[A-Z2-7]+)\s+-+END USER NKEY SEED-+", re.ASCII)
#: Two bytes of prefix, 32 of seed, two of checksum (CRC-16/XMODEM, low byte first).
_SEED_BYTES = 36


class _Claims(msgspec.Struct):
    exp: float | None = None


_decode_claims = msgspec.json.Decoder(_Claims).decode


class Server(msgspec.Struct, frozen=True):
    """One NATS server. `wants_tls`: it is spoken to over TLS or not at all."""

    host: str
    port: int
    wants_tls: bool

    @property
    def name(self) -> str:
        """How a line for operators names it."""
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL without credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'tls' if self.wants_tls else 'nats'}://{host}:{self.port}"


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """As whom the hub connects; nothing of it is ever written anywhere. A JWT may end, at `ends_at_s` (Unix time)."""

    user: str | None = None
    password: str | None = None
    jwt: str | None = None
    ends_at_s: float | None = None
    key: Ed25519PrivateKey | None = None

    def __repr__(self) -> str:
        return "Credentials(...)"

    def sign(self, nonce: str) -> bytes:
        """Return the signature of a server's challenge, as base64url."""
        assert self.key is not None, "a JWT comes with the key that it names"
        return base64.urlsafe_b64encode(self.key.sign(nonce.encode())).rstrip(b"=")


def read_servers(text: str) -> tuple[list[Server], Credentials | None]:
    """Return the servers of a list of URLs, comma separated, and the credentials in them.

    Raises:
        ValueError: one of them cannot be used; the text says what is wrong and repeats no password.
    """
    servers, found = [], None
    for part in text.split(","):
        url = split_url(part.strip())
        if url.scheme not in _SCHEMES:
            raise ValueError("it does not begin with nats:// or tls://")
        if url.path.strip("/") or url.query or url.fragment:
            raise ValueError("it has more than a host and a port")
        assert url.hostname is not None
        servers.append(Server(url.hostname, url.port or DEFAULT_PORT, _SCHEMES[url.scheme]))
        if url.username:
            password = None if url.password is None else unquote(url.password)
            credentials = Credentials(user=unquote(url.username), password=password)
            if found not in (None, credentials):
                raise ValueError("its servers have different credentials")
            found = credentials
    if len({server.wants_tls for server in servers}) > 1:
        raise ValueError("it mixes nats:// and tls://")
    return servers, found


def read_credentials(path: Path) -> Credentials:
    """Return what a file holds: NATS's own `.creds`, or one line `user:password`.

    Raises:
        SettingsError: it cannot be read, or holds neither.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        words = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SettingsError(f"HUB_LOG_CREDENTIALS_FILE: {path} cannot be read: {words}") from None
    if (jwt := _JWT.search(text)) is not None and (seed := _SEED.search(text)) is not None:
        if (key := _read_seed(seed[1])) is None:
            raise SettingsError(f"HUB_LOG_CREDENTIALS_FILE: the seed in {path} is damaged; write the file again")
        return Credentials(jwt=jwt[1], key=key, ends_at_s=_read_end(jwt[1]))
    user, found, password = text.strip().partition(":")
    if not found or not user or "\n" in text.strip():
        raise SettingsError(
            f"HUB_LOG_CREDENTIALS_FILE: {path} is neither a .creds file of NATS nor one line user:password"
        )
    return Credentials(user=user, password=password)


def _read_seed(text: str) -> Ed25519PrivateKey | None:
    try:
        raw = base64.b32decode(text + "=" * (-len(text) % 8))
    except ValueError:
        return None
    if len(raw) != _SEED_BYTES or _checksum(raw[:-2]) != int.from_bytes(raw[-2:], "little"):
        return None
    return Ed25519PrivateKey.from_private_bytes(raw[2:-2])


def _read_end(jwt: str) -> float | None:
    """Return when a JWT ends, as far as that can be read; the server is who judges it."""
    body = jwt.partition(".")[2].partition(".")[0]
    try:
        return _decode_claims(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))).exp
    except (ValueError, msgspec.MsgspecError):
        return None


def _checksum(content: bytes) -> int:
    """Return the CRC-16 (XMODEM) by which a mistyped key is noticed."""
    crc = 0
    for byte in content:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ (0x1021 if crc & 0x8000 else 0)) & 0xFFFF
    return crc
