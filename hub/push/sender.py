"""One attempt to send a message to a push service (RFC 8030 section 5)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from contracts.policy import PushUrgency
from hub.header_fields import read_retry_after_s
from hub.outbound.client import OutboundClient, OutboundFailure
from hub.push.encryption import MAX_MESSAGE_BYTES, encrypt
from hub.push.message import SMALLER_BYTES, read_collapse_id, write_message
from hub.push.response import Outcome, read_response
from hub.push.subscription import Subscription
from hub.push.vapid import Vapid

__all__ = ["MAX_TTL_S", "Attempt", "Sender", "find_origin"]

#: Services keep a message for four weeks at most.
MAX_TTL_S = 28 * 86_400


class Attempt(NamedTuple):
    """What came of an attempt. `reason`: the status, or why there was no response; safe in a log and a metric."""

    outcome: Outcome
    reason: str
    retry_after_s: float | None = None


class Sender:
    """Encrypts messages and hands them to push services."""

    def __init__(self, client: OutboundClient, vapid: Vapid, *, now: Callable[[], float]) -> None:
        self._client = client
        self._vapid = vapid
        self._now = now

    async def send(
        self,
        subscription: Subscription,
        payload: bytes,
        cursor: str,
        *,
        ttl_s: float,
        urgency: PushUrgency,
    ) -> Attempt:
        """Send a notification to one browser, and a smaller message where the service finds the first too large.

        `ttl_s`: how long the service may keep it.
        """
        fields = self._make_fields(subscription, ttl_s, urgency, read_collapse_id(payload))
        attempt = Attempt(Outcome.REFUSED, "")
        for limit_bytes in (MAX_MESSAGE_BYTES, SMALLER_BYTES):
            message = write_message(payload, cursor, limit_bytes=limit_bytes)
            body = encrypt(message, point=subscription.point, auth=subscription.auth)
            attempt = await self._post(subscription, body, fields)
            if attempt.outcome is not Outcome.TOO_LARGE:
                break
        return attempt

    def _make_fields(
        self, subscription: Subscription, ttl_s: float, urgency: PushUrgency, collapse_id: str
    ) -> Mapping[str, str]:
        fields = {
            "Authorization": self._vapid.authorize(find_origin(subscription.endpoint), self._now()),
            "Content-Type": "application/octet-stream",
            "Content-Encoding": "aes128gcm",
            "TTL": str(max(0, math.floor(min(ttl_s, MAX_TTL_S)))),
            "Urgency": urgency,
            "User-Agent": "notification-hub",
        }
        if collapse_id:
            # The service keeps the newest of a topic. No two users have one in common.
            fields["Topic"] = self._vapid.make_topic(subscription.user, collapse_id)
        return fields

    async def _post(self, subscription: Subscription, body: bytes, fields: Mapping[str, str]) -> Attempt:
        try:
            response = await self._client.post(subscription.endpoint, body, fields)
        except OutboundFailure as failure:
            refused = failure.reason in {"url", "address"}
            return Attempt(Outcome.REFUSED if refused else Outcome.RETRY, failure.reason)
        retry_after_s = read_retry_after_s(response.fields.get("retry-after", ""), self._now())
        return Attempt(read_response(response.status), str(response.status), retry_after_s)


def find_origin(endpoint: str) -> str:
    """Return the origin of an endpoint's push service."""
    return "/".join(endpoint.split("/", 3)[:3]).partition("?")[0]
