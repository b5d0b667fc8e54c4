"""nginx, Caddy and Traefik as deploy/ and the page on proxies configure them, each on a free port."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import shutil
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.deploy.tools import find_traefik

__all__ = ["HUB_ADDRESS", "Proxy", "make_certificate", "read_page", "run_caddy", "run_nginx", "run_traefik"]

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "operations" / "proxies.md"
#: What the page quotes, by the language of its block; tests/deploy holds them equal.
FILES = {"nginx": ROOT / "deploy/nginx/hub.conf", "caddyfile": ROOT / "deploy/caddy/Caddyfile"}
TRAEFIK = ROOT / "deploy/traefik"
#: Where the page says that the hub is.
HUB_ADDRESS = "127.0.0.1:8000"
START_DEADLINE_S = 20.0
STOP_DEADLINE_S = 10.0
# Debian keeps servers out of a user's PATH.
_PATH = "/usr/sbin:/usr/bin:/usr/local/bin"


@dataclass(frozen=True)
class Proxy:
    """A proxy that runs."""

    port: int
    #: Trusts its certificate.
    trust: ssl.SSLContext
    #: Where its logs are.
    folder: Path
    #: What they say of a WebSocket and of a poll that have ended.
    names: tuple[str, str] = ("/ws", "/poll")

    def written(self) -> str:
        """Return all that it has logged."""
        return "".join(path.read_text() for path in self.folder.glob("*.log"))


def read_page(language: str) -> str:
    """Return the configuration in a language that the page quotes."""
    return FILES[language].read_text()


def adapt(configuration: str, changes: Mapping[str, str]) -> str:
    """Put a test's addresses and paths in the place of the page's; each of these must be there."""
    for theirs, ours in changes.items():
        assert theirs in configuration, f"the page has no {theirs!r}"
        configuration = configuration.replace(theirs, ours)
    return configuration


def make_certificate(folder: Path) -> ssl.SSLContext:
    """Write `cert.pem` and `key.pem` for localhost; return what trusts them."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return ssl.create_default_context(cafile=str(folder / "cert.pem"))


@contextlib.asynccontextmanager
async def run_nginx(folder: Path, hub_port: int, changes: Mapping[str, str] | None = None) -> AsyncIterator[Proxy]:
    """Run nginx in the foreground with the page's configuration, and `changes` to it."""
    port = _free_port()
    trust = make_certificate(folder)
    server = adapt(
        read_page("nginx"),
        {
            HUB_ADDRESS: f"127.0.0.1:{hub_port}",
            "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
            "hub.example.com": "localhost",
            "/var/log/nginx/": f"{folder}/",
            **(changes or {}),
        },
    )
    temporary = "\n".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off;\nworker_processes 1;\npid {folder}/nginx.pid;\nevents {{}}\nhttp {{\n{temporary}\n"
        f"ssl_certificate {folder}/cert.pem;\nssl_certificate_key {folder}/key.pem;\n{server}\n}}\n"
    )
    # Its default error log is the system's; -e keeps it here from the first line on.
    command = ("-e", str(folder / "start.log"), "-c", str(folder / "nginx.conf"), "-p", str(folder))
    async with _run("nginx", *command, folder=folder, port=port):
        yield Proxy(port, trust, folder)


@contextlib.asynccontextmanager
async def run_caddy(folder: Path, hub_port: int, changes: Mapping[str, str] | None = None) -> AsyncIterator[Proxy]:
    """Run Caddy with the page's configuration, and `changes` to it."""
    port = _free_port()
    trust = make_certificate(folder)
    site = adapt(
        read_page("caddyfile"),
        {
            HUB_ADDRESS: f"127.0.0.1:{hub_port}",
            "hub.example.com {": f"localhost:{port} {{\n\ttls {folder}/cert.pem {folder}/key.pem",
            **(changes or {}),
        },
    )
    # Its own port 80 and its administration are the machine's, not this test's; a stream is not waited for at the end.
    own = "{\n\tadmin off\n\tauto_https disable_redirects\n\tgrace_period 1s\n}\n"
    (folder / "Caddyfile").write_text(own + site)
    command = ("run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile"))
    async with _run("caddy", *command, folder=folder, port=port):
        yield Proxy(port, trust, folder)


@contextlib.asynccontextmanager
async def run_traefik(folder: Path, hub_port: int) -> AsyncIterator[Proxy]:
    """Run Traefik with the page's two files."""
    port = _free_port()
    trust = make_certificate(folder)
    dynamic = adapt(
        (TRAEFIK / "hub.yaml").read_text(),
        {HUB_ADDRESS: f"127.0.0.1:{hub_port}", "hub.example.com": "localhost"},
    )
    certificate = f"{{certFile: {folder}/cert.pem, keyFile: {folder}/key.pem}}"
    (folder / "hub.yaml").write_text(f"{dynamic}tls:\n  certificates: [{certificate}]\n")
    static = adapt(
        (TRAEFIK / "traefik.yaml").read_text(),
        {
            ":443": f"127.0.0.1:{port}",
            "/etc/traefik/hub.yaml": f"{folder}/hub.yaml",
            "accessLog:\n": f"accessLog:\n  filePath: {folder}/access.log\n",
        },
    )
    (folder / "traefik.yaml").write_text(f"{static}global: {{checkNewVersion: false, sendAnonymousUsage: false}}\n")
    program = find_traefik()
    async with _run("traefik", f"--configfile={folder}/traefik.yaml", folder=folder, port=port, program=program):
        # It listens before it has read which routes there are.
        async with asyncio.timeout(START_DEADLINE_S):
            async with httpx.AsyncClient(base_url=f"https://localhost:{port}", verify=trust) as client:
                while not await _is_live(client):
                    await asyncio.sleep(0.05)
        # Neither path is logged.
        yield Proxy(port, trust, folder, ('"DownstreamStatus":0,', '"DownstreamStatus":200,'))


async def _is_live(client: httpx.AsyncClient) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return (await client.get("/health/live")).status_code == 200
    return False


@contextlib.asynccontextmanager
async def _run(name: str, *arguments: str, folder: Path, port: int, program: str | None = None) -> AsyncIterator[None]:
    program = program or shutil.which(name, path=_PATH)
    assert program is not None, f"{name} is not installed: sudo apt-get install {name}"
    environ = {"HOME": str(folder), "PATH": _PATH}
    with (folder / "output.log").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            program, *arguments, cwd=folder, env=environ, stdout=output, stderr=output
        )
    try:
        await _wait_listening(process, port, folder / "output.log")
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(STOP_DEADLINE_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _wait_listening(process: asyncio.subprocess.Process, port: int, output: Path) -> None:
    async with asyncio.timeout(START_DEADLINE_S):
        while True:
            assert process.returncode is None, output.read_text()
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            return


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
