"""Centrifugo, the peer with tokens, channels and recovery: built from the Go module proxy, where Go is there."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import jwt

from bench.notice import ACCOUNT, delivered_text, user_claims, user_id
from bench.process import BUILD, find_port, run_server
from bench.request import post
from bench.running import Address, Running

__all__ = ["VERSION", "find_flaw", "install", "start"]

VERSION = "v6.9.1"
#: The module's newest version that was measured; `go install` checks its hash against Go's checksum database.
MODULE = f"github.com/centrifugal/centrifugo/v6@{VERSION}"
CENTRIFUGO = BUILD / f"centrifugo-{VERSION}"
BATCH = 100
MISSED = 1_000
#: A first build compiles about 900 packages.
BUILD_S = 1_800


def install() -> None:
    """Build it once; where that fails, `find_flaw` says so."""
    if CENTRIFUGO.exists() or shutil.which("go") is None:
        return
    print(f"Building {MODULE} (minutes, the first time)", flush=True)
    with tempfile.TemporaryDirectory(dir=BUILD) as folder, contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(["go", "install", MODULE], env={**os.environ, "GOBIN": folder}, check=False, timeout=BUILD_S)
        with contextlib.suppress(FileNotFoundError):
            (Path(folder) / "centrifugo").rename(CENTRIFUGO)


def find_flaw() -> str | None:
    """Return why it cannot take part, or None."""
    if CENTRIFUGO.exists():
        return None
    if shutil.which("go") is None:
        return "there is no Go to build it (Debian: sudo apt-get install golang; it needs the version in its go.mod)"
    return f"go install {MODULE} failed"


@contextlib.contextmanager
def start(transport: str, connections: int) -> Iterator[Running]:
    """Run it with its memory engine; each client is on two channels, its account's and its own, as a hub's user is."""
    port, secret, key = find_port(), secrets.token_hex(32), secrets.token_hex(16)
    history = {"history_size": MISSED, "history_ttl": "1h", "force_recovery": True}
    config = {
        "http_server": {"address": "127.0.0.1", "port": str(port)},
        "log": {"level": "error"},
        "client": {
            "allowed_origins": ["*"],
            "token": {"hmac_secret_key": secret},
            # 300 unless set: a client that missed more gets none of it.
            "recovery_max_publication_limit": MISSED,
        },
        "http_api": {"key": key},
        "uni_websocket": {"enabled": True},
        "uni_sse": {"enabled": True},
        "channel": {"namespaces": [{"name": "account", **history}, {"name": "user", **history}]},
    }
    route = "/connection/uni_websocket" if transport == "ws" else "/connection/uni_sse"
    headers = (f"X-API-Key: {key}", "Content-Type: application/json")

    def connect(number: int, series: int = 0, subs: object = None) -> str:
        frame = {"token": _token(secret, number, series)} | ({"subs": subs} if subs else {})
        return f"{route}?cf_connect={quote(json.dumps(frame))}"

    def leave() -> str:
        channel = f"user:{user_id(0)}"
        post(port, "/api/publish", command(channel), headers)
        place = post(port, "/api/history", json.dumps({"channel": channel, "limit": 0}).encode(), headers)["result"]
        known = {"recover": True, "offset": place["offset"], "epoch": place["epoch"]}
        return connect(0, subs={channel: known})

    def command(channel: str) -> bytes:
        # As text: the place of the time is not JSON yet.
        return b'{"channel":"%b","data":%b}' % (channel.encode(), delivered_text())

    one = b'{"publish":%b}' % command("user:@USER@")
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        file = Path(folder) / "config.json"
        file.write_text(json.dumps(config))
        with run_server([str(CENTRIFUGO), "--config", str(file)], port) as pid:
            yield Running(
                port=port,
                pid=pid,
                paths=[connect(number) for number in range(connections)],
                fresh_paths=[connect(number, 1) for number in range(connections)],
                everybody=Address("/api/publish", command(f"account:{ACCOUNT}"), headers),
                personal_paths=[connect(number) for number in range(connections)],
                person=Address("/api/publish", command("user:@USER@"), headers),
                batch=Address("/api/batch", b'{"commands":[%b]}' % b",".join([one] * BATCH), headers),
                leave=leave,
            )


def _token(secret: str, number: int, series: int) -> str:
    claims = user_claims(number, now_s=int(time.time()), series=series)
    channels = [f"account:{ACCOUNT}", f"user:{user_id(number)}"]
    return jwt.encode({**claims, "channels": channels}, secret, algorithm="HS256")
