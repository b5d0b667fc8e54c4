"""`hub tail`: what it shows, where it goes on, and when it stops. Real hubs, and sockets that misbehave."""

from __future__ import annotations

import asyncio
import base64
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from click.testing import CliRunner
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from hub.cli import main
from hub.cli.commands.tail import Subscription
from hub.cli.support.outcome import Refused, Unreachable
from hub.directory.demo import DEMO_USERS
from tests.cli.process import DEADLINE_S, DevHub, Running, run
from tests.cli.server import answering

BUYER = DEMO_USERS[0]
transports = pytest.mark.parametrize("transport", ["websocket", "sse"])


def publish(hub: DevHub, title: str, *arguments: str) -> str:
    """Publish to the buyer; return the notification's cursor."""
    whom = ("--user", BUYER.user_id, "--account", str(BUYER.account_id))
    what = ("--type", "order_created", "--title", title, "--message", "m")
    runner = CliRunner(env={"HUB_DATA_DIR": str(hub.folder), "HUB_URL": None, "HUB_SERVICE_KEY": None})
    done = runner.invoke(main, ["notify", "--dev", "--json", *whom, *what, *arguments])
    cursor = msgspec.json.decode(done.stdout)["cursor"]
    assert isinstance(cursor, str)
    return cursor


def titles(lines: list[str]) -> list[str]:
    """Return the titles of the notifications among these frames."""
    frames = [msgspec.json.decode(line) for line in lines]
    return [frame["title"] for frame in frames if frame["type"] == "order_created"]


class TestHub:
    def test_pulled_plug(self, dev_hub: DevHub) -> None:
        """What was sent while nobody listened comes after the last cursor, once, over the other transport too."""
        with Running("tail", "--dev", "--json", folder=dev_hub.folder) as tail:
            tail.wait_for("connection_established")
            publish(dev_hub, "first")
            tail.wait_for('"first"')
            tail.process.kill()
            tail.wait()
        cursor = msgspec.json.decode(tail.out[-1])["cursor"]
        for title in ("second", "third"):
            publish(dev_hub, title)
        for transport in ("websocket", "sse"):
            arguments = ("--transport", transport, "--cursor", cursor, "--count", "2", "--timeout", "10")
            done = run("tail", "--dev", "--json", *arguments, folder=dev_hub.folder)
            assert (0, ["second", "third"]) == (done.returncode, titles(done.stdout.splitlines()))
            assert f"cursor: {msgspec.json.decode(done.stdout.splitlines()[-1])['cursor']}\n" == done.stderr

    @transports
    def test_line(self, dev_hub: DevHub, transport: str) -> None:
        """A person reads one line a notification, and nothing in it reaches the terminal as a command."""
        with Running("tail", "--dev", "--transport", transport, "--count", "1", folder=dev_hub.folder) as tail:
            tail.wait_for("connected to")
            publish(dev_hub, "A \x1b[31mB", "--data", '{\n "orderId": 1,\n "x": "\x7f\x9b2J" }')
            assert 0 == tail.wait()
        assert 1 == len(tail.out)
        assert tail.out[0].endswith('order_created  A \\x1b[31mB - m  {"orderId":1,"x":"\\u007f\\u009b2J"}')

    def test_interrupt(self, dev_hub: DevHub) -> None:
        """Ctrl-C ends it with 130, the cursor, and not a word more."""
        with Running("tail", "--dev", folder=dev_hub.folder) as tail:
            tail.wait_for("connected to")
            assert 130 == tail.stop(signal.SIGINT)
        assert 2 == len(tail.err)
        assert tail.err[-1].startswith("cursor: ")

    @transports
    def test_refused(self, dev_hub: DevHub, transport: str) -> None:
        """Who may not connect is told why, once, with exit code 1."""
        done = run("tail", "--dev", "--as", "suspended", "--transport", transport, folder=dev_hub.folder)
        assert 1 == done.returncode
        assert "This account is not active" in done.stderr
        assert 1 == done.stderr.count("\n")

    @transports
    def test_cursor_that_is_none(self, dev_hub: DevHub, transport: str) -> None:
        """A cursor that no hub wrote is refused over either transport, with exit code 1."""
        done = run("tail", "--dev", "--cursor", "42", "--transport", transport, folder=dev_hub.folder)
        assert (1, True) == (done.returncode, "not a cursor of a hub" in done.stderr)

    def test_token_that_is_none(self, dev_hub: DevHub) -> None:
        """What stands in the place of a token is told for what it is."""
        for text, fault in {
            "Bearer eyJh.e30.x": "begins with the word Bearer",
            "<html lang=pt>": "is an HTML page",
        }.items():
            done = run("tail", "--url", dev_hub.url, folder=dev_hub.folder, env={"HUB_TOKEN": text})
            assert (2, True) == (
                done.returncode,
                done.stderr.startswith(f"hub: HUB_TOKEN: is not a valid token: it {fault}"),
            )
        done = run("tail", "--url", dev_hub.url, folder=dev_hub.folder, env={"HUB_TOKEN": "abc"})
        assert (1, True) == (done.returncode, "`hub token inspect` says why" in done.stderr)

    def test_unknown_demo_user(self, dev_hub: DevHub) -> None:
        """A name that no demo user has is exit code 2, with the names there are."""
        done = run("tail", "--dev", "--as", "ceo", folder=dev_hub.folder)
        assert 2 == done.returncode
        assert "buyer, seller" in done.stderr

    def test_restart(self, tmp_path: Path) -> None:
        """Over a restart of the hub, both transports come back by themselves and miss nothing."""
        folder = tmp_path / "hub-data"
        with DevHub(folder) as hub:
            port = hub.url.rpartition(":")[2]
            with (
                Running("tail", "--dev", "--json", folder=folder) as first,
                Running("tail", "--dev", "--json", "--transport", "sse", folder=folder) as second,
            ):
                for tail in (first, second):
                    tail.wait_for("connection_established")
                assert 0 == hub.stop()
                with DevHub(folder, env={"HUB_PORT": port}) as again:
                    publish(again, "after")
                    for tail in (first, second):
                        tail.wait_for('"after"')
                        assert ["after"] == titles(tail.out)


