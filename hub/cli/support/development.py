"""What `hub serve --dev` makes for itself, once, and what the other commands find there with `--dev`.

All of it lies in the data folder, readable by its owner alone: `dev.json` (the secrets, made once), `dev-keys.json`
(the key file) and `dev-hub.json` (where the hub listens and who its demo users are, at each start). What the
environment sets always wins.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from hub.auth.grant import OPERATIONS
from hub.auth.service_keys import KeyEntry, KeyFile, new_service_key
from hub.cli.support.outcome import Unusable
from hub.settings import Settings, read_settings

__all__ = [
    "Development",
    "DevelopmentHub",
    "Person",
    "data_folder",
    "demo_directory",
    "development_environ",
    "make_development",
    "read_development",
    "read_development_hub",
    "read_development_settings",
    "write_development_hub",
]

_File = TypeVar("_File", bound=msgspec.Struct)

#: Where development servers of frontends listen.
_PAGE_PORTS = ("3000", "5173", "8000")
_FILE, _KEYS, _HUB, _DIRECTORY = "dev.json", "dev-keys.json", "dev-hub.json", "demo-directory.sqlite3"


class Development(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The secrets of one development hub."""

    jwt_secret: str
    service_key: str

    def __repr__(self) -> str:
        return "Development()"


class Person(msgspec.Struct, frozen=True):
    """A demo user."""

    user_id: str
    account_id: str | None
    role: str


class DevelopmentHub(msgspec.Struct, frozen=True):
    """The development hub that runs, or ran last: its URL, and its demo users by what they are called."""

    url: str
    people: dict[str, Person]


def data_folder(environ: Mapping[str, str]) -> Path:
    """Return the absolute path of the data folder that the environment names, `./hub-data` if none."""
    return Path(environ.get("HUB_DATA_DIR", "").strip() or Settings().data_dir).absolute()


def make_development(folder: Path) -> Development:
    """Return the secrets kept in `folder`, made now if there are none, with the key file beside them.

    Raises:
        Unusable: the folder cannot be written, or the file in it cannot be used.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        key, _ = new_service_key()
        # Hex digits form none of the words that the settings refuse as placeholders; 64 bytes are enough for HS512.
        fresh = Development(jwt_secret=secrets.token_hex(64), service_key=key)
        _write_once(folder / _FILE, msgspec.json.encode(fresh))
        development = read_development(folder)
        digest = hashlib.sha256(development.service_key.encode()).hexdigest()
        entry = KeyEntry(name="dev", sha256=digest, everyone=True, operations=sorted(OPERATIONS))
        _write(folder / _KEYS, msgspec.json.encode(KeyFile([entry])))
    except OSError as error:
        raise Unusable(f"{folder} cannot be written: {error.strerror}") from None
    return development


def read_development(folder: Path) -> Development:
    """Return the secrets kept in `folder`.

    Raises:
        Unusable: there are none, or they cannot be used.
    """
    return _read(folder / _FILE, Development)


def development_environ(environ: Mapping[str, str], folder: Path, development: Development) -> dict[str, str]:
    """Return the environment of the development hub: what it makes for itself below what is set."""
    # Also the hub's own: some WebSocket libraries send the address that they connect to as their origin.
    own = environ.get("HUB_PORT", "").strip() or str(Settings().port)
    ports = dict.fromkeys((*_PAGE_PORTS, own) if own.isdecimal() and int(own) else _PAGE_PORTS)
    origins = [f"http://{host}:{port}" for host in ("localhost", "127.0.0.1") for port in ports]
    made = {
        "HUB_DATA_DIR": str(folder),
        "HUB_SERVICE_KEYS_FILE": str(folder / _KEYS),
        "HUB_DIRECTORY_URL": f"sqlite+aiosqlite:///{folder / _DIRECTORY}",
        "HUB_ALLOWED_ORIGINS": ",".join(origins),
        "JWT_SECRET": development.jwt_secret,
    }
    return made | {name: value for name, value in environ.items() if value.strip()}


def demo_directory(settings: Settings) -> Path | None:
    """Return the path of the demo directory if the settings look users up there, or None."""
    path = settings.data_dir / _DIRECTORY
    return path if settings.directory_url == f"sqlite+aiosqlite:///{path}" else None


def read_development_settings(environ: Mapping[str, str]) -> tuple[Development, Settings]:
    """Return the secrets and the settings of the development hub in the environment's data folder.

    Raises:
        Unusable: there are none.
        SettingsError: a setting in the environment cannot be used.
    """
    folder = data_folder(environ)
    development = read_development(folder)
    return development, read_settings(development_environ(environ, folder, development))


def write_development_hub(folder: Path, hub: DevelopmentHub) -> None:
    """Write down where the hub runs, for the other commands."""
    _write(folder / _HUB, msgspec.json.encode(hub))


def read_development_hub(folder: Path) -> DevelopmentHub:
    """Return what the hub that runs in this folder, or ran last, wrote down.

    Raises:
        Unusable: there was none.
    """
    return _read(folder / _HUB, DevelopmentHub)


def _read(path: Path, kind: type[_File]) -> _File:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        raise Unusable(f"{path} is not there; start `hub serve --dev` first") from None
    except (OSError, ValueError):
        raise Unusable(f"{path} cannot be used; remove it and start `hub serve --dev` again") from None


def _write_once(path: Path, content: bytes) -> None:
    if path.exists():
        return
    draft = _draft(path, content)
    try:
        # Fails where the file appeared meanwhile, so that two starts at once agree on one secret.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _write(path: Path, content: bytes) -> None:
    os.replace(_draft(path, content), path)


def _draft(path: Path, content: bytes) -> Path:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
        file.write(content)
    return draft
