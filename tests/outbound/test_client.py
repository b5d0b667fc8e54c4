"""The guarded client, on real sockets, with a resolver of the tests' own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable

import pytest

from hub.bounds import Bounds
from hub.outbound.client import OutboundClient, OutboundFailure
from hub.outbound.resolver import Resolver
from tests.authority import Authority
from tests.outbound.endpoint import Received, open_endpoint, respond_with, trust

AUTHORITY = Authority()


class Names:
    """Says where every name is: a list for each look-up in turn, the last one for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def look_up(self, host: str, port: int) -> list[str]:
        """Return the next answer."""
        self.asked.append(host)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer == ["silent"]:
            await asyncio.Event().wait()
        if not answer:
            raise OSError("unknown")
        return answer


@contextlib.asynccontextmanager
async def open_client(
    names: Names | None = None,
    *,
    allow_private: bool = True,
    timeout_s: float = 10.0,
    each: int = 8,
    total: int = 64,
    environ: dict[str, str] | None = None,
) -> AsyncIterator[OutboundClient]:
    """Return a client that trusts the tests' authority."""
    resolver = Resolver((names or Names(["127.0.0.1"])).look_up)
    client = OutboundClient(
        what="webhooks",
        allow_private=allow_private,
        bounds=Bounds(
            outbound_timeout_s=timeout_s,
            outbound_requests=total,
            outbound_requests_each=each,
            outbound_body_bytes=1000,
        ),
        resolver=resolver,
        tls=trust(AUTHORITY),
        environ=environ or {},
    )
    try:
        yield client
    finally:
        await client.close()
        await resolver.close()


async def fail(client: OutboundClient, url: str) -> OutboundFailure:
    """Return the failure of a request that must fail."""
    with pytest.raises(OutboundFailure) as raised:
        await client.post(url, b"{}", {})
    return raised.value


class TestExchange:
    async def test_response(self) -> None:
        """A response comes with status, fields and body; the endpoint gets body, fields and the name in Host."""
        async with (
            open_endpoint(respond_with(201, b"fine", "Retry-After: 7"), authority=AUTHORITY) as endpoint,
            open_client() as client,
        ):
            url = f"https://hooks.test:{endpoint.port}/in?a=b"
            response = await client.post(url, b'{"a":1}', {"webhook-id": "one"})
        assert (201, "7", b"fine") == (response.status, response.fields["retry-after"], response.body)
        (received,) = endpoint.requests
        assert ("/in?a=b", b'{"a":1}', "one") == (received.target, received.body, received.fields["webhook-id"])
        assert f"hooks.test:{endpoint.port}" == received.fields["host"]
        assert "7" == received.fields["content-length"]

    async def test_connection_is_used_again(self) -> None:
        """A second request to the same host uses the first one's connection, and its checked address."""
        names = Names(["127.0.0.1"], ["169.254.169.254"])
        async with (
            open_endpoint(respond_with(200, keep=True), authority=AUTHORITY) as endpoint,
            open_client(names) as client,
        ):
            for _ in range(3):
                await client.post(f"https://hooks.test:{endpoint.port}/", b"", {})
            assert (1, 3) == (endpoint.connections, len(endpoint.requests))
        assert ["hooks.test"] == names.asked

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    async def test_redirect_is_not_followed(self, status: int) -> None:
        """A redirect is a response like any other: what it names is never requested."""
        async with open_endpoint(respond_with(200)) as private:
            location = f"Location: http://127.0.0.1:{private.port}/"
            async with (
                open_endpoint(respond_with(status, b"", location), authority=AUTHORITY) as endpoint,
                open_client() as client,
            ):
                response = await client.post(f"https://hooks.test:{endpoint.port}/", b"", {})
            assert status == response.status
            assert 0 == private.connections

    async def test_certificate_of_another_name(self) -> None:
        """TLS is verified by the name in the URL, although the connection goes to an address."""
        async with (
            open_endpoint(respond_with(200), authority=AUTHORITY, names=("other.test",)) as endpoint,
            open_client() as client,
        ):
            failure = await fail(client, f"https://hooks.test:{endpoint.port}/")
        assert ("certificate", False) == (failure.reason, failure.was_sent)
        assert [] == endpoint.requests

    async def test_certificate_of_another_authority(self) -> None:
        """An authority that is not trusted is refused."""
        async with (
            open_endpoint(respond_with(200), authority=Authority("Another")) as endpoint,
            open_client() as client,
        ):
            assert "certificate" == (await fail(client, f"https://hooks.test:{endpoint.port}/")).reason


