"""The connection to NATS, with real servers: what arrives, what fails at once, and that it always comes back."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hub.nats.address import Credentials, read_servers
from hub.nats.client import DirectClient
from hub.nats.connection import NatsConnection, open_nats
from hub.nats.port import Message, NatsError, NoResponders, NotConnected, NotInTime, TooLarge, TooMuchWaits
from hub.nats.tls import make_tls
from tests.authority import Authority
from tests.nats_servers import NatsServer, find_free_ports, make_cluster

DEADLINE_S = 20.0


@contextlib.asynccontextmanager
async def _connected(*servers: NatsServer, url: str = "", ca_file: Path | None = None) -> AsyncIterator[NatsConnection]:
    addresses, found = read_servers(url or ",".join(server.url for server in servers))
    connection = await open_nats(
        addresses,
        name="test",
        credentials=found,
        tls=make_tls(ca_file),
        timeout_s=DEADLINE_S,
        ping_interval_s=1,
    )
    try:
        yield connection
    finally:
        await connection.close()


async def _wait(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.01)


class _Heard(list[bytes]):
    def take(self, message: Message) -> None:
        self.append(message.payload)


class TestMessages:
    async def test_a_subscription_gets_what_is_published_in_order(self, server: NatsServer) -> None:
        """Everything that is published after `subscribe` returned arrives, once and in order, with its headers."""
        heard: list[Message] = []
        async with _connected(server) as speaker, _connected(server) as listener:
            await listener.subscribe("a.>", heard.append)
            for number in range(1_000):
                speaker.publish("a.b", b"%d" % number, {"Number": str(number)})
            await _wait(lambda: len(heard) == 1_000)
        assert [b"%d" % number for number in range(1_000)] == [message.payload for message in heard]
        assert {"Number": "7"} == heard[7].headers
        assert "a.b" == heard[7].subject

    async def test_an_ended_subscription_hears_nothing(self, server: NatsServer) -> None:
        """After `end` the callback is not called any more."""
        heard, other = _Heard(), _Heard()
        async with _connected(server) as connection:
            subscription = await connection.subscribe("a", heard.take)
            await connection.subscribe("a", other.take)
            connection.publish("a", b"1")
            await _wait(lambda: len(heard) == len(other) == 1)
            subscription.end()
            connection.publish("a", b"2")
            await _wait(lambda: len(other) == 2)
        assert [b"1"] == heard

    async def test_what_was_published_before_the_close_is_sent(self, server: NatsServer) -> None:
        """`close` sends what waits."""
        heard = _Heard()
        async with _connected(server) as listener:
            await listener.subscribe("a", heard.take)
            async with _connected(server) as speaker:
                speaker.publish("a", b"last")
            await _wait(lambda: len(heard) == 1)

    async def test_a_request_gets_its_own_reply(self, server: NatsServer) -> None:
        """Requests under way at the same time never get each other's reply."""
        async with _connected(server) as asking, _connected(server) as answering:
            await answering.subscribe(
                "echo", lambda message: answering.publish(message.reply, message.payload, {"Who": "me"})
            )
            replies = await asyncio.gather(
                *(asking.request("echo", b"%d" % number, timeout_s=DEADLINE_S) for number in range(200))
            )
        assert [b"%d" % number for number in range(200)] == [reply.payload for reply in replies]
        assert {"Who": "me"} == replies[0].headers

    async def test_a_request_of_nobody_and_one_without_a_reply(self, server: NatsServer) -> None:
        """Nobody there is known at once; somebody who does not reply is waited for until the deadline."""
        async with _connected(server) as connection:
            with pytest.raises(NoResponders):
                await connection.request("nobody", b"", timeout_s=DEADLINE_S)
            await connection.subscribe("silent", lambda message: None)
            with pytest.raises(NotInTime):
                await connection.request("silent", b"", timeout_s=0.05)

    async def test_many_replies(self, server: NatsServer) -> None:
        """Replies are collected up to a count, up to the last one, or until the time is over."""

        async with _connected(server) as asking, _connected(server) as answering:

            def reply(message: Message) -> None:
                for number in range(3):
                    answering.publish(message.reply, b"%d" % number)

            await answering.subscribe("three", reply)
            ask = asking.request_many
            some = await ask("three", b"", timeout_s=DEADLINE_S, expected=2)
            all_of_them = await ask("three", b"", timeout_s=DEADLINE_S, is_last=lambda reply: reply.payload == b"2")
            in_time = await ask("three", b"", timeout_s=0.5)
            nobody = await ask("nobody", b"", timeout_s=DEADLINE_S)
        assert [[b"0", b"1"], [b"0", b"1", b"2"], [b"0", b"1", b"2"], []] == [
            [reply.payload for reply in replies] for replies in (some, all_of_them, in_time, nobody)
        ]

    async def test_too_much_is_refused(self, server: NatsServer) -> None:
        """What waits to be sent is bounded in bytes."""
        async with _connected(server) as connection:

            def flood() -> None:
                for _ in range(100):
                    connection.publish("a", bytes(2**19))

            with pytest.raises(TooMuchWaits):
                flood()

    async def test_a_slow_listener_loses_nothing(self, server: NatsServer) -> None:
        """A callback that takes its time gets every message, in order: nothing between it and the server drops one."""
        heard = _Heard()

        def take(message: Message) -> None:
            if len(heard) % 100 == 0:
                time.sleep(0.02)
            heard.take(message)

        async with _connected(server) as speaker, _connected(server) as listener:
            await listener.subscribe("a", take)
            for number in range(2_000):
                speaker.publish("a", b"%d" % number + bytes(2_000))
            await _wait(lambda: len(heard) == 2_000)
        assert list(range(2_000)) == [int(payload.rstrip(b"\0")) for payload in heard]

    async def test_a_callback_that_fails_does_not_end_the_others(self, server: NatsServer) -> None:
        """What one message makes of its callback, the next one does not suffer from."""
        heard = _Heard()

        def fail(message: Message) -> None:
            raise LookupError

        async with _connected(server) as connection:
            await connection.subscribe("a", fail)
            await connection.subscribe("a", heard.take)
            connection.publish("a", b"1")
            connection.publish("a", b"2")
            await _wait(lambda: len(heard) == 2)

    async def test_what_no_server_takes_is_refused(self, server: NatsServer) -> None:
        """A message that is too large, or would break the protocol, is refused, and the connection stays."""
        async with _connected(server) as connection:
            with pytest.raises(TooLarge):
                connection.publish("a", bytes(2**20 + 1))
            with pytest.raises(ValueError, match="spaces"):
                connection.publish("a b", b"")
            with pytest.raises(ValueError, match="spaces"):
                await connection.subscribe("a\r\nPUB b 0", lambda message: None)
            with pytest.raises(ValueError, match="one line"):
                connection.publish("a", b"", {"Name": "1\r\nAnother: 2"})
            with pytest.raises(NoResponders):
                await connection.request("nobody", b"", timeout_s=DEADLINE_S)


