"""Kills, under the loss checker: of what three hubs or three Centrifugo nodes consist of, one after the other."""

from __future__ import annotations

import asyncio
import functools
import json
import re
import time
from collections.abc import Awaitable, Callable
from urllib.parse import quote

import httpx

from bench.centrifugo_cluster import CentrifugoCluster
from bench.centrifugo_protocol import CentrifugoListener, CentrifugoSender, name_channel
from bench.centrifugo_rows import ALL
from bench.figure import Budget, Figures
from bench.hub_cluster import draw_seed, make_token
from bench.notice import ACCOUNT, publish_body
from bench.returning import ReturningClient, connect_all, wait_back
from tests.cluster.checker import Report, check
from tests.cluster.local import LocalCluster
from tests.cluster.member import Member
from tests.cluster.scenario import find_leader

__all__ = ["measure_centrifugo_kills", "measure_hub_kills", "measure_returns"]

#: Notifications a second meanwhile.
RATE_PER_S = 50.0
AWAY_S, REST_S = 1.0, 2.0
CLIENTS = 1_000
#: What is published while they are away.
MISSED = 20
#: Nothing may be missing, twice or out of order; an announced gap is another matter, and counted by itself.
NOTHING = Budget(0)


async def measure_hub_kills(figures: Figures, cluster: LocalCluster, kills: int) -> None:
    """Kill each hub once, and the stream's leader as often as asked for."""
    run = functools.partial(check, cluster.target, rate_per_s=RATE_PER_S, may_have_gaps=True)

    async def kill_nodes() -> None:
        for member in cluster.hubs:
            await _kill(member, member.start, functools.partial(cluster.wait_ready, member))

    async def kill_leader() -> None:
        for _ in range(kills):
            member = await find_leader(cluster)
            await _kill(member, member.start, functools.partial(cluster.wait_ready, member))

    _note(figures, "hub", "a node", await run(meanwhile=kill_nodes, seed=draw_seed()))
    _note(figures, "hub", "the engine's leader", await run(meanwhile=kill_leader, seed=draw_seed()))


async def measure_centrifugo_kills(figures: Figures, cluster: CentrifugoCluster, kills: int) -> None:
    """Kill each node once, and Redis as often as asked for."""
    run = functools.partial(
        check,
        cluster.target,
        rate_per_s=RATE_PER_S,
        may_have_gaps=True,
        listener=CentrifugoListener,
        sender=CentrifugoSender,
    )

    async def kill_nodes() -> None:
        for node in cluster.nodes:
            await _kill(node, node.start, functools.partial(cluster.wait_ready, node))

    async def kill_shared() -> None:
        for _ in range(kills):
            await _kill(cluster.shared, cluster.start_shared)

    who = cluster.engine.column
    _note(figures, who, "a node", await run(meanwhile=kill_nodes, seed=draw_seed()))
    _note(figures, who, "the engine's leader", await run(meanwhile=kill_shared, seed=draw_seed()))


async def measure_returns(figures: Figures, cluster: LocalCluster | CentrifugoCluster) -> None:
    """Kill the node that 1,000 clients are connected to, and see how long it takes until all are back."""
    if isinstance(cluster, LocalCluster):
        who, (clients, victim, ports) = "hub", _hub_clients(cluster)
    else:
        who, (clients, victim, ports) = cluster.engine.column, _centrifugo_clients(cluster)
    try:
        await connect_all(clients, ports[0])
        killed_at_s = time.monotonic()
        await victim.kill()
        marks = [f"m-{killed_at_s}-{number}" for number in range(MISSED)]
        for client in clients:
            client.mark = marks[-1]
        async with httpx.AsyncClient(timeout=30) as http:
            for mark in marks:
                await _publish(cluster, http, ports[1], mark)
        found = await wait_back(clients, killed_at_s)
    finally:
        for client in clients:
            client.leave()
        await asyncio.sleep(0.5)
    await victim.start()
    await cluster.wait_ready(victim)
    title = f"{CLIENTS:,} clients of a killed node are back at the others with all they missed"
    figures.row(f"{title}, the middle one", "s").add(who, found.p50_s)
    figures.row(f"{title}, the last", "s", Budget(5)).add(who, found.last_s)


