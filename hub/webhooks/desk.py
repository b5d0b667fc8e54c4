"""All webhooks of a hub: who is told of what, the tasks that tell, and what an operator sees and repeats."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Mapping, Sequence

import msgspec

from contracts.webhook import WebhookEvent
from hub.bounds import Bounds
from hub.errors import HubError, NotFound
from hub.log.port import Change, Log
from hub.metrics import Metrics
from hub.outbound.client import OutboundClient
from hub.outbound.resolver import Resolver
from hub.tasks import Tasks
from hub.webhooks.body import Awaited, make_body
from hub.webhooks.course import repeat
from hub.webhooks.endpoint import WebhookEndpoint
from hub.webhooks.record import draft_changes
from hub.webhooks.sender import WebhookSender
from hub.webhooks.webhook import (
    SERVICES,
    WEBHOOKS,
    Webhook,
    dead_owner,
    due_key,
    due_owner,
    make_webhook_id,
    put_webhook,
    read_due_key,
    read_webhook,
    remove_webhook,
)

__all__ = ["WebhookDesk"]

_FORGET_AT_ONCE = 100


class WebhookDesk:
    """Takes webhooks, sends them by the endpoints of the key file, and lists them."""

    def __init__(
        self,
        endpoints: Mapping[str, WebhookEndpoint],
        *,
        log: Log,
        metrics: Metrics,
        bounds: Bounds,
        keep_s: float,
        wall_s: Callable[[], float],
        now_s: Callable[[], float],
        resolver: Resolver | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Take the endpoints by service, and for how long dead letters are kept.

        `now_s` is Unix time that never jumps, `wall_s` what other machines think.

        Raises:
            SettingsError: the environment asks for a proxy or for authorities that cannot be used.
        """
        self._endpoints = endpoints
        self._log = log
        self._metrics = metrics
        self._bounds = bounds
        self._keep_s = keep_s
        self._now_s = now_s
        self._resolver = resolver or (Resolver() if endpoints else None)
        self._clients: dict[str, OutboundClient] = {}
        self._senders: dict[str, WebhookSender] = {}
        for service, endpoint in endpoints.items():
            # One for each: what waits for one endpoint takes no connection from another.
            client = OutboundClient(
                what="webhooks",
                allow_private=endpoint.allow_private,
                bounds=bounds,
                resolver=self._resolver,
                tls=tls,
            )
            self._clients[service] = client
            self._senders[service] = WebhookSender(
                endpoint, log=log, client=client, metrics=metrics, bounds=bounds, wall_s=wall_s, now_s=now_s
            )
            metrics.webhook_attempts.update({(service, outcome): 0 for outcome in ("delivered", "failed", "dead")})
        self._tasks = Tasks()

    def start(self) -> None:
        """Begin to send."""
        for service, sender in self._senders.items():
            self._tasks.start(f"webhooks of {service}", sender.run())

        self._tasks.start("webhook count", self._count_always())

    async def close(self) -> None:
        """Stop sending. What is under way is tried again by the next hub."""
        await self._tasks.stop()
        for client in self._clients.values():
            await client.close()
        if self._resolver is not None:
            await self._resolver.close()

    def has_endpoint(self, service: str) -> bool:
        """Whether this service is told of anything."""
        return service in self._endpoints

    def wants(self, service: str, event: WebhookEvent) -> bool:
        """Whether this service is told of such an event."""
        endpoint = self._endpoints.get(service)
        return endpoint is not None and event in endpoint.events

    def draft(
        self, event: WebhookEvent, awaited: Awaited, payload: bytes | None, *, position: int, at_s: float
    ) -> tuple[str, tuple[Change, ...]]:
        """Return the id of a new webhook, and the changes that store it; `position` is the notification's."""
        webhook = Webhook(
            id=make_webhook_id(event, awaited.notification_id, awaited.target),
            event=event,
            service=awaited.service,
            notification_id=awaited.notification_id,
            target=awaited.target,
            position=position,
            body=make_body(event, awaited, payload, at_s=at_s),
            created_s=at_s,
            begun_s=at_s,
            due_ms=round(at_s * 1000),
        )
        return webhook.id, put_webhook(webhook, None)

    def note_news(self, service: str) -> None:
        """Send what was stored for this service."""
        if (sender := self._senders.get(service)) is not None:
            sender.note_news()

    async def list_services(self) -> list[str]:
        """Return every service that has an endpoint or has had webhooks, in order.

        Raises:
            StorageUnavailable: the log cannot be read.
        """
        entries = await self._log.list_state(SERVICES, limit=10_000)
        return sorted({*self._endpoints, *(entry.key for entry in entries)})

    async def find(self, webhook_id: str) -> Webhook | None:
        """Return the webhook with this id; None where there is none, or it cannot be read.

        Raises:
            StorageUnavailable: the log cannot be read.
        """
        entry = await self._log.read_state(WEBHOOKS, webhook_id)
        with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
            return None if entry is None else read_webhook(entry)
        return None

    async def list_waiting(self, services: Sequence[str], *, limit: int) -> tuple[list[Webhook], bool]:
        """Return the webhooks of these services that are due next, and whether there are more.

        Raises:
            StorageUnavailable: the log cannot be read.
        """
        return await self._list([due_owner(service) for service in services], limit)

    async def list_dead(self, services: Sequence[str], *, limit: int) -> tuple[list[Webhook], bool]:
        """Return dead webhooks of these services, and whether there are more.

        Raises:
            StorageUnavailable: the log cannot be read.
        """
        return await self._list([dead_owner(service) for service in services], limit)

    async def repeat(self, webhook: Webhook) -> Webhook:
        """Have a webhook sent again at once, one that waits as well as one that is dead; return it as it is now.

        Raises:
            NotFound: it was delivered meanwhile, or is not there any more.
            StorageUnavailable, Overloaded: nothing was changed.
        """
        if webhook.state == "delivered":
            raise NotFound("This webhook was delivered")
        after = repeat(webhook, now_s=self._now_s())
        draft = draft_changes(
            put_webhook(after, webhook), key=f"repeat\x00{webhook.id}\x00{webhook.attempts}\x00{after.due_ms}"
        )
        (result,) = await self._log.append([draft])
        if isinstance(result, HubError):
            raise result
        self.note_news(webhook.service)
        return after

    async def _count_always(self) -> None:
        """Count what waits and what is dead, for the metrics, up to `counted_webhooks` of each service."""
        while True:
            with contextlib.suppress(HubError):
                for service in await self.list_services():
                    await self._forget_old(service)
                    await self._count(service)
            await asyncio.sleep(self._bounds.webhook_count_s)

    async def _forget_old(self, service: str) -> None:
        """Forget dead letters that nobody repeated for as long as notifications are kept."""
        upto = due_key(round((self._now_s() - self._keep_s) * 1000))
        for entry in await self._log.list_state(dead_owner(service), upto=upto, limit=_FORGET_AT_ONCE):
            webhook_id = read_due_key(entry.key)[1]
            webhook = await self.find(webhook_id)
            changes = (Change(entry.owner, entry.key, None),) if webhook is None else remove_webhook(webhook)
            await self._log.append([draft_changes(changes, key=f"forget\x00{entry.key}")])

    async def _count(self, service: str) -> None:
        waiting = await self._log.list_state(due_owner(service), limit=self._bounds.counted_webhooks)
        dead = await self._log.list_state(dead_owner(service), limit=self._bounds.counted_webhooks)
        self._metrics.webhooks[service, "waiting"] = len(waiting)
        self._metrics.webhooks[service, "dead"] = len(dead)
        now_s = self._now_s()
        begun_s = min((float(entry.value) for entry in waiting if entry.value.isdigit()), default=now_s)
        self._metrics.webhook_wait_s[service] = max(0.0, now_s - begun_s)

    async def _list(self, owners: Sequence[str], limit: int) -> tuple[list[Webhook], bool]:
        if not owners:
            return [], False
        entries = await self._log.list_state(owners, limit=limit + 1)
        found = [await self.find(read_due_key(entry.key)[1]) for entry in entries[:limit]]
        return [webhook for webhook in found if webhook is not None], len(entries) > limit