class TestReconnection:
    async def test_it_comes_back_and_hears_again(self, server: NatsServer) -> None:
        """A kill of the only server ends requests at once; once it is back, all is as before."""
        heard, changes = _Heard(), list[bool]()
        async with _connected(server) as connection:
            connection.on_change.append(changes.append)
            await connection.subscribe("a", heard.take)
            await connection.subscribe("silent", lambda message: None)
            request = asyncio.create_task(connection.request("silent", b"", timeout_s=60))
            await asyncio.sleep(0)
            server.kill()
            with pytest.raises(NotConnected):
                await request
            await _wait(lambda: not connection.is_connected)
            with pytest.raises(NotConnected):
                connection.publish("a", b"lost")
            with pytest.raises(NotConnected):
                await connection.request("a", b"", timeout_s=1)
            await server.start()
            await _wait(lambda: connection.is_connected)
            connection.publish("a", b"back")
            await _wait(lambda: bool(heard))
        assert [b"back"] == heard
        assert [False, True, False] == changes

    async def test_a_server_that_hangs_is_left(self, tmp_path: Path) -> None:
        """A server that stops without a word is noticed by its missing pongs, and another one takes over."""
        with make_cluster(tmp_path, 2) as servers:
            await asyncio.gather(*(server.start() for server in servers))
            async with _connected(*servers) as connection:
                (first,) = [server for server in servers if str(server.port) in connection.server]
                first.send(signal.SIGSTOP)
                # More than the kernel holds for it.
                for _ in range(50):
                    connection.publish("a", bytes(2**19))
                (second,) = [server for server in servers if server is not first]
                await _wait(lambda: str(second.port) in connection.server)
                heard = _Heard()
                await connection.subscribe("b", heard.take)
                connection.publish("b", b"after")
                await _wait(lambda: bool(heard))

    async def test_a_server_that_is_about_to_stop_is_left(self, tmp_path: Path) -> None:
        """Lame duck mode: the connection is elsewhere long before the server closes it."""
        with make_cluster(tmp_path, 2) as servers:
            await asyncio.gather(*(server.start() for server in servers))
            async with _connected(*servers) as connection:
                (first,) = [server for server in servers if str(server.port) in connection.server]
                first.send(signal.SIGUSR2)
                await _wait(lambda: connection.is_connected and str(first.port) not in connection.server)


