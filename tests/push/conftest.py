"""A push service with a certificate that the hub trusts, and a hub that pushes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.harness import RunningHub, run_hub
from tests.push.browser import AUTHORITY, PushService, open_push_service
from tests.push.harness import make_push_settings


@pytest.fixture
async def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PushService]:
    """A push service whose certificate the hub trusts."""
    trusted = tmp_path / "authority.pem"
    trusted.write_bytes(AUTHORITY.certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    async with open_push_service() as service:
        yield service


@pytest.fixture
async def hub(tmp_path: Path, service: PushService) -> AsyncIterator[RunningHub]:
    """A hub with Web Push; it ends before the push service."""
    async with run_hub(tmp_path / "hub", **make_push_settings(tmp_path)) as hub:
        yield hub