def encode(**fields: Any) -> str:
    """Return a frame."""
    return msgspec.json.encode(fields).decode()


def established(cursor: str) -> str:
    """Return the first frame of a connection."""
    data = {"connectionId": "c", "resume": "live", "cursor": cursor, "heartbeatSeconds": 0.2}
    return encode(type="connection_established", title="t", message="m", timestamp="x", data=data)


Talk = Callable[[ServerConnection, dict[str, list[str]]], Awaitable[None]]


@asynccontextmanager
async def talking(*talks: Talk) -> AsyncIterator[tuple[str, list[ServerConnection]]]:
    """Serve one WebSocket after the other as the functions say, the last one for ever."""
    connections: list[ServerConnection] = []

    async def handle(connection: ServerConnection) -> None:
        connections.append(connection)
        assert connection.request is not None
        talk = talks[min(len(connections), len(talks)) - 1]
        await talk(connection, parse_qs(urlsplit(connection.request.path).query))

    async with serve(handle, "127.0.0.1", 0, subprotocols=["hub.v1"]) as server:  # type: ignore[list-item]  # a NewType of str
        yield f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}", connections


def make_subscription(
    url: str,
    *,
    count: int | None = None,
    reconnect: bool = True,
    renews: bool = False,
    transport: Literal["websocket", "sse"] = "websocket",
) -> Subscription:
    """Return a subscription as the command makes it."""
    return Subscription(
        url,
        lambda: "tok.en",
        renews,
        transport=transport,
        cursor=None,
        count=count,
        reconnect=reconnect,
        as_json=True,
        # At once: how long a tail waits is random, and not what is looked at here.
        max_wait_s=0.01,
    )