class TestAddresses:
    @pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1", "10.0.0.1", "169.254.169.254", "fd00::1"])
    async def test_private_address_is_refused(self, address: str) -> None:
        """A name that leads to a private address is not connected to."""
        async with (
            open_endpoint(respond_with(200), authority=AUTHORITY) as endpoint,
            open_client(Names([address]), allow_private=False) as client,
        ):
            failure = await fail(client, f"https://hooks.test:{endpoint.port}/")
            assert ("address", False, 0) == (failure.reason, failure.was_sent, endpoint.connections)

    async def test_name_is_resolved_once(self) -> None:
        """A name that leads elsewhere at a second look-up (rebinding) is looked up once, and connected to there."""
        names = Names(["127.0.0.1"], ["127.0.0.2"])
        async with (
            open_endpoint(respond_with(200), authority=AUTHORITY, host="0.0.0.0") as endpoint,
            open_client(names) as client,
        ):
            await client.post(f"https://hooks.test:{endpoint.port}/", b"", {})
            assert (["hooks.test"], "127.0.0.1") == (names.asked, endpoint.requests[0].to)

    async def test_refused_addresses_among_others_are_left_out(self) -> None:
        """Of several addresses only allowed ones are tried, the next after one that is not reached."""
        names = Names(["169.254.169.254", "::ffff:169.254.1.1", "127.0.0.9", "127.0.0.1"])
        async with (
            open_endpoint(respond_with(200), authority=AUTHORITY) as endpoint,
            open_client(names) as client,
        ):
            response = await client.post(f"https://hooks.test:{endpoint.port}/", b"", {})
        assert (200, "127.0.0.1") == (response.status, endpoint.requests[0].to)

    async def test_localhost_stays_on_this_machine(self) -> None:
        """`localhost` that a name server sends elsewhere is refused: http may go there."""
        async with open_client(Names(["10.0.0.1"])) as client:
            assert "address" == (await fail(client, "http://localhost:9/")).reason

    async def test_http_on_this_machine(self) -> None:
        """Where private addresses are allowed, http reaches this machine."""
        async with open_endpoint(respond_with(204)) as endpoint, open_client() as client:
            assert 204 == (await client.post(f"http://127.0.0.1:{endpoint.port}/", b"", {})).status

    @pytest.mark.parametrize("answer", [[], ["127.0.0.1%lo"], ["not an address"]])
    async def test_name_without_usable_address(self, answer: list[str]) -> None:
        """A name that leads nowhere fails, before anything is sent."""
        async with open_client(Names(answer)) as client:
            failure = await fail(client, "https://hooks.test/")
        assert failure.reason in {"name", "address"}
        assert failure.was_sent is False

    async def test_system_resolver(self) -> None:
        """Without a resolver of a test's the system's is asked; a name that cannot be one fails."""
        resolver = Resolver()
        assert "127.0.0.1" in await resolver.resolve("localhost", 80)
        for name in ("a..b", "x" * 300, "nothing.invalid"):
            with pytest.raises(OSError, match=r"."):
                await resolver.resolve(name, 80)
        await resolver.close()


