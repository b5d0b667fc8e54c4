"""What the hook of the deployed frontends does, without a browser: as `tests/network/old_hook.html`."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

__all__ = ["OldHook"]

MOST_RETRIES = 5


class OldHook:
    """One tab: no subprotocol, no cursor, at most five retries that an open resets, and none after 1000."""

    def __init__(self, port: int, token: str) -> None:
        self._url = f"ws://127.0.0.1:{port}/ws?token={token}"
        self.messages: list[dict[str, Any]] = []
        self.close_codes: list[int] = []
        self.tries = 0
        self.opens = 0
        self.connected = False
        #: Set once it tries no more.
        self.stopped = False

    @property
    def titles(self) -> list[str]:
        """The titles of the notifications it has shown, greetings left out."""
        return [message["title"] for message in self.messages if message["type"] != "connection_established"]

    async def run(self) -> None:
        """Connect, and come back as the hook does, until it would not."""
        retries = 0
        while True:
            self.tries += 1
            code = 1006
            try:
                async with connect(self._url, compression=None, ping_interval=None) as connection:
                    self.opens += 1
                    self.connected = True
                    retries = 0
                    try:
                        while True:
                            self.messages.append(json.loads(await connection.recv()))
                    except ConnectionClosed:
                        code = connection.close_code or 1006
            except (InvalidHandshake, OSError, EOFError):
                pass
            self.connected = False
            self.close_codes.append(code)
            if code == 1000 or retries >= MOST_RETRIES:
                self.stopped = True
                return
            await asyncio.sleep(2.0**retries)
            retries += 1
