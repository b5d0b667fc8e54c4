"""The `webhook` objects of the key file: what is accepted, and what is refused in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hub.auth.service_keys import read_service_keys
from hub.errors import SettingsError
from hub.settings import Settings
from hub.webhooks.endpoint import WebhookEndpoint, read_endpoints

SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
OTHER = "whsec_" + "A" * 44
FINE: dict[str, Any] = {"url": "https://hooks.test/in", "secret": SECRET}


def read(folder: Path, *webhooks: dict[str, Any] | None, names: str = "shop") -> dict[str, WebhookEndpoint]:
    """Return the endpoints of a key file with these webhooks, each in an entry of its own."""
    path = folder / "keys.json"
    entries = [
        {"name": name, "sha256": f"{number:064x}", "webhook": webhook}
        for number, (name, webhook) in enumerate(zip(names.split() * len(webhooks), webhooks, strict=False), 1)
    ]
    path.write_text(json.dumps({"keys": entries}))
    return dict(read_endpoints(read_service_keys(Settings(service_keys_file=path))))


def test_accepted(tmp_path: Path) -> None:
    """An entry without a webhook has none; one that lists no events is told what was not confirmed."""
    assert {} == read(tmp_path, None)
    (endpoint,) = read(tmp_path, FINE).values()
    assert ("shop", "https://hooks.test/in", (SECRET,)) == (endpoint.service, endpoint.url, endpoint.secrets)
    assert ["notification.unconfirmed"] == sorted(endpoint.events)
    assert endpoint.allow_private is False
    assert "hooks" not in repr(endpoint)
    assert "whsec" not in repr(endpoint)
    assert read(tmp_path, {**FINE, "url": "http://127.0.0.1:9/", "allow_private": True})


def test_rotation(tmp_path: Path) -> None:
    """Two entries of one name sign with both secrets, the newer one first."""
    (endpoint,) = read(tmp_path, FINE, {**FINE, "secret": OTHER}).values()
    assert (OTHER, SECRET) == endpoint.secrets
    with pytest.raises(SettingsError, match="entry 2: its `webhook` differs"):
        read(tmp_path, FINE, {**FINE, "url": "https://other.test/"})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"url": "http://hooks.test/"}, r"entry 1: `webhook.url` is http.*allow_private"),
        ({"url": "https://10.0.0.1/"}, r"`webhook.url` leads to a private.*allow_private"),
        ({"url": "https://169.254.169.254/", "allow_private": True}, r"`webhook.url` leads to a private"),
        ({"url": "https://me:pass@hooks.test/"}, r"`webhook.url` holds a user name"),
        ({"url": ""}, r"`webhook.url` "),
        ({"secret": "C2FVsBQIhrscChlQIMV+b5sSYspob7oD"}, r"`webhook.secret` is not `whsec_`"),
        ({"secret": "whsec_c2hvcnQ="}, r"24 to 64 bytes"),
        ({"secret": "whsec_" + "A" * 100}, r"24 to 64 bytes"),
        ({"secret": "whsec_not base64!"}, r"`webhook.secret`"),
        ({"secret": ""}, r"openssl rand"),
        ({"events": []}, r"`webhook.events` lists no event"),
        ({"events": ["notification.sent"]}, r"unknown event 'notification.sent'.*notification.unconfirmed"),
        ({"events": "all"}, r"Expected `array`"),
        ({"retries": 3}, r"unknown field `retries`"),
        ({"url": None}, r"webhook.url"),
    ],
)
def test_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    """Anything else stops the start, with the entry and the field and without the URL or the secret."""
    with pytest.raises(SettingsError, match=words) as raised:
        read(tmp_path, {**FINE, **changes})
    assert "HUB_SERVICE_KEYS_FILE" in str(raised.value)
    assert "hooks.test" not in str(raised.value)
    assert "pass@" not in str(raised.value)
    assert "C2FVsB" not in str(raised.value)
