"""What the settings say of the NATS servers and of the hub's credentials there."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from hub.errors import SettingsError
from hub.nats.address import Credentials, Server, read_credentials, read_servers
from hub.nats.tls import make_tls

#: A key of NATS's own documentation.
SEED = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"


def test_servers_of_a_list() -> None:
    """Several URLs, with and without a port, IPv6 as well; spaces after commas do not matter."""
    servers, credentials = read_servers("nats://a:1, nats://b,nats://[::1]:3")
    assert [Server("a", 1, False), Server("b", 4222, False), Server("::1", 3, False)] == servers
    assert "nats://[::1]:3" == servers[2].url
    assert credentials is None


def test_credentials_in_the_url() -> None:
    """A user and a password are decoded; a user alone is a token."""
    assert Credentials(user="hub", password="p@ss:") == read_servers("tls://hub:p%40ss%3A@a")[1]
    assert Credentials(user="t0ken") == read_servers("nats://t0ken@a,nats://t0ken@b")[1]
    assert "p@ss" not in repr(Credentials(user="hub", password="p@ss"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no host"),
        ("a:4222", "no host"),
        ("http://a", "nats://"),
        ("nats://a/stream", "more than a host"),
        ("nats://a:0", "port is 0"),
        ("nats://a,tls://b", "mixes"),
        ("nats://u:p@a,nats://u:q@b", "different credentials"),
    ],
)
def test_unusable_urls(text: str, problem: str) -> None:
    """Each is refused with what is wrong."""
    with pytest.raises(ValueError, match=problem):
        read_servers(text)


def test_credentials_file(tmp_path: Path) -> None:
    """NATS's own file gives a JWT and the key that signs; one line gives user and password."""
    file = tmp_path / "hub.creds"
    file.write_text(
        "-----BEGIN NATS USER JWT-----\neyJ0.eyJq.x\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{SEED}\n------END USER NKEY SEED------\n"
    )
    credentials = read_credentials(file)
    assert "eyJ0.eyJq.x" == credentials.jwt
    assert 64 == len(base64.urlsafe_b64decode(credentials.sign("nonce") + b"=="))
    file.write_text("hub:pass:word\n")
    assert Credentials(user="hub", password="pass:word") == read_credentials(file)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "neither"),
        ("just-a-word", "neither"),
        ("a:b\nc:d", "neither"),
        (
            "-----BEGIN NATS USER JWT-----\nx\n------END NATS USER JWT------\n"
            f"-----BEGIN USER NKEY SEED-----\n{SEED[:-1]}A\n------END USER NKEY SEED------\n",
            "damaged",
        ),
    ],
    ids=["empty", "word", "lines", "mistyped seed"],
)
def test_unusable_credentials_file(tmp_path: Path, content: str, problem: str) -> None:
    """What is neither form is refused, by name; nothing of its content is repeated."""
    file = tmp_path / "hub.creds"
    file.write_text(content)
    with pytest.raises(SettingsError, match=problem):
        read_credentials(file)
    with pytest.raises(SettingsError, match="cannot be read"):
        read_credentials(tmp_path / "missing")


def test_unusable_authority_file(tmp_path: Path) -> None:
    """A file of authorities that is missing or holds none is named, at the start."""
    with pytest.raises(SettingsError, match=r"HUB_LOG_CA_FILE.*cannot be read"):
        make_tls(tmp_path / "missing")
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(SettingsError, match="holds no certificate"):
        make_tls(tmp_path / "ca.pem")
