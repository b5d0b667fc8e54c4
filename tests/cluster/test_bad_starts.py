"""What keeps a node from starting: each is one line that says what is wrong and what to do, and nothing is changed."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from click.testing import CliRunner

from hub.cli import main
from hub.composition import open_hub
from hub.cursor import new_epoch
from hub.errors import SettingsError
from hub.log.engine import log_path
from hub.log.jetstream.stream import EPOCH, stream_settings
from hub.log.jetstream.subject import Names
from hub.nats.address import read_servers
from hub.nats.connection import open_nats
from hub.settings import read_settings
from tests.authority import Authority
from tests.cli.process import run
from tests.nats_accounts import Operator
from tests.nats_servers import NatsServer, shared_server

DEADLINE_S = 30.0
DAY_S = 86_400


class Place:
    """Where one node is to start: its environment, and a folder for what a row needs beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.servers: list[NatsServer] = []
        self.stream = f"t{secrets.token_hex(6)}"
        self.environ = {
            "HUB_LOG_URL": shared_server().url,
            "HUB_LOG_STREAM": self.stream,
            "HUB_NODE": "a",
            "HUB_PORT": "0",
            "HUB_DATA_DIR": str(folder / "data"),
            "HUB_DIRECTORY_URL": "off",
            "JWT_SECRET": secrets.token_hex(32),
            "HUB_SERVICE_KEYS": f"a:{'ab' * 32}",
        }

    async def run_server(self, *, jetstream: bool = True, **configuration: Any) -> NatsServer:
        """Run a server that is configured like this, and name it to the node."""
        server = NatsServer(self.folder / "nats", jetstream=jetstream, sync_interval="1m", extra=configuration)
        await server.start()
        self.servers.append(server)
        self.environ["HUB_LOG_URL"] = server.url
        return server

    def log_in(self, user: str) -> None:
        """Name a user and password, or a token, in the URL."""
        self.environ["HUB_LOG_URL"] = self.environ["HUB_LOG_URL"].replace("//", f"//{user}@")

    def write(self, name: str, content: str | bytes) -> str:
        """Write a file beside the node, and return its path."""
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    async def ask(self, subject: str, body: Mapping[str, object]) -> None:
        """Have JetStream do something."""
        servers, _ = read_servers(self.environ["HUB_LOG_URL"])
        nats = await open_nats(servers, name="test", timeout_s=DEADLINE_S)
        reply = await nats.request(subject, msgspec.json.encode(body), timeout_s=DEADLINE_S)
        await nats.close()
        assert "error" not in json.loads(reply.payload), reply.payload

    async def make_stream(self, *, metadata: Mapping[str, str] | None = None, **changes: object) -> None:
        """Create the stream of the node, as another program would that gets its settings wrong."""
        names = Names(self.stream)
        said: dict[str, str] = {EPOCH: new_epoch()} if metadata is None else dict(metadata)
        settings = stream_settings(names, replicas=1, first=1, max_age_s=DAY_S, max_records=10, metadata=said)
        await self.ask(names.create, {**settings, **changes})


Prepare = Callable[[Place], Any]


async def no_stream(place: Place) -> None:
    """Nobody has run `hub cluster init`."""


async def another_programs_stream(place: Place) -> None:
    """A stream of the name is there, of another company or program."""
    await place.make_stream(metadata={"owner": "billing"})


async def wrong_setting(place: Place) -> None:
    """The stream was made with other tools; the table of settings has all of them."""
    await place.make_stream(republish=None)


async def no_jetstream(place: Place) -> None:
    """The servers run without it."""
    await place.run_server(jetstream=False)


async def small_messages(place: Place) -> None:
    """The servers take no message that is as large as a notification may be."""
    await place.run_server(max_payload=65_536)


async def wrong_password(place: Place) -> None:
    """The password of the URL is another one."""
    await place.run_server(authorization={"users": [{"user": "hub", "password": "right"}]})
    place.log_in("hub:wr0ng")


async def no_password(place: Place) -> None:
    """The URL has none, and the server wants one."""
    await place.run_server(authorization={"users": [{"user": "hub", "password": "right"}]})


async def wrong_token(place: Place) -> None:
    """The token of the URL is another one."""
    await place.run_server(authorization={"token": "right"})
    place.log_in("wr0ng")


async def credentials_of_another_operator(place: Place) -> None:
    """The file is of an account that these servers do not know."""
    operator = Operator()
    await place.run_server(**operator.configure(operator.make_account("hub")))
    stranger = Operator().make_account("hub")
    place.environ["HUB_LOG_CREDENTIALS_FILE"] = str(stranger.write_credentials(place.folder / "hub.creds"))


async def expired_credentials(place: Place) -> None:
    """The user's JWT has an end, and that was yesterday."""
    operator = Operator()
    account = operator.make_account("hub")
    await place.run_server(**operator.configure(account))
    path = account.write_credentials(place.folder / "hub.creds", expires_at_s=int(time.time()) - DAY_S)
    place.environ["HUB_LOG_CREDENTIALS_FILE"] = str(path)


async def an_account_without_jetstream(place: Place) -> None:
    """The servers have it, and the account may not use it."""
    operator = Operator()
    account = operator.make_account("hub", stores=False)
    await place.run_server(**operator.configure(account))
    place.environ["HUB_LOG_CREDENTIALS_FILE"] = str(account.write_credentials(place.folder / "hub.creds"))