async def _kill(
    member: Member, start: Callable[[], Awaitable[None]], ready: Callable[[], Awaitable[None]] | None = None
) -> None:
    await asyncio.sleep(REST_S)
    await member.kill()
    await asyncio.sleep(AWAY_S)
    await start()
    if ready is not None:
        await ready()
    await asyncio.sleep(REST_S)


def _note(figures: Figures, who: str, what: str, report: Report) -> None:
    print(f"    {who}, kill -9 of {what}: {report.describe()}", flush=True)
    for violation in report.violations[:5]:
        print(f"      {violation}", flush=True)
    title = f"kill -9 of {what}"
    figures.row(f"{title}: acknowledged", "").add(who, report.acknowledged)
    figures.row(f"{title}: lost without a word, twice or out of order", "", NOTHING).add(who, len(report.violations))
    figures.row(f"{title}: gaps that clients were told of", "", NOTHING).add(who, report.gaps)
    figures.row(f"{title}: acknowledged and never got by a client, gaps included", "", NOTHING).add(who, report.missed)
    figures.row(f"{title}: longest time without an acknowledgement", "s", Budget(10)).add(who, report.silence_s)


class _HubPlace:
    """Implements `bench.returning.Place`."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._cursor = ""

    def note(self, text: str) -> bool:
        found = re.findall(r'"cursor":"([^"]+)"', text)
        self._cursor = found[-1] if found else self._cursor
        return bool(found)

    def path(self) -> str:
        return f"/ws?token={self._token}" + (f"&cursor={self._cursor}" if self._cursor else "")


class _CentrifugoPlace:
    """Implements `bench.returning.Place`."""

    def __init__(self, token: str, channel: str) -> None:
        self._token = token
        self._channel = channel
        self._known: dict[str, object] = {}

    def note(self, text: str) -> bool:
        found = re.findall(r'"(epoch|offset)":("[^"]+"|\d+)', text)
        self._known |= {name: json.loads(value) for name, value in found}
        return bool(found)

    def path(self) -> str:
        # The epoch is said once, and no offset where it is 0.
        place = {"recover": True, "offset": 0, **self._known} if self._known else {}
        frame = json.dumps({"token": self._token, "subs": {self._channel: place}})
        return f"/connection/uni_websocket?cf_connect={quote(frame)}"


def _hub_clients(cluster: LocalCluster) -> tuple[list[ReturningClient], Member, list[int]]:
    ports = [cluster.ports.hub(number) for number in (1, 2, 3)]
    places = [_HubPlace(make_token(cluster, number)) for number in range(CLIENTS)]
    clients = [ReturningClient(ports[1:], place, number) for number, place in enumerate(places)]
    return clients, cluster.hubs[0], ports


def _centrifugo_clients(cluster: CentrifugoCluster) -> tuple[list[ReturningClient], Member, list[int]]:
    places = [_CentrifugoPlace(cluster.token(number), name_channel(ALL)) for number in range(CLIENTS)]
    clients = [ReturningClient(cluster.ports[1:], place, number) for number, place in enumerate(places)]
    return clients, cluster.nodes[0], cluster.ports


async def _publish(cluster: LocalCluster | CentrifugoCluster, http: httpx.AsyncClient, port: int, mark: str) -> None:
    if isinstance(cluster, LocalCluster):
        body = json.loads(publish_body({"account_id": ACCOUNT}).replace(b"@TS@", b"1")) | {"title": mark}
        headers = {"authorization": f"Bearer {cluster.target.service_key}"}
        response = await http.post(f"http://127.0.0.1:{port}/api/internal/notify", json=body, headers=headers)
    else:
        body = json.loads(cluster.publish_body(ALL).replace(b"@TS@", b"1"))
        body["data"]["title"] = mark
        url = f"http://127.0.0.1:{port}/api/publish"
        response = await http.post(url, json=body, headers={"x-api-key": cluster.key})
    assert response.is_success, response.text
