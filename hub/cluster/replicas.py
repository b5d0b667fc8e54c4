"""How far the servers of the stream are behind its leader, asked from time to time."""

from __future__ import annotations

import asyncio

import msgspec

from hub.nats.port import Nats, NatsError

__all__ = ["Replicas"]

#: How long the leader is waited for.
_ANSWER_S = 2.0


class _Replica(msgspec.Struct):
    current: bool = False
    offline: bool = False
    lag: int = 0


class _Servers(msgspec.Struct):
    replicas: list[_Replica] = []


class _Info(msgspec.Struct):
    cluster: _Servers | None = None


_decode = msgspec.json.Decoder(_Info).decode


class Replicas:
    """Asks the leader of a stream, every `every_s`; `lag` is of the slowest server, None where that is not known."""

    def __init__(self, nats: Nats, stream: str, *, every_s: float) -> None:
        self._nats = nats
        self._subject = f"$JS.API.STREAM.INFO.{stream}"
        self._every_s = every_s
        self.lag: int | None = None

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            self.lag = await self._ask()
            await asyncio.sleep(self._every_s)

    async def _ask(self) -> int | None:
        try:
            reply = await self._nats.request(self._subject, b"", timeout_s=_ANSWER_S)
            servers = _decode(reply.payload).cluster
        except (NatsError, msgspec.MsgspecError, UnicodeDecodeError):
            return None
        return None if servers is None else max((max(0, each.lag) for each in servers.replicas), default=0)