async def hang(_: Received, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def trickle(_: Received, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1\r\nx\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


async def flood(_: Received, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
        await writer.drain()


async def flood_head(_: Received, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-Long: " + b"x" * 4096 + b"\r\n")
        await writer.drain()


async def babble(_: Received, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH\r\n\r\n")
    writer.close()


async def interim(_: Received, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 102 Processing\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)


async def vanish(_: Received, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def inflate(received: Received, writer: asyncio.StreamWriter) -> None:
    await respond_with(200, b"\x1f\x8b", "Content-Encoding: gzip")(received, writer)


class TestBadEndpoints:
    @pytest.mark.parametrize(
        ("respond", "reason"),
        [(hang, "timeout"), (flood_head, "response"), (babble, "response"), (interim, "timeout"), (vanish, "response")],
        ids=lambda value: getattr(value, "__name__", str(value)),
    )
    async def test_no_response(self, respond: Callable[..., object], reason: str) -> None:
        """An endpoint that does not respond, or not in HTTP, fails in bounded time and memory; it may have got it."""
        async with (
            open_endpoint(respond, authority=AUTHORITY) as endpoint,  # type: ignore[arg-type]  # parametrized
            open_client(timeout_s=1.0) as client,
        ):
            failure = await fail(client, f"https://hooks.test:{endpoint.port}/secret")
        assert (reason, True) == (failure.reason, failure.was_sent)
        assert "secret" not in str(failure)

    @pytest.mark.parametrize("respond", [trickle, flood, inflate], ids=lambda value: value.__name__)
    async def test_body_is_bounded(self, respond: Callable[..., object]) -> None:
        """A response counts from its head on; its body is read as it came, up to a limit in bytes and time."""
        async with (
            open_endpoint(respond, authority=AUTHORITY) as endpoint,  # type: ignore[arg-type]  # parametrized
            open_client(timeout_s=1.0) as client,
        ):
            response = await client.post(f"https://hooks.test:{endpoint.port}/", b"", {})
        assert 200 == response.status
        assert 1 <= len(response.body) <= 1000

    async def test_refused_connection(self) -> None:
        """A port where nobody listens fails at once, and nothing was sent."""
        async with open_endpoint(respond_with(200)) as endpoint:
            port = endpoint.port
        async with open_client() as client:
            failure = await fail(client, f"https://hooks.test:{port}/")
        assert ("connection", False) == (failure.reason, failure.was_sent)

    async def test_silent_name_server(self) -> None:
        """A name server that is silent fails the request at its deadline, and delays no other name."""
        names = Names(["silent"], ["127.0.0.1"])
        async with (
            open_endpoint(respond_with(200), authority=AUTHORITY) as endpoint,
            open_client(names, timeout_s=1.0) as client,
        ):
            silent = asyncio.create_task(fail(client, "https://silent.test/"))
            while not names.asked:
                await asyncio.sleep(0)
            assert 200 == (await client.post(f"https://hooks.test:{endpoint.port}/", b"", {})).status
            assert not silent.done()
            assert "timeout" == (await silent).reason


class TestConcurrency:
    async def test_dead_host_delays_no_other(self) -> None:
        """While one host's requests hang, far more than there are slots, another host's are responded to."""
        async with (
            open_endpoint(hang, authority=AUTHORITY, names=("dead.test",)) as dead,
            open_endpoint(respond_with(200), authority=AUTHORITY) as well,
            open_client(each=2, total=3) as client,
        ):
            waiting = [asyncio.create_task(client.post(f"https://dead.test:{dead.port}/", b"", {})) for _ in range(20)]
            await dead.wait_requests(2)
            for _ in range(10):
                assert 200 == (await client.post(f"https://hooks.test:{well.port}/", b"", {})).status
            assert 2 == len(dead.requests)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def test_host_that_does_not_respond_gets_one_at_a_time(self) -> None:
        """After a failure a host gets one request at a time, and as many as before once it responds."""
        async with (
            open_endpoint(hang, authority=AUTHORITY) as endpoint,
            open_client(each=4, timeout_s=0.3) as client,
        ):
            url = f"https://hooks.test:{endpoint.port}/"
            await fail(client, url)
            tasks = [asyncio.create_task(client.post(url, b"", {})) for _ in range(4)]
            await endpoint.wait_requests(2)
            assert 2 == len(endpoint.requests)
            endpoint.respond = respond_with(200)
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert 3 <= sum(not isinstance(result, BaseException) for result in results)

    async def test_cancelled_request_frees_its_slot(self) -> None:
        """A request that its caller gives up, under way or waiting, leaves its slot to others."""
        async with (
            open_endpoint(hang, authority=AUTHORITY) as endpoint,
            open_client(each=1, total=1) as client,
        ):
            url = f"https://hooks.test:{endpoint.port}/"
            tasks = [asyncio.create_task(client.post(url, b"", {})) for _ in range(5)]
            await endpoint.wait_requests(1)
            for task in reversed(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            endpoint.respond = respond_with(200)
            assert 200 == (await client.post(url, b"", {})).status


class TestProxy:
    async def test_tunnel_leads_to_the_checked_address(self) -> None:
        """Through a proxy the tunnel is asked for the address that was checked, and TLS is verified by the name."""
        asked: list[bytes] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            asked.append(head)
            host, _, port = head.split()[1].decode().rpartition(":")
            there, back = await asyncio.open_connection(host, int(port))
            writer.write(b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n")

            async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
                with contextlib.suppress(ConnectionError):
                    while data := await source.read(65536):
                        sink.write(data)
                sink.close()

            await asyncio.gather(copy(reader, back), copy(there, writer))

        proxy = await asyncio.start_server(serve, "127.0.0.1", 0)
        address = f"127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
        async with open_endpoint(respond_with(200), authority=AUTHORITY) as endpoint:
            environ = {"HTTPS_PROXY": f"http://me:pass%40word@{address}", "NO_PROXY": "direct.test"}
            async with open_client(environ=environ) as client:
                assert 200 == (await client.post(f"https://hooks.test:{endpoint.port}/", b"", {})).status
                assert asked[0].startswith(f"CONNECT 127.0.0.1:{endpoint.port} HTTP/1.1\r\n".encode())
                assert b"Proxy-Authorization: Basic bWU6cGFzc0B3b3Jk\r\n" in asked[0]
                # One that the environment exempts goes past it: its certificate has another name.
                assert "certificate" == (await fail(client, f"https://direct.test:{endpoint.port}/")).reason
                assert 1 == len(asked)
            async with open_client(Names(["10.0.0.1"]), environ=environ, allow_private=False) as client:
                assert "address" == (await fail(client, "https://hooks.test/")).reason
                assert 1 == len(asked)
        proxy.close()

    async def test_proxy_that_refuses(self) -> None:
        """A proxy that opens no tunnel is a host that cannot be reached: nothing was sent."""
        async with open_endpoint(respond_with(403)) as proxy:
            environ = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"}
            async with open_client(environ=environ) as client:
                failure = await fail(client, "https://hooks.test/")
        assert ("connection", False) == (failure.reason, failure.was_sent)


async def test_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """No log line of the hub's levels holds the URL, whose path may be a secret."""
    caplog.set_level(logging.INFO)
    async with open_endpoint(respond_with(500), authority=AUTHORITY) as endpoint, open_client() as client:
        await client.post(f"https://hooks.test:{endpoint.port}/capability-url", b"", {})
        await fail(client, "https://hooks.test:1/capability-url")
    assert "capability" not in caplog.text
