"""The encryption of push messages, against the RFC's example, a receiver of the tests' own, and another author's."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from hub.push.encryption import MAX_MESSAGE_BYTES, encrypt, is_point
from tests.push.browser import Browser, decode, encode

ROOT = Path(__file__).parents[2]
# RFC 8291, section 5 and appendix A.
PLAINTEXT = b"When I grow up, I want to be a watermelon"
SENDER_KEY = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
RECEIVER_KEY = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
SALT, AUTH = "DGv6ra1nlYgDCS1FRnbzlw", "BTBZMqHH6r4Tts7J_aSIgg"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl"
    "7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def private_key(text: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(decode(text), "big"), ec.SECP256R1())


def example() -> Browser:
    """Return the receiver of the RFC's example."""
    return Browser("https://push.example.net/push/1", key=private_key(RECEIVER_KEY), auth=decode(AUTH))


def test_the_example_of_the_rfc() -> None:
    """With its salt and keys the body is the RFC's, to the byte; and its receiver reads it."""
    browser = example()
    body = encrypt(PLAINTEXT, point=browser.point, auth=browser.auth, salt=decode(SALT), key=private_key(SENDER_KEY))
    assert BODY == encode(body)
    assert PLAINTEXT == browser.decrypt_bytes(body)


@given(st.binary(max_size=MAX_MESSAGE_BYTES))
def test_a_browser_reads_every_message(message: bytes) -> None:
    """What was encrypted is read by its receiver, in at most 4,096 bytes, whatever it is."""
    browser = Browser("https://push.example.net/1")
    body = encrypt(message, point=browser.point, auth=browser.auth)
    assert len(body) <= 4096
    assert message == browser.decrypt_bytes(body)


def test_the_longest_message_fills_a_body() -> None:
    """A message of the longest length has a body of 4,096 bytes, and a longer one is not encrypted."""
    browser = Browser("https://push.example.net/1")
    assert 4096 == len(encrypt(bytes(MAX_MESSAGE_BYTES), point=browser.point, auth=browser.auth))
    with pytest.raises(ValueError, match="at most"):
        encrypt(bytes(MAX_MESSAGE_BYTES + 1), point=browser.point, auth=browser.auth)


def test_nobody_else_reads_it() -> None:
    """Another browser, another secret and a changed byte make it unreadable; and no two bodies are alike."""
    browser = Browser("https://push.example.net/1")
    body = encrypt(b"Novo pedido", point=browser.point, auth=browser.auth)
    assert body != encrypt(b"Novo pedido", point=browser.point, auth=browser.auth)
    changed = body[:-1] + bytes([body[-1] ^ 1])
    others = [Browser("https://x.example/"), Browser("https://x.example/", key=browser.key, auth=bytes(16))]
    for other, received in [*((other, body) for other in others), (browser, changed)]:
        with pytest.raises(InvalidTag):
            other.decrypt_bytes(received)


def test_another_implementation_reads_it() -> None:
    """The library of an author of the RFCs, in another language, decrypts what the hub encrypts."""
    messages = [b"", b"x", "Pão de queijo".encode(), os.urandom(MAX_MESSAGE_BYTES)]
    asked = []
    for message in messages:
        browser = Browser("https://push.example.net/1")
        size = (browser.key.key_size + 7) // 8
        asked.append(
            {
                "body": encode(encrypt(message, point=browser.point, auth=browser.auth)),
                "auth": encode(browser.auth),
                "key": encode(browser.key.private_numbers().private_value.to_bytes(size, "big")),
            }
        )
    node = ROOT / ".node/bin/node"
    done = subprocess.run(
        [str(node) if node.exists() else "node", "tests/push/decrypt.mjs"],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        timeout=60,
    )
    assert messages == [decode(text) for text in json.loads(done.stdout)]


@pytest.mark.parametrize(
    "point",
    [
        b"",
        bytes(65),
        b"\x04" + bytes(64),
        b"\x04" + b"\xff" * 64,
        example().point[:-1] + bytes([example().point[-1] ^ 1]),
        example().point[:-1],
        example().point + b"\0",
        b"\x02" + example().point[1:33],
        b"\x06" + example().point[1:],
    ],
    ids=["empty", "infinity", "zero", "no field element", "off the curve", "short", "long", "compressed", "hybrid"],
)
def test_what_is_no_public_key(point: bytes) -> None:
    """Only an uncompressed point on the curve is a browser's key."""
    assert not is_point(point)
    assert is_point(example().point)
