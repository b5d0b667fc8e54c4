"""The course of a webhook: due, tried, tried again, delivered or dead. No clock, no wait."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from hub.backoff import choose_delay_s
from hub.bounds import Bounds
from hub.webhooks.webhook import MAX_ATTEMPTS_KEPT, Attempt, Webhook

__all__ = ["GIVE_UP_S", "begin_attempt", "end_attempt", "repeat"]

#: How long a webhook is tried.
GIVE_UP_S = 86_400.0
#: The endpoint says that it is not there any more (RFC 9110 section 15.5.11).
_GONE = 410


def begin_attempt(webhook: Webhook, *, now_s: float, claim_s: float) -> Webhook:
    """Return the webhook as it is while somebody tries it: it is due again, for anybody, after `claim_s`."""
    last = (*webhook.last, Attempt(now_s))[-MAX_ATTEMPTS_KEPT:]
    return msgspec.structs.replace(
        webhook, attempts=webhook.attempts + 1, last=last, due_ms=round((now_s + claim_s) * 1000)
    )


def end_attempt(
    webhook: Webhook,
    outcome: int | str,
    *,
    now_s: float,
    bounds: Bounds,
    retry_after_s: float | None = None,
    random: Callable[[], float],
) -> Webhook:
    """Return the webhook after an attempt that ended with this status, or without a response for this reason.

    `bounds` has the back-off. A status of 2xx delivers it, and 410 ends it. All else, redirects too, is tried again
    until a day is over.
    """
    last = (*webhook.last[:-1], Attempt(webhook.last[-1].at_s, str(outcome)))
    if isinstance(outcome, int) and 200 <= outcome < 300:
        return msgspec.structs.replace(webhook, state="delivered", body="", last=last)
    failures = webhook.failures + 1
    delay_s = choose_delay_s(
        failures,
        base_s=bounds.webhook_backoff_base_s,
        cap_s=bounds.webhook_backoff_cap_s,
        retry_after_s=retry_after_s,
        random=random,
    )
    ends_s = webhook.begun_s + GIVE_UP_S
    if outcome == _GONE or now_s >= ends_s:
        return msgspec.structs.replace(webhook, state="dead", failures=failures, last=last, due_ms=round(now_s * 1000))
    # The last attempt is at the end of the day.
    due_ms = round(min(now_s + delay_s, ends_s) * 1000)
    return msgspec.structs.replace(webhook, failures=failures, last=last, due_ms=due_ms)


def repeat(webhook: Webhook, *, now_s: float) -> Webhook:
    """Return a webhook that is due at once, and is tried for a day from now on."""
    return msgspec.structs.replace(webhook, state="waiting", begun_s=now_s, failures=0, due_ms=round(now_s * 1000))
