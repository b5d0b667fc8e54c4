"""VAPID: who the hub is to push services, and the key that says so."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from hub.errors import SettingsError
from hub.outbound.client import OutboundClient, OutboundResponse
from hub.push.response import Outcome
from hub.push.sender import Sender
from hub.push.subscription import Subscription
from hub.push.vapid import LIFETIME_S, Vapid, make_key_file, read_key
from hub.target import user_target
from tests.push.browser import Browser, decode, read_vapid

NOW_S = 1_800_000_000.0
SUBJECT = "mailto:ops@example.com"


def make_vapid() -> Vapid:
    return Vapid(ec.generate_private_key(ec.SECP256R1()), SUBJECT)


def write_key(path: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(0o600)


def test_a_push_service_can_check_the_signature() -> None:
    """The token is for one push service, names the operator, ends within a day, and is signed by the public key."""
    vapid = make_vapid()
    key, claims = read_vapid(vapid.authorize("https://push.example.net", NOW_S))
    assert vapid.public_key == key
    assert {"aud": "https://push.example.net", "exp": NOW_S + LIFETIME_S, "sub": SUBJECT} == claims
    assert LIFETIME_S < 86_400
    assert 65 == len(decode(key))


def test_a_token_is_used_again_until_it_nears_its_end() -> None:
    """Signing takes time, so a push service gets one token for hours, and a new one an hour before its end."""
    vapid = make_vapid()
    first = vapid.authorize("https://a.example", NOW_S)
    assert first == vapid.authorize("https://a.example", NOW_S + LIFETIME_S - 3601)
    assert first != vapid.authorize("https://b.example", NOW_S)
    renewed = vapid.authorize("https://a.example", NOW_S + LIFETIME_S - 3600)
    assert NOW_S + 2 * LIFETIME_S - 3600 == read_vapid(renewed)[1]["exp"]


def test_tokens_are_bounded() -> None:
    """However many push services endpoints name, a bounded number of tokens is kept."""
    vapid = make_vapid()
    for number in range(1000):
        vapid._tokens[f"https://{number}.example"] = NOW_S, ""
        if number % 50 == 0:
            vapid.authorize(f"https://new-{number}.example", NOW_S)
    vapid.authorize("https://last.example", NOW_S)
    assert len(vapid._tokens) <= 64


def test_a_topic_says_nothing() -> None:
    """A topic is 32 characters of base64url, the same for the same names and key, and another for any other."""
    key = ec.generate_private_key(ec.SECP256R1())
    topic = Vapid(key, SUBJECT).make_topic("a", "b")
    assert topic == Vapid(key, SUBJECT).make_topic("a", "b")
    assert 24 == len(decode(topic))
    assert 32 == len(topic)
    others = [Vapid(key, SUBJECT).make_topic(*names) for names in (("ab",), ("a", "c"), ("a", "b", ""), ("b", "a"))]
    assert 5 == len({topic, *others})
    assert topic != make_vapid().make_topic("a", "b")


def test_what_is_no_key_file(tmp_path: Path) -> None:
    """A missing file, another kind of key and one that others can read are named, and never shown."""
    path = tmp_path / "push.pem"
    with pytest.raises(SettingsError, match=r"cannot be read .*hub push init"):
        read_key(path)
    path.write_text("-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\n")
    path.chmod(0o600)
    with pytest.raises(SettingsError, match="no private key of P-256") as caught:
        read_key(path)
    assert "secret" not in str(caught.value)
    for key in (ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65_537, 2048)):
        write_key(path, key)
        with pytest.raises(SettingsError, match="no private key of P-256"):
            read_key(path)
    path.unlink()
    make_key_file(path)
    os.chmod(path, 0o644)
    with pytest.raises(SettingsError, match="0600"):
        read_key(path)


class RecordingClient(OutboundClient):
    """Takes every request, and remembers its fields."""

    def __init__(self) -> None:
        self.fields: list[Mapping[str, str]] = []

    async def post(self, url: str, content: bytes, fields: Mapping[str, str]) -> OutboundResponse:
        self.fields.append(fields)
        return OutboundResponse(status=201, fields={}, body=b"")


async def test_what_collapses_has_a_topic_of_its_own() -> None:
    """What takes another's place has its topic, of each user another, that says nothing; all else has none."""
    client = RecordingClient()
    sender = Sender(client, make_vapid(), now=lambda: NOW_S)
    browser = Browser("https://push.example.com/1")

    async def send(user: str, collapse_id: str) -> str | None:
        subscription = Subscription(
            user=user_target("a", user),
            role="user",
            endpoint=browser.endpoint,
            point=browser.point,
            auth=browser.auth,
            subscribed_at_s=NOW_S,
        )
        member = f',"collapse_id":"{collapse_id}"' if collapse_id else ""
        payload = f'{{"type":"order_updated","title":"t","message":"m"{member},"id":"1"}}'.encode()
        attempt = await sender.send(subscription, payload, "epoch-1", ttl_s=60.0, urgency="low")
        assert Outcome.SENT is attempt.outcome
        return client.fields[-1].get("Topic")

    topic = await send("u", "PED-1")
    assert topic is not None
    assert topic == await send("u", "PED-1")
    assert "PED" not in topic
    assert 3 == len({topic, await send("u", "PED-2"), await send("v", "PED-1")})
    assert None is await send("u", "")
    assert {"60"} == {fields["TTL"] for fields in client.fields}