class TestOpening:
    async def test_nobody_there(self) -> None:
        """A port where nobody listens is named as such, when the time is over."""
        servers, _ = read_servers(f"nats://127.0.0.1:{find_free_ports(1)[0]}")
        with pytest.raises(NatsError, match=r"(?i)connect"):
            await open_nats(servers, name="test", timeout_s=0.5)

    async def test_a_cancellation_that_is_lost(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The end does not wait for ever for a client that loses a cancellation, as Python 3.11 may."""

        async def connect(client: DirectClient, *_: object, **__: object) -> None:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                raise ConnectionRefusedError("connect") from None

        monkeypatch.setattr(DirectClient, "connect", connect)
        servers, _ = read_servers("nats://127.0.0.1:1")
        async with asyncio.timeout(DEADLINE_S):
            with pytest.raises(NatsError):
                await open_nats(servers, name="test", timeout_s=0.1)

    async def test_wrong_credentials(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        """A server that refuses them ends the start at once, in words without the password; the right ones work."""
        users = {"authorization": {"users": [{"user": "hub", "password": "p@ss:word"}]}}
        server = NatsServer(tmp_path, jetstream=False, extra=users)
        await server.start()
        try:
            with caplog.at_level(logging.DEBUG), pytest.raises(NatsError, match="does not accept the credentials"):
                async with _connected(url=server.url.replace("//", "//hub:wr0ng@")):
                    pass
            assert "wr0ng" not in caplog.text
            async with _connected(url=server.url.replace("//", "//hub:p%40ss%3Aword@")) as connection:
                assert connection.is_connected
        finally:
            server.stop()

    async def test_tls(self, tmp_path: Path) -> None:
        """With the authority's file the certificate is checked and accepted; without it, it is not."""
        authority = Authority()
        certificate, key = authority.issue("nats", "127.0.0.1")
        (tmp_path / "server.pem").write_bytes(certificate)
        (tmp_path / "server.key").write_bytes(key)
        (tmp_path / "ca.pem").write_bytes(authority.certificate)
        tls = {"tls": {"cert_file": str(tmp_path / "server.pem"), "key_file": str(tmp_path / "server.key")}}
        server = NatsServer(tmp_path / "nats", jetstream=False, extra=tls)
        await server.start()
        try:
            url = server.url.replace("nats://", "tls://")
            async with _connected(url=url, ca_file=tmp_path / "ca.pem") as connection:
                with pytest.raises(NoResponders):
                    await connection.request("nobody", b"", timeout_s=DEADLINE_S)
            with pytest.raises(NatsError, match="certificate is not accepted"):
                async with _connected(url=url):
                    pass
        finally:
            server.stop()

    async def test_no_password_goes_to_a_server_without_tls(self) -> None:
        """Where the URL says tls:// and the server speaks none, it is told no password, and the start says why."""
        said = b""

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal said
            writer.write(b'INFO {"server_id":"x","version":"2.15.1","max_payload":1048576,"auth_required":true}\r\n')
            with contextlib.suppress(OSError):
                while part := await reader.read(4_096):
                    said += part
                    if b"PING" in part:
                        writer.write(b"PONG\r\n")
            writer.close()

        fake = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = fake.sockets[0].getsockname()[1]
        try:
            with pytest.raises(NatsError, match="speaks no TLS"):
                async with _connected(url=f"tls://hub:s3cret@127.0.0.1:{port}"):
                    pass
        finally:
            fake.close()
        assert b"s3cret" not in said

    async def test_a_key_signs_the_challenge(self, tmp_path: Path) -> None:
        """The signature of a JWT's key is the one that NATS verifies: base64url, without padding."""
        key = Ed25519PrivateKey.generate()
        signature = Credentials(jwt="x", key=key).sign("nonce")
        public = key.public_key()
        public.verify(base64.urlsafe_b64decode(signature + b"=="), b"nonce")
        assert 32 == len(public.public_bytes(Encoding.Raw, PublicFormat.Raw))
