"""A webhook as an operator sees it: with a masked user unless the key may see ids, and without its body. Pure."""

from __future__ import annotations

from msgspec import UNSET

from contracts.webhook import WebhookAttempt, WebhookView
from hub.auth.grant import ServiceGrant
from hub.observe.target_view import view_targets
from hub.target import Target
from hub.timestamp import format_time
from hub.webhooks.webhook import Webhook

__all__ = ["view_webhook"]


def view_webhook(webhook: Webhook, service: ServiceGrant) -> WebhookView:
    """Return a webhook as `service` may see it."""
    return WebhookView(
        id=webhook.id,
        event=webhook.event,
        service=webhook.service,
        notification_id=webhook.notification_id,
        user=view_targets([Target(webhook.target)], service)[0],
        state=webhook.state,
        created_at=format_time(webhook.created_s),
        attempts=webhook.attempts,
        last_attempts=[
            WebhookAttempt(at=format_time(each.at_s), outcome=each.outcome or "started") for each in webhook.last
        ],
        next_attempt_at=format_time(webhook.due_ms / 1000) if webhook.state == "waiting" else UNSET,
    )
