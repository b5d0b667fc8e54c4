"""What a browser may subscribe with: its keys, and where its push service may be."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from contracts.push import PushSubscription
from hub.errors import InvalidField
from hub.push.subscription import Subscription, check_endpoint, check_subscription, endpoint_key, read_subscription
from hub.target import user_target
from tests.push.browser import Browser, encode

USER = user_target("a", "u")
ENDPOINT = "https://updates.push.services.mozilla.com/wpush/v2/gAAAAABk"


def check(given: dict[str, Any]) -> Subscription:
    return check_subscription(msgspec.convert(given, PushSubscription), USER, "user", 1.0, allow_private=False)


def test_a_subscription_is_kept_as_it_came() -> None:
    """What a browser's `toJSON()` has is kept; fields of a later browser are passed over, and padding too."""
    browser = Browser(ENDPOINT)
    kept = check(browser.subscription(contentEncoding="aes128gcm"))
    assert (USER, ENDPOINT, browser.point, browser.auth) == (kept.user, kept.endpoint, kept.point, kept.auth)
    padded = {"p256dh": encode(browser.point) + "=", "auth": encode(browser.auth) + "=="}
    assert kept == check(browser.subscription(keys=padded))
    assert kept == read_subscription(msgspec.json.encode(kept))
    assert endpoint_key(ENDPOINT) == kept.key
    assert "mozilla" not in repr(kept)
    assert "u" not in repr(kept).removeprefix("Subscription")


@pytest.mark.parametrize(
    ("keys", "field"),
    [
        ({"p256dh": encode(b"\x04" + b"\x01" * 64)}, "$.keys.p256dh"),
        ({"p256dh": "!" * 87}, "$.keys.p256dh"),
        ({"p256dh": encode(Browser(ENDPOINT).point)[:-1]}, "$.keys.p256dh"),
        ({"auth": "A" * 23}, "$.keys.auth"),
        ({"auth": "A" * 24}, "$.keys.auth"),
        ({"auth": "é" * 22}, "$.keys.auth"),
    ],
    ids=["off the curve", "not base64url", "cut", "not base64", "18 bytes", "not ASCII"],
)
def test_wrong_keys_are_named(keys: dict[str, str], field: str) -> None:
    """A point that is not on the curve, and a secret that has not 16 bytes, are refused with their field."""
    browser = Browser(ENDPOINT)
    with pytest.raises(InvalidField) as caught:
        check(browser.subscription(keys={**browser.subscription()["keys"], **keys}))
    assert field == caught.value.field


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://fcm.googleapis.com/fcm/send/dpH5lCsTSSM:APA91bHqjZxM0VImWWqDRN7U0a3AycjUf4O-byuxb_wJsKRaKvV_iKw56s16ekq6",
        "https://wns2-par02p.notify.windows.com/w/?token=BQYAAABx%2f3Z",
        "https://web.push.apple.com/QGuQyavXutnMH9jOW",
        "https://push.example.com:8443/up/1",
    ],
)
def test_known_push_services_are_accepted(endpoint: str) -> None:
    """The endpoints that browsers have, of any public push service."""
    check_endpoint(endpoint, allow_private=False)


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://push.example.com/1",
        "ftp://push.example.com/1",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "push.example.com/1",
        "https://user:password@push.example.com/1",
        "https://push.example.com/1#x",
        "https://push.example.com/ 1",
        "https://push.example.com/\n1",
        "https://push.example.com\\@10.0.0.1/",
        "https://localhost/1",
        "https://localhost./1",
        "https://hub.localhost/1",
        "https://printer.local/1",
        "https://vault.internal/1",
        "https://db/1",
        "https://127.0.0.1/1",
        "https://10.0.0.8/1",
        "https://192.168.1.1/1",
        "https://172.16.0.1/1",
        "https://169.254.169.254/latest/meta-data",
        "https://100.64.0.1/1",
        "https://0.0.0.0/1",
        "https://[::1]/1",
        "https://[::ffff:10.0.0.1]/1",
        "https://[fd00::1]/1",
        "https://[fe80::1%25eth0]/1",
        "https://2130706433/1",
        "https://0x7f000001/1",
        "https://push.example.com:0/1",
        "https://push.example.com:99999/1",
    ],
)
def test_what_is_no_push_service(endpoint: str) -> None:
    """Other schemes, this machine, private networks and the metadata services of clouds are refused at once."""
    with pytest.raises(InvalidField) as caught:
        check_endpoint(endpoint, allow_private=False)
    assert "$.endpoint" == caught.value.field
    assert endpoint not in caught.value.detail


def test_a_push_service_of_ones_own_network_may_be_allowed() -> None:
    """With the setting private addresses are accepted; those of a cloud's metadata are not even then."""
    check_endpoint("https://10.0.0.8/1", allow_private=True)
    check_endpoint("https://push.internal/1", allow_private=True)
    with pytest.raises(InvalidField):
        check_endpoint("https://169.254.169.254/latest", allow_private=True)