async def damaged_credentials(place: Place) -> None:
    """A character of the seed is another one."""
    path = Operator().make_account("hub").write_credentials(place.folder / "hub.creds")
    text = path.read_text()
    start = text.index("\nSU") + 20
    path.write_text(text[:start] + ("A" if text[start] != "A" else "B") + text[start + 1 :])
    place.environ["HUB_LOG_CREDENTIALS_FILE"] = str(path)


async def _serve_tls(place: Place, authority: Authority, name: str) -> None:
    certificate, key = authority.issue("nats", name)
    files = {"cert_file": place.write("server.pem", certificate), "key_file": place.write("server.key", key)}
    await place.run_server(tls=files)
    place.environ["HUB_LOG_URL"] = place.environ["HUB_LOG_URL"].replace("nats:", "tls:")


async def wrong_authority(place: Place) -> None:
    """The server's certificate is of another authority than HUB_LOG_CA_FILE."""
    await _serve_tls(place, Authority("one"), "127.0.0.1")
    place.environ["HUB_LOG_CA_FILE"] = place.write("ca.pem", Authority("other").certificate)


async def wrong_name(place: Place) -> None:
    """The server's certificate is for another name than that of HUB_LOG_URL."""
    authority = Authority()
    await _serve_tls(place, authority, "nats-1.internal")
    place.environ["HUB_LOG_CA_FILE"] = place.write("ca.pem", authority.certificate)


async def no_tls(place: Place) -> None:
    """The URL says tls://, and the server speaks none."""
    await place.run_server()
    place.environ["HUB_LOG_URL"] = place.environ["HUB_LOG_URL"].replace("nats:", "tls:")


class Row(NamedTuple):
    """`words`: what the line has; `cure`: what of it says what to do."""

    prepare: Prepare
    words: str
    cure: str


TABLE = [
    Row(no_stream, "HUB_LOG_STREAM: NATS has no stream", "hub cluster init"),
    Row(another_programs_stream, "is not a log of the hub", "choose another name"),
    Row(wrong_setting, "does not republish", "nats stream edit"),
    Row(no_jetstream, "HUB_LOG_URL: NATS has no JetStream", "start the servers with it"),
    Row(an_account_without_jetstream, "HUB_LOG_URL: NATS has no JetStream", "enable it for the hub's account"),
    Row(small_messages, "at most 65536 bytes", "max_payload: 1MB"),
    Row(wrong_password, "HUB_LOG_URL: NATS does not accept", "user and password in it"),
    Row(no_password, "HUB_LOG_URL: NATS wants credentials", "HUB_LOG_CREDENTIALS_FILE"),
    Row(wrong_token, "HUB_LOG_URL: NATS does not accept", "token in it"),
    Row(credentials_of_another_operator, "does not accept the credentials in", "HUB_LOG_CREDENTIALS_FILE"),
    Row(expired_credentials, "HUB_LOG_CREDENTIALS_FILE: NATS does not accept", "the JWT in it is good until 20"),
    Row(damaged_credentials, "HUB_LOG_CREDENTIALS_FILE: the seed in", "write the file again"),
    Row(wrong_authority, "certificate is not accepted", "HUB_LOG_CA_FILE: "),
    Row(wrong_name, "HUB_LOG_URL: the server's certificate", "name the server as its certificate does"),
    Row(no_tls, "HUB_LOG_URL: the server speaks no TLS", "tls://"),
]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """A place for one node; its servers end with the test."""
    place = Place(tmp_path)
    yield place
    for server in place.servers:
        server.stop()


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.prepare.__name__)
async def test_a_node_does_not_start(place: Place, row: Row) -> None:
    """The hub and `hub check` say the same: what is wrong and what to do, without a password; nothing is made."""
    await row.prepare(place)
    with pytest.raises(SettingsError) as caught:
        async with open_hub(read_settings(place.environ)):
            pass
    line = str(caught.value)
    assert row.words in line
    assert row.cure in line
    assert "\n" not in line
    assert not log_path(place.folder / "data").exists()
    checked = await asyncio.to_thread(CliRunner().invoke, main, ["check"], env=place.environ)
    assert 1 == checked.exit_code
    assert [f"fail  stream      {line}"] == [each for each in checked.output.splitlines() if each.startswith("fail")]
    assert not [secret for secret in ("wr0ng", "SU", "eyJ") if secret in checked.output + line]


async def _serve(place: Place, row: Row) -> None:
    await row.prepare(place)
    done = await asyncio.to_thread(run, "serve", folder=place.folder / "data", env=place.environ)
    *before, last = done.stderr.splitlines()
    assert (2, "") == (done.returncode, done.stdout)
    assert last.startswith("hub: cannot start: ")
    assert row.words in last
    assert row.cure in last
    assert {"info", "warning"} >= {json.loads(line)["level"] for line in before}


async def test_the_process_ends_with_that_line(place: Place) -> None:
    """`hub serve` ends with 2, and its last line is what is wrong and what to do."""
    await _serve(place, TABLE[0])


@pytest.mark.soak
@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.prepare.__name__)
async def test_the_process_ends_with_each_line(place: Place, row: Row) -> None:
    """The same for every row."""
    await _serve(place, row)
