"""What three Centrifugo nodes cost for the work that the hubs are given."""

from __future__ import annotations

import asyncio
import functools
import json
from urllib.parse import quote

from bench.centrifugo_cluster import CentrifugoCluster
from bench.centrifugo_protocol import CentrifugoListener, CentrifugoSender, name_channel
from bench.figure import Figures
from bench.hub_cluster import (
    FANOUT_CONNECTIONS,
    FANOUT_RATE,
    IN_FLIGHT,
    PUBLISH,
    RATE_PER_S,
    draw_seed,
    note_dispatch,
    run_fanout,
)
from bench.load import Load, Publish, run_load
from bench.notice import ACCOUNT, user_id
from bench.process import read_cpu_s
from tests.cluster.checker import check
from tests.cluster.ledger import User

__all__ = ["ALL", "measure_centrifugo_dispatch", "measure_centrifugo_fanout", "measure_centrifugo_publish"]

#: Whose channel stands for everybody of the account.
ALL = User(ACCOUNT, "all")


def connect_path(cluster: CentrifugoCluster, number: int) -> str:
    """Return where a user's unidirectional client connects, who is on the account's channel."""
    frame = {"token": cluster.token(number), "subs": {name_channel(ALL): {}}}
    return f"/connection/uni_websocket?cf_connect={quote(json.dumps(frame))}"


async def measure_centrifugo_publish(figures: Figures, cluster: CentrifugoCluster, seconds: float) -> None:
    """Publish over HTTP at one node to a channel that nobody is on."""
    shared_s = read_cpu_s(cluster.shared.pid)
    who = cluster.engine.column
    run = functools.partial(
        run_load,
        who,
        port=cluster.ports[0],
        pid=cluster.nodes[0].pid,
        transport="ws",
        paths=[connect_path(cluster, 1)],
        connections=1,
        publish=Publish(
            path="/api/publish",
            body=cluster.publish_body(User(ACCOUNT, user_id(2))),
            headers=cluster.publish_headers,
            rate=0,
            seconds=seconds,
            fanout=0,
            in_flight=IN_FLIGHT,
        ),
    )
    load: Load = await asyncio.to_thread(run)
    for flaw in load.flaws:
        figures.warn(f"{who}, {PUBLISH}: {flaw}")
    shared_us = (read_cpu_s(cluster.shared.pid) - shared_s) / load.published * 1e6
    figures.row(PUBLISH, "/s").add(who, load.publishes_per_s)
    figures.row(f"{PUBLISH}: CPU of that node", "us").add(who, load.publish_cpu_us)
    figures.row(f"{PUBLISH}: CPU of what the nodes share", "us").add(who, shared_us)
    # The other nodes hear of it only where somebody is on the channel.
    figures.row(f"{PUBLISH}: CPU of all together", "us").add(who, load.publish_cpu_us + shared_us)
    print(f"    {who}: {load.publishes_per_s:,.0f}/s, {load.publish_cpu_us:.0f} us", flush=True)


async def measure_centrifugo_dispatch(figures: Figures, cluster: CentrifugoCluster, seconds: float) -> None:
    """Publish at a steady rate at all nodes, under the loss checker."""
    report = await check(
        cluster.target,
        rate_per_s=RATE_PER_S,
        meanwhile=functools.partial(asyncio.sleep, seconds),
        seed=draw_seed(),
        hoppers=0,
        listener=CentrifugoListener,
        sender=CentrifugoSender,
    )
    note_dispatch(figures, cluster.engine.column, report)


async def measure_centrifugo_fanout(figures: Figures, cluster: CentrifugoCluster, seconds: float) -> None:
    """Publish to connections at every node."""
    publish = Publish(
        path="/api/publish",
        body=cluster.publish_body(ALL),
        headers=cluster.publish_headers,
        rate=FANOUT_RATE,
        seconds=seconds,
        fanout=FANOUT_CONNECTIONS,
    )
    paths = [connect_path(cluster, number) for number in range(FANOUT_CONNECTIONS)]
    await run_fanout(figures, cluster.engine.column, cluster.nodes, cluster.ports, paths, publish)
