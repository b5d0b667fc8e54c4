"""What `make image-check` looks for in an image is found where it is, and in nothing else."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hub.auth.service_keys import new_service_key
from tests.image.scan import find_differences, find_elevated, find_secrets

ROOT = Path(__file__).parents[2]
KNOWN = secrets.token_hex(16)


def _private_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    encoding, encryption = serialization.Encoding.PEM, serialization.NoEncryption()
    return key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, encryption).decode()


SECRETS = {
    "a private key": _private_key(),
    "a service key": new_service_key()[0],
    "a token": jwt.encode({"sub": "1", "exp": 1_900_000_000}, "x" * 32, algorithm="HS256"),
    "a key of a cloud": "AKIA" + "A" * 16,
    "a password in a URL": "postgresql://hub:" + "correct-horse@db.example.com/avadmin",
    "a value of this machine's environment": KNOWN,
}


@pytest.mark.parametrize("what", SECRETS)
def test_a_secret_is_found(tmp_path: Path, what: str) -> None:
    """Whatever file it is in, between whatever else."""
    (tmp_path / "opt").mkdir()
    (tmp_path / "opt/library.bin").write_bytes(
        os.urandom(100) + b"\n" + SECRETS[what].encode() + b"\n" + os.urandom(100)
    )
    assert [f"opt/library.bin: {what}"] == find_secrets(tmp_path, [KNOWN])


@pytest.mark.parametrize(
    "name", [".env", ".env.local", ".netrc", "pip.conf", "id_ed25519", "log.sqlite3-wal", "hub.env"]
)
def test_a_file_that_nobody_ships_is_found(tmp_path: Path, name: str) -> None:
    """Its name is enough, whatever is in it."""
    (tmp_path / name).touch()
    assert [f"{name}: its name"] == find_secrets(tmp_path)


def test_what_the_image_copies_is_clean() -> None:
    """Nothing in the hub's own packages looks like a secret."""
    assert [] == find_secrets(ROOT / "hub") + find_secrets(ROOT / "contracts")


@pytest.mark.parametrize("mode", [0o4755, 0o2755, 0o6755])
def test_a_file_that_gives_more_rights_is_found(tmp_path: Path, mode: int) -> None:
    """The setuid bit, the setgid bit, or both; a folder that hands its group on is none."""
    (tmp_path / "tool").touch()
    assert [] == find_elevated(tmp_path)
    (tmp_path / "tool").chmod(mode)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder").chmod(0o2755)
    assert ["tool"] == find_elevated(tmp_path)


def test_differences_are_named(tmp_path: Path) -> None:
    """Content, mode, time, and what is there once; equal folders have none."""
    for folder in ("one", "other"):
        (tmp_path / folder / "deep").mkdir(parents=True)
        for name in ("same", "content", "mode", "time"):
            (tmp_path / folder / "deep" / name).write_text("x")
        for name in ("same", "content", "mode", "time", "."):
            os.utime(tmp_path / folder / "deep" / name, (1, 1))
    one, other = tmp_path / "one", tmp_path / "other"
    assert [] == find_differences(one, other)
    (other / "deep/content").write_text("y")
    (other / "deep/mode").chmod(0o600)
    os.utime(other / "deep/time", (2, 2))
    (other / "new").touch()
    assert ["deep/content: its content", "deep/mode: its mode or owner", "deep/time: its time", "new: only in one"] == (
        find_differences(one, other)
    )
