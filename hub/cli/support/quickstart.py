"""The quickstart of `hub serve --dev`: a hub with demo users, and lines to paste that show it at work."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import shutil
import sys
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import click

from hub import routes
from hub.auth.egress import is_loopback
from hub.cli.support.development import (
    Development,
    DevelopmentHub,
    Person,
    data_folder,
    demo_directory,
    development_environ,
    make_development,
    write_development_hub,
)
from hub.cli.support.issuer import issue_token
from hub.directory.demo import DEMO_USERS, DemoUser, create_demo_directory
from hub.errors import SettingsError
from hub.publish.example import make_example
from hub.publish.registry import TypeRegistry, load_type_registry
from hub.settings import Settings, read_settings

__all__ = ["DEMO_NAMES", "Quickstart", "prepare_quickstart"]

#: What the demo users are called on the command line (`hub tail --dev --as seller`).
DEMO_NAMES: dict[str, DemoUser] = dict(
    zip(("buyer", "seller", "colleague", "trial", "suspended", "inactive", "support"), DEMO_USERS, strict=True)
)


#: How a secret begins that is for development.
DEVELOPMENT_PREFIX = "dev-"


class Quickstart:
    """A development hub that is ready to start."""

    def __init__(self, development: Development, settings: Settings, environ: Mapping[str, str]) -> None:
        self.settings = settings
        self._example = _choose_example(load_type_registry(settings.contracts))
        self._key = development.service_key
        if environ.get("HUB_SERVICE_KEYS_FILE", "").strip():
            self._key = "$HUB_SERVICE_KEY"
        self._command = _own_name()
        if environ.get("HUB_DATA_DIR", "").strip():
            self._command = f"HUB_DATA_DIR={shlex.quote(str(settings.data_dir))} {self._command}"

    def announce(self, url: str) -> None:
        """Write down the address for the other commands, and print what to paste next."""
        people = {name: Person(user.user_id, user.account_id, user.role) for name, user in DEMO_NAMES.items()}
        write_development_hub(self.settings.data_dir, DevelopmentHub(url, people))
        click.echo("\n".join(self._lines(url)))

    def _lines(self, url: str) -> list[str]:
        settings, buyer = self.settings, DEMO_NAMES["buyer"]
        body = {**self._example, "user_id": buyer.user_id, "account_id": buyer.account_id}
        lines = [f"The hub runs at {url} (development; everything it needs is in {settings.data_dir})"]
        if not is_loopback(settings.host):
            lines += ["", "Everybody who can reach that address can use its secrets: --dev is for your own machine."]
        token = self._token(buyer)
        if token:
            lines += [
                *("", "Listen as the buyer:", f"  {self._command} tail --dev"),
                *("", "or with curl:", f"  curl -N {url}{routes.EVENT_STREAM} -H 'Authorization: Bearer {token}'"),
            ]
        lines += [
            *("", "Publish to the buyer:", f"  curl -X POST {url}{routes.NOTIFY} \\"),
            f'    -H "Authorization: Bearer {self._key}" \\',
            f"    -H 'Content-Type: application/json' \\\n    -d {shlex.quote(json.dumps(body, ensure_ascii=False))}",
        ]
        if token:
            websocket = url.replace("http", "ws", 1)
            lines += [
                "",
                "WebSocket of the buyer, for a browser:",
                f"  {websocket}{routes.WEBSOCKET}?token={quote(token)}",
            ]
            lines += ["", "Demo users (tail --dev --as NAME) and their tokens:"]
            for name, user in DEMO_NAMES.items():
                lines += [f"  {name:<10} {user.full_name}, {user.role}, {user.about}", f"    {self._token(user)}"]
        else:
            lines += ["", f"JWT_ALGORITHM={settings.jwt_algorithm}: tokens are made by the owner of the private key."]
        if settings.console:
            lines += ["", f"The console, which asks for the key above: {url}{routes.CONSOLE}/"]
        if settings.schema_public:
            lines += ["", f"The API, page and document: {url}{routes.SCHEMA}"]
        return [*lines, ""]

    def _token(self, user: DemoUser) -> str:
        if not self.settings.jwt_algorithm.startswith("HS"):
            return ""
        return issue_token(
            self.settings,
            user_id=user.user_id,
            account_id=user.account_id,
            role=user.role,
            ttl_s=self.settings.jwt_max_lifetime_s,
            now_s=time.time(),
        )


def prepare_quickstart(environ: Mapping[str, str]) -> Quickstart:
    """Return the quickstart in the environment's data folder, with everything made that is not there yet.

    Raises:
        SettingsError: a setting in the environment cannot be used, or is not for development.
        Unusable: the data folder cannot be written.
    """
    _refuse_real_secrets(environ)
    folder = data_folder(environ)
    development = make_development(folder)
    made = development_environ(environ, folder, development)
    settings = read_settings(made)
    demo = demo_directory(settings)
    if demo is not None:
        # Before SQLite would make it, with the permissions of any file.
        os.close(os.open(demo, os.O_RDWR | os.O_CREAT, 0o600))
        asyncio.run(create_demo_directory(demo))
    return Quickstart(development, settings, environ)


def _choose_example(registry: TypeRegistry) -> dict[str, Any]:
    """Return a notification that this hub takes: of the first type that an example can be made of."""
    for kind in registry.types.values():
        if (example := make_example(kind)) is not None:
            return example
    return {"type": next(iter(registry.types)), "title": "Title", "message": "Message"}


def _refuse_real_secrets(environ: Mapping[str, str]) -> None:
    # What follows prints tokens, good for as long as the settings allow, into a terminal and its scrollback.
    for variable in ("JWT_SECRET", "JWT_SECRET_PREVIOUS"):
        secret = environ.get(variable, "").strip()
        if secret and not secret.lower().startswith(DEVELOPMENT_PREFIX):
            raise SettingsError(
                f"{variable}: is set, and `--dev` prints tokens that are signed with it: unset it, or leave `--dev` "
                f"away (a secret for development begins with `{DEVELOPMENT_PREFIX}`)"
            )


def _own_name() -> str:
    """Return how the command that runs now is written in a shell."""
    called = sys.argv[0]
    if shutil.which("hub"):
        return "hub"
    return shlex.quote(called) if os.path.basename(called) == "hub" else f"{shlex.quote(sys.executable)} -m hub"
