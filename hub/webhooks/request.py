"""One webhook as an HTTP request, by the Standard Webhooks specification. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook as Signer

__all__ = ["make_fields"]


def make_fields(webhook_id: str, body: str, secrets: Sequence[str], *, now_s: float) -> Mapping[str, str]:
    """Return the fields of the request: id, time and a signature for each secret, so that a receiver may rotate it.

    Every attempt has the same id and body; its time, and so its signature, is its own.
    """
    at = datetime.fromtimestamp(int(now_s), UTC)
    signatures = [Signer(secret).sign(webhook_id, at, body) for secret in secrets]
    return {
        "Content-Type": "application/json",
        "User-Agent": "notification-hub",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(now_s)),
        "webhook-signature": " ".join(signatures),
    }
