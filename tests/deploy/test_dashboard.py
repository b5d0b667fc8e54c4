"""The dashboard asks what Prometheus can answer of a hub, and is provisioned as it is."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import AsyncIterator
from itertools import combinations
from pathlib import Path
from typing import Any

from tests.deadlines.stage import SECRET
from tests.deploy.prometheus import Prometheus, free_port
from tests.deploy.test_files import DEPLOY, ROOT, read_yaml
from tests.deploy.test_rules import OLD_CURSOR, watched
from tests.harness import RunningHub
from tests.postgres import Postgres
from tests.relay.outbox import open_outbox
from tests.relay.processes import RelayProcess

#: Its webhooks are counted, though there are none.
WEBHOOK: dict[str, object] = {"url": "https://127.0.0.1:9/", "secret": SECRET, "allow_private": True}
FOLDER = DEPLOY / "grafana"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "dashboards/hub.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
#: What Grafana puts in the place of its variables.
VARIABLES = {"$instance": ".*", "$__rate_interval": "1m"}


def fill_in(query: str) -> str:
    """Return a query as Prometheus gets it."""
    for name, value in VARIABLES.items():
        query = query.replace(name, value)
    assert "$" not in query, query
    return query


@contextlib.asynccontextmanager
async def watched_relay(
    prometheus: Prometheus, folder: Path, postgres: Postgres, hub: RunningHub
) -> AsyncIterator[None]:
    """Run a relay that is scraped, and that publishes while it is."""
    port = free_port()
    async with open_outbox(postgres) as outbox:
        relay = RelayProcess(folder / "relay.log", outbox.url, hub.url, hub.key, HUB_RELAY_PORT=str(port))
        await relay.start()
        try:
            with prometheus.scraping(port, "hub-relay") as instance:
                await prometheus.wait_scraped(instance)
                await outbox.write(("k", "t"))
                await outbox.wait_settled()
                yield
        finally:
            await relay.stop()


async def test_prometheus_answers_every_query(prometheus: Prometheus, tmp_path: Path, postgres: Postgres) -> None:
    """Of a hub and a relay with some traffic no panel is empty; what names a metric wrongly has no answer."""
    async with (
        watched(prometheus, tmp_path, webhook=WEBHOOK) as (hub, instance),
        watched_relay(prometheus, tmp_path, postgres, hub),
    ):
        await hub.publish(data={"productName": [1]})
        await prometheus.wait_scraped(instance)
        async with hub.websocket(cursor=OLD_CURSOR), hub.events():
            await hub.publish(data={"productName": [1]})
            await prometheus.wait_scraped(instance)
            await prometheus.wait_scraped(instance)
            empty = [query for query in QUERIES if not await prometheus.ask(fill_in(query))]
            assert [] == empty
            for annotation in DASHBOARD["annotations"]["list"]:
                await prometheus.ask(fill_in(annotation["expr"]))
            wrong = QUERIES[0].replace("up{", "hub_up{")
            assert [] == await prometheus.ask(fill_in(wrong))


def test_every_metric_has_a_panel() -> None:
    """What the pages on monitoring and the outbox explain is on the dashboard, but for what is a label's alone."""
    pages = [(ROOT / f"docs/operations/{name}.md").read_text() for name in ("monitoring", "outbox")]
    explained = {name for page in pages for name in re.findall(r"^\| `(hub_\w+)", page, re.MULTILINE)}
    shown = {name.removesuffix("_bucket") for name in re.findall(r"\bhub_\w+", json.dumps(DASHBOARD))}
    assert {"hub_accounts"} == explained - shown
    assert {"hub_build_info"} <= shown
    assert set() == shown - explained


def test_panels_can_be_seen_and_told_apart() -> None:
    """Each has a title and a sentence of its own, a place that no other covers, and the chosen data source."""
    assert len(PANELS) == len({panel["title"] for panel in PANELS})
    for panel in PANELS:
        assert panel["description"].endswith(".")
        assert {"type": "prometheus", "uid": "${datasource}"} == panel["datasource"]
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    for one, other in combinations(places, 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)
    assert {24} >= {place["x"] + place["w"] for place in places if place["w"] == 24}
    assert max(place["x"] + place["w"] for place in places) <= 24


def test_it_is_provisioned() -> None:
    """Grafana's files name the folder in which Compose mounts it, and a data source of the kind that it asks for."""
    (provider,) = read_yaml(FOLDER / "provisioning/dashboards/hub.yml")[0]["providers"]
    (source,) = read_yaml(FOLDER / "provisioning/datasources/prometheus.yml")[0]["datasources"]
    (compose,) = read_yaml(DEPLOY / "compose/compose.yaml")
    mounted = dict(volume.split(":")[:2] for volume in compose["services"]["grafana"]["volumes"])
    assert provider["options"]["path"] == mounted["../grafana/dashboards"]
    assert "/etc/grafana/provisioning" == mounted["../grafana/provisioning"]
    assert ("prometheus", "http://prometheus:9090") == (source["type"], source["url"])
    assert "prometheus" in compose["services"]
