"""From a request to a signal on its way: the checks of a publish, and no log."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import UNSET

from contracts.receipt import FieldWarning
from contracts.signal import SignalReceipt
from hub.auth.grant import ServiceGrant
from hub.cluster.port import Cluster
from hub.delivery.signals import Signals
from hub.publish.body import parse_signal
from hub.publish.publisher import Publisher
from hub.publish.registry import TypeRegistry

__all__ = ["Signaller"]


class Signaller:
    """Sends the signals of services to who is connected; nothing is stored, so nothing waits for a disk."""

    def __init__(
        self,
        *,
        registry: TypeRegistry,
        publisher: Publisher,
        signals: Signals,
        cluster: Cluster,
        now: Callable[[], float],
    ) -> None:
        self._registry = registry
        self._publisher = publisher
        self._signals = signals
        self._cluster = cluster
        self._now = now

    async def send(self, body: bytes, service: ServiceGrant) -> SignalReceipt:
        """Hand one signal over, and return how many connections it is for.

        Raises:
            BadRequest, Forbidden, UnknownTarget, DirectoryUnavailable: as a publish does; nothing was sent.
        """
        service.require_operation("publish")
        signal, key = parse_signal(body, self._registry, now_s=self._now())
        targets = await self._publisher.find_targets(signal, service)
        connections = await self._signals.send(targets, signal.type, key, signal.prefix)
        reached = await self._cluster.send_signal(targets, signal.type, key, signal.prefix)
        return SignalReceipt(
            ephemeral=True,
            connections=connections + (0 if reached is None else reached.count),
            nodes=UNSET if reached is None else reached.nodes,
            warnings=[FieldWarning(field=each.path, detail=each.detail) for each in signal.mismatches] or UNSET,
        )