class TestSocket:
    async def test_handshake(self) -> None:
        """The token travels as a subprotocol and nowhere in the URL."""

        async def talk(connection: ServerConnection, query: dict[str, list[str]]) -> None:
            await connection.close(4500, "no")

        async with talking(talk) as (url, connections):
            with pytest.raises(Refused, match="closed with 4500: no"):
                await make_subscription(url).run(DEADLINE_S)
        request = connections[0].request
        assert request is not None
        bearer = base64.urlsafe_b64encode(b"tok.en").decode().rstrip("=")
        assert f"hub.v1, hub.bearer.{bearer}" == request.headers["Sec-WebSocket-Protocol"]
        assert "/ws" == request.path

    @pytest.mark.parametrize("code", [1012, 4000, 4002, 1011, 1013])
    async def test_comes_back_where_it_was(self, code: int) -> None:
        """After a code below 4500 it goes on from the last cursor, the greeting's or a heartbeat's included."""
        asked: list[list[str]] = []

        async def talk(connection: ServerConnection, query: dict[str, list[str]]) -> None:
            asked.append(query.get("cursor", []))
            if len(asked) == 1:
                await connection.send(established("e-1"))
                await connection.close(code, "")
            elif len(asked) == 2:
                await connection.send(established("e-1"))
                await connection.send(encode(type="heartbeat", cursor="e-2"))
                await connection.close(code, "")
            else:
                await connection.send(encode(type="x", title="t", message="m", timestamp="x", cursor="e-3"))

        async with talking(talk) as (url, _):
            tail = make_subscription(url, count=1)
            await tail.run(DEADLINE_S)
        assert [[], ["e-1"], ["e-2"]] == asked
        assert "e-3" == tail.cursor

    @pytest.mark.parametrize("code", [4500, 4501, 4502, 4503, 1008])
    async def test_gives_up(self, code: int) -> None:
        """After a code that says so it stops, with exit code 1."""

        async def talk(connection: ServerConnection, query: dict[str, list[str]]) -> None:
            await connection.close(code, "because")

        async with talking(talk) as (url, connections):
            with pytest.raises(Refused, match=f"closed with {code}: because"):
                await make_subscription(url).run(DEADLINE_S)
        assert 1 == len(connections)

    @pytest.mark.parametrize("renews", [False, True])
    async def test_expired_token(self, renews: bool) -> None:
        """An expired token ends it, unless a new one can be made."""

        async def expire(connection: ServerConnection, query: dict[str, list[str]]) -> None:
            await connection.close(4001, "")

        async def go_on(connection: ServerConnection, query: dict[str, list[str]]) -> None:
            await connection.send(encode(type="x", title="t", message="m", timestamp="x", cursor="e-3"))

        async with talking(expire, go_on) as (url, _):
            tail = make_subscription(url, count=1, renews=renews)
            if renews:
                await tail.run(DEADLINE_S)
            else:
                with pytest.raises(Refused, match="it takes a new token"):
                    await tail.run(DEADLINE_S)

    async def test_silent_hub_is_left(self) -> None:
        """A hub that sends nothing for two and a half heartbeat intervals is left, and asked again."""

        async def say_no_more(connection: ServerConnection, query: dict[str, list[str]]) -> None:
            await connection.send(established("e-1"))
            await connection.wait_closed()

        async def go_on(connection: ServerConnection, query: dict[str, list[str]]) -> None:
            await connection.send(encode(type="x", title="t", message="m", timestamp="x", cursor="e-3"))

        async with talking(say_no_more, go_on) as (url, _):
            await make_subscription(url, count=1).run(DEADLINE_S)

    async def test_redirect_is_not_followed(self) -> None:
        """The token goes to nobody but the hub that was named."""
        reached = asyncio.Event()

        async def talk(connection: ServerConnection, query: dict[str, list[str]]) -> None:
            reached.set()

        def redirect(connection: ServerConnection, request: Request) -> Response:
            response = connection.respond(302, "")
            response.headers["Location"] = other.replace("http", "ws") + "/ws"
            return response

        async def never(connection: ServerConnection) -> None:
            """Stay away from here."""

        async with (
            talking(talk) as (other, _),
            serve(never, "127.0.0.1", 0, process_request=redirect) as server,
        ):
            url = f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
            with pytest.raises(Unreachable):
                await make_subscription(url).run(DEADLINE_S)
        assert not reached.is_set()

    @pytest.mark.parametrize("frame", ["", "[]", "{", '{"type":1}', '{"type":"x","title":"\\ud800"}', "\x00"])
    async def test_what_is_no_frame(self, frame: str) -> None:
        """A WebSocket server that is not a hub ends it in a sentence."""

        async def talk(connection: ServerConnection, query: dict[str, list[str]]) -> None:
            await connection.send(frame)
            await connection.wait_closed()

        async with talking(talk) as (url, _):
            with pytest.raises(Refused, match="what came is not a valid frame"):
                await make_subscription(url).run(DEADLINE_S)

    async def test_too_few(self) -> None:
        """When the time is over and less came than asked for, the exit code is 1."""

        async def talk(connection: ServerConnection, query: dict[str, list[str]]) -> None:
            await connection.send(established("e-1"))
            await connection.wait_closed()

        async with talking(talk) as (url, _):
            with pytest.raises(Refused, match="3 notifications fewer"):
                await make_subscription(url, count=3).run(0.3)

    @transports
    async def test_nobody_there(self, transport: Literal["websocket", "sse"]) -> None:
        """Without a hub it tries until the time is over, and at once with --no-reconnect; exit code 3."""
        for reconnect in (True, False):
            tail = make_subscription("http://127.0.0.1:9", reconnect=reconnect, transport=transport)
            with pytest.raises(Unreachable):
                await tail.run(0.2)


class TestStream:
    async def test_closing_event(self) -> None:
        """A stream's last event stands for the close code."""
        body = f"id: e-7\ndata: {encode(type='closing', code=4502, reason='by an operator')}\n\n".encode()
        stream = (200, {"Content-Type": "text/event-stream"}, body)
        with answering([stream]) as (url, asked), pytest.raises(Refused, match="closed with 4502: by an operator"):
            await make_subscription(url, transport="sse").run(DEADLINE_S)
        assert "Bearer tok.en" == asked[0][1]["authorization"]
        assert "/sse" == asked[0][0]

    async def test_goes_on_from_a_comment(self) -> None:
        """An id without data moves the cursor, as it does for a browser, and the header carries it."""
        first = (200, {"Content-Type": "text/event-stream"}, b": hb\nid: e-8\n\n")
        with answering([first, (403, {}, b"{}")]) as (url, asked), pytest.raises(Refused):
            await make_subscription(url, transport="sse").run(DEADLINE_S)
        assert [None, "e-8"] == [headers.get("last-event-id") for _, headers, _ in asked]

    async def test_what_is_no_stream(self) -> None:
        """A page in place of a stream is not a hub; it is asked again until the time is over."""
        with answering([(200, {"Content-Type": "text/html"}, b"<p>")]) as (url, _), pytest.raises(Unreachable):
            await make_subscription(url, transport="sse").run(0.3)


def test_no_token(tmp_path: Path) -> None:
    """Without a token the variable is named; exit code 2."""
    done = run("tail", folder=tmp_path / "hub-data")
    assert (2, True) == (done.returncode, done.stderr.startswith("hub: HUB_TOKEN: is missing"))
