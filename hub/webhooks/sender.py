"""Sends webhooks: one task for each service, so that an endpoint that is slow or dead delays no other service's.

A hub that tries a webhook says so in the log first, under an id that no other attempt has. A hub that ends in between
leaves the claim without an outcome, and after a minute anybody tries again: at least once, and always under one id.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

import msgspec

from hub.bounds import Bounds
from hub.errors import HubError
from hub.log.port import Appended, Change, Entry, Log
from hub.metrics import Metrics
from hub.operator_log import OperatorLog
from hub.outbound.client import OutboundFailure, OutboundResponse
from hub.webhooks.course import begin_attempt, end_attempt
from hub.webhooks.endpoint import WebhookEndpoint
from hub.webhooks.record import draft_changes
from hub.webhooks.request import make_fields
from hub.webhooks.webhook import WEBHOOKS, Webhook, due_key, due_owner, put_webhook, read_due_key, read_webhook

__all__ = ["Posts", "WebhookSender"]

logger = logging.getLogger("hub.webhooks")

#: How long to wait where the log cannot be read or written.
_LOG_RETRY_S = 1.0
#: How long to wait where another node was quicker.
_CLAIMED_S = 0.2


class Posts(Protocol):
    """Sends one request; see `hub.outbound.client.OutboundClient`."""

    async def post(self, url: str, content: bytes, fields: Mapping[str, str]) -> OutboundResponse:
        """Return the response, or raise `OutboundFailure`."""


class WebhookSender:
    """Sends the webhooks of one service until it is stopped."""

    def __init__(
        self,
        endpoint: WebhookEndpoint,
        *,
        log: Log,
        client: Posts,
        metrics: Metrics,
        bounds: Bounds,
        wall_s: Callable[[], float],
        now_s: Callable[[], float],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Take what it needs; `now_s` is Unix time that never jumps, and `wall_s` what other machines think it is."""
        self._endpoint = endpoint
        self._log = log
        self._client = client
        self._metrics = metrics
        self._bounds = bounds
        self._wall_s = wall_s
        self._now_s = now_s
        self._jitter = jitter
        self._owner = due_owner(endpoint.service)
        self._news = asyncio.Event()
        self._trying: dict[str, asyncio.Task[None]] = {}
        self._lines = OperatorLog(logger)

    def note_news(self) -> None:
        """Look again: a webhook was added, or is due earlier."""
        self._news.set()

    async def run(self) -> None:
        """Send what is due until cancelled."""
        try:
            while True:
                self._news.clear()
                wait_s = await self._begin_due()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._news.wait()
        finally:
            for task in self._trying.values():
                task.cancel()
            await asyncio.gather(*self._trying.values(), return_exceptions=True)

    async def _begin_due(self) -> float:
        """Begin to try what is due, as far as there is room; return when to look again, in seconds."""
        room = self._bounds.webhook_attempts - len(self._trying)
        if room <= 0:
            return self._bounds.webhook_look_s
        try:
            # Those under way are claimed in a moment, and may still be at the front.
            entries = await self._log.list_state(self._owner, limit=room + len(self._trying) + 1)
        except HubError:
            return _LOG_RETRY_S
        now_ms = round(max(self._now_s(), self._wall_s()) * 1000)
        for entry in entries:
            due_ms, webhook_id = read_due_key(entry.key)
            if due_ms > now_ms:
                return min((due_ms - now_ms) / 1000, self._bounds.webhook_look_s)
            if webhook_id in self._trying:
                continue
            if len(self._trying) >= self._bounds.webhook_attempts:
                return self._bounds.webhook_look_s
            task = asyncio.create_task(self._try(webhook_id, due_ms), name="webhook attempt")
            self._trying[webhook_id] = task
            task.add_done_callback(partial(self._finish, webhook_id))
        return self._bounds.webhook_look_s

    def _finish(self, webhook_id: str, task: asyncio.Task[None]) -> None:
        del self._trying[webhook_id]
        self._news.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            self._lines.write_limited(logging.ERROR, "webhook_failed", f"a webhook failed: {type(error).__name__}")

    async def _try(self, webhook_id: str, due_ms: int) -> None:
        try:
            webhook = await self._claim(webhook_id, due_ms)
            if webhook is not None:
                after, outcome = await self._send(webhook)
                await self._append(after, webhook)
                self._report(after, outcome)
        except HubError:
            # The log: what was claimed is due again in a minute, and what was not at once.
            await asyncio.sleep(_LOG_RETRY_S)

    async def _claim(self, webhook_id: str, due_ms: int) -> Webhook | None:
        """Return the webhook as this hub tries it; None where another one does, or it is not due any more."""
        entry = await self._log.read_state(WEBHOOKS, webhook_id)
        before = _read(entry)
        if before is None or before.state != "waiting" or before.due_ms != due_ms:
            key = due_key(due_ms, webhook_id)
            if await self._log.read_state(self._owner, key) is not None:
                # Left over: its own row is gone (a person was forgotten), or is damaged.
                await self._log.append([draft_changes((Change(self._owner, key, None),), key=f"left\x00{key}")])
            # Otherwise another node has claimed it since it was listed.
            return None
        webhook = begin_attempt(before, now_s=self._now_s(), claim_s=self._bounds.webhook_claim_s)
        key = f"claim\x00{webhook.id}\x00{webhook.attempts}"
        (result,) = await self._log.append([draft_changes(put_webhook(webhook, before), key=key)])
        if isinstance(result, Appended) and not result.duplicate:
            return webhook
        # Another node claimed it. This one may not have that record yet, and would ask for it again at once.
        await asyncio.sleep(_CLAIMED_S)
        return None

    async def _send(self, webhook: Webhook) -> tuple[Webhook, int | str]:
        """Return the webhook after one attempt, and how that ended."""
        endpoint = self._endpoint
        fields = make_fields(webhook.id, webhook.body, endpoint.secrets, now_s=self._wall_s())
        retry_after_s = None
        outcome: int | str
        try:
            response = await self._client.post(endpoint.url, webhook.body.encode(), fields)
            outcome = response.status
            retry_after_s = _read_seconds(response.fields.get("retry-after"))
        except OutboundFailure as failure:
            outcome = failure.reason
        after = end_attempt(
            webhook,
            outcome,
            now_s=self._now_s(),
            bounds=self._bounds,
            retry_after_s=retry_after_s,
            random=self._jitter,
        )
        return after, outcome

    async def _append(self, after: Webhook, before: Webhook) -> None:
        key = f"outcome\x00{after.id}\x00{after.attempts}"
        await self._log.append([draft_changes(put_webhook(after, before), key=key)])

    def _report(self, webhook: Webhook, outcome: int | str) -> None:
        service = self._endpoint.service
        delivered = webhook.state == "delivered"
        label = "delivered" if delivered else "dead" if webhook.state == "dead" else "failed"
        self._metrics.webhook_attempts[service, label] += 1
        if delivered:
            return
        what = f"the status {outcome}" if isinstance(outcome, int) else f"no response ({outcome})"
        if webhook.state == "dead":
            message = f"a webhook of {service} is a dead letter after {webhook.attempts} attempts: {what}"
            self._lines.write_limited(logging.ERROR, "webhook_dead", message, service=service)
        else:
            message = f"a webhook of {service} was not delivered and is tried again: {what}"
            self._lines.write_limited(logging.WARNING, "webhook_failed", message, service=service)


def _read(entry: Entry | None) -> Webhook | None:
    if entry is None:
        return None
    with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
        return read_webhook(entry)
    return None


def _read_seconds(text: str | None) -> float | None:
    """Return a Retry-After in seconds (RFC 9110 section 10.2.3); a date is not heeded."""
    return float(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= 9 else None
