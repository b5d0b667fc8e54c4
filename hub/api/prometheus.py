"""The hub's counters as Prometheus metrics; prometheus-client writes the text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import get_args

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from contracts.closing import CloseCode
from contracts.frame import ResumeKind
from contracts.stats import NodeState
from hub import errors
from hub.cluster.port import Cluster
from hub.delivery.progress import Progress
from hub.delivery.subscribers import Subscribers
from hub.directory.probe import DirectoryProbe
from hub.histogram import BOUNDS_S, Histogram
from hub.log.port import Log
from hub.metrics import PUSH_OUTCOMES, TRANSPORTS, Metrics
from hub.push.opening import Push

__all__ = ["make_registry"]

#: What is counted from 0 on, though it may never happen: an alert that watches for a rise cannot see the first event
#: where there was no number before it.
_RESUMES: tuple[str, ...] = get_args(ResumeKind)
_OUTCOMES = ("acknowledged", "read", "unconfirmed")
_CLOSES = tuple(str(code.value) for code in CloseCode)
_STATES: tuple[str, ...] = get_args(NodeState)
_DROPS = ("busy", "epoch", "failed", "head", "sender", "too_large", "unreadable", "version")
_CODES = sorted({getattr(errors, name).code for name in errors.__all__ if name not in {"HubError", "SettingsError"}})


def make_registry(
    metrics: Metrics,
    subscribers: Subscribers,
    progress: Progress,
    log: Log,
    probe: DirectoryProbe,
    push: Push | None = None,
    *,
    cluster: Cluster,
    version: str,
) -> CollectorRegistry:
    """Return a registry that reads the counters when it is asked, and holds nothing itself."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_HubCollector(metrics, subscribers, progress, log, probe, push, cluster, version))
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


class _HubCollector(Collector):
    def __init__(
        self,
        metrics: Metrics,
        subscribers: Subscribers,
        progress: Progress,
        log: Log,
        probe: DirectoryProbe,
        push: Push | None,
        cluster: Cluster,
        version: str,
    ) -> None:
        self._metrics = metrics
        self._subscribers = subscribers
        self._progress = progress
        self._log = log
        self._probe = probe
        self._push = push
        self._cluster = cluster
        self._version = version

    def collect(self) -> Iterator[Metric]:
        metrics, counts = self._metrics, self._subscribers.count_all()
        yield InfoMetricFamily("hub_build", "The hub that answers", value={"version": self._version})
        yield _gauge("hub_start_time_seconds", "Unix time of the start", metrics.started_at_s)
        connections = GaugeMetricFamily("hub_connections", "Connections open now", labels=["transport"])
        connections.add_metric(["websocket"], counts.websocket)
        connections.add_metric(["sse"], counts.sse)
        connections.add_metric(["durable-streams"], counts.durable_streams)
        yield connections
        yield _gauge("hub_unique_users", "Users connected now", counts.unique_users)
        yield _gauge("hub_accounts", "Accounts connected now", counts.accounts)
        yield _gauge("hub_log_head", "Position of the newest record", self._log.head)
        yield _gauge("hub_log_first", "Lowest position still kept", self._log.first)
        yield _gauge("hub_log_writable", "1 when the last write succeeded", int(self._log.writable))
        yield _gauge("hub_log_damaged", "Damaged records met since the start", self._log.damaged)
        lag = self._log.head - self._progress.position
        yield _gauge("hub_dispatch_lag_records", "Records stored but not dispatched yet", lag)
        up = int(self._probe.state == "up")
        yield _gauge("hub_directory_up", "1 when the directory answered when it was last asked", up)
        yield from self._collect_cluster()
        yield _counter("hub_published", "Notifications stored", "type", metrics.published)
        mismatches = CounterMetricFamily(
            "hub_contract_mismatches", "Stored with a field of data of another type", labels=["type", "field"]
        )
        for labels, count in sorted(metrics.mismatches.items()):
            mismatches.add_metric(labels, count)
        yield mismatches
        yield _counter("hub_signals", "Signals sent, which are not stored", "type", metrics.signals)
        yield _plain("hub_signals_missed", "Signals that slow connections did not get", metrics.signals_missed)
        yield _plain("hub_publish_duplicates", "Publishes answered from an earlier one", metrics.duplicates)
        yield _counter(
            "hub_deliveries",
            "Notifications handed to connections",
            "transport",
            metrics.deliveries,
            (*TRANSPORTS, "poll"),
        )
        yield _counter(
            "hub_confirmations", "Deadlines that ended, by what ended them", "outcome", metrics.confirmations, _OUTCOMES
        )
        attempts = CounterMetricFamily(
            "hub_webhook_attempts", "Attempts to deliver a webhook", labels=["service", "outcome"]
        )
        for labels, count in sorted(metrics.webhook_attempts.items()):
            attempts.add_metric(labels, count)
        yield attempts
        webhooks = GaugeMetricFamily("hub_webhooks", "Webhooks that are kept", labels=["service", "state"])
        for labels, count in sorted(metrics.webhooks.items()):
            webhooks.add_metric(labels, count)
        yield webhooks
        waits = GaugeMetricFamily(
            "hub_webhook_wait_seconds", "For how long the oldest webhook has waited", labels=["service"]
        )
        for service, wait_s in sorted(metrics.webhook_wait_s.items()):
            waits.add_metric([service], wait_s)
        yield waits
        yield _plain("hub_replayed", "Notifications handed over from the log", metrics.replayed)
        yield _plain("hub_fallen_behind", "Live connections brought from the log for being slow", metrics.fallen_behind)
        yield _counter("hub_resumes", "Connections begun, by resume result", "result", metrics.resumes, _RESUMES)
        yield _counter(
            "hub_polls", "Pages answered to clients that poll, by resume result", "result", metrics.polls, _RESUMES
        )
        yield _counter("hub_connects", "Connections accepted", "transport", metrics.connects, TRANSPORTS)
        closes = {str(code): count for code, count in metrics.closes.items()}
        yield _counter("hub_disconnects", "Connections ended, by close code", "code", closes, _CLOSES)
        yield _counter("hub_refusals", "Connections refused, by error code", "code", metrics.refusals, _CODES)
        yield _counter("hub_problems", "Requests answered with a problem", "code", metrics.problems, _CODES)
        subscriptions, sending, waiting = (0, 0, 0) if self._push is None else self._push.measure()
        yield _gauge("hub_push_subscriptions", "Browsers subscribed to Web Push", subscriptions)
        yield _gauge("hub_push_sending", "Push messages on their way", sending)
        yield _gauge("hub_push_waiting", "Push messages that wait for another attempt", waiting)
        yield _counter("hub_push_messages", "Push messages that ended", "outcome", metrics.push, PUSH_OUTCOMES)
        yield _counter("hub_push_failures", "Attempts to push without success", "reason", metrics.push_failures)
        disk, socket = (
            "Whole body of a publish to its record on disk",
            "Whole body of a publish to the write to a client",
        )
        yield _histogram("hub_publish_to_disk_seconds", disk, {"": metrics.publish_to_disk})
        yield _histogram("hub_publish_to_socket_seconds", socket, metrics.publish_to_socket, "transport")
        yield _histogram("hub_replay_seconds", "Replay of one connection until it is live", {"": metrics.replay})
        yield _histogram("hub_handshake_seconds", "Request to greeting", metrics.handshake, "transport")
        yield _histogram("hub_directory_query_seconds", "One query to the directory", {"": metrics.directory_query})
        yield _histogram("hub_fsync_seconds", "One durable write", self._log.fsyncs, "file")
        yield _histogram("hub_loop_lag_seconds", "How late the event loop is", {"": metrics.loop_lag})

    def _collect_cluster(self) -> Iterator[Metric]:
        found, rows = self._cluster.check(), self._cluster.list_nodes()
        nodes = GaugeMetricFamily("hub_cluster_nodes", "Nodes that this one knows, itself included", labels=["state"])
        for state in _STATES:
            nodes.add_metric([state], sum(row.state == state for row in rows))
        yield nodes
        connected = found is None or found.nats == "connected"
        yield _gauge("hub_node_connected", "1 when this node is connected to NATS", int(connected))
        isolated = found is not None and found.isolated
        yield _gauge("hub_node_isolated", "1 while this node sends its clients to others", int(isolated))
        yield _gauge(
            "hub_node_lag_records", "Records that this node has yet to take", 0 if found is None else found.lag
        )
        lag = GaugeMetricFamily("hub_stream_replica_lag_records", "How far the slowest server of the stream is behind")
        if found is None or found.replica_lag is not None:
            lag.add_metric([], 0 if found is None else found.replica_lag or 0)
        yield lag
        skew_s = max((abs(row.clock_skew_seconds) for row in rows), default=0.0)
        yield _gauge("hub_cluster_clock_skew_seconds", "By how much another node's clock differs, at most", skew_s)
        dropped = self._metrics.cluster_dropped
        yield _counter("hub_cluster_dropped", "Messages of nodes that were not believed", "reason", dropped, _DROPS)


def _gauge(name: str, sentence: str, value: float) -> Metric:
    return GaugeMetricFamily(name, sentence, value=value)


def _plain(name: str, sentence: str, value: float) -> Metric:
    return CounterMetricFamily(name, sentence, value=value)


def _counter(name: str, sentence: str, label: str, counts: dict[str, int], known: Iterable[str] = ()) -> Metric:
    family = CounterMetricFamily(name, sentence, labels=[label])
    for value, count in sorted((dict.fromkeys(known, 0) | counts).items()):
        family.add_metric([value], count)
    return family


def _histogram(name: str, sentence: str, histograms: Mapping[str, Histogram], label: str = "") -> Metric:
    family = HistogramMetricFamily(name, sentence, labels=[label] if label else [])
    bounds = [*(str(bound) for bound in BOUNDS_S), "+Inf"]
    for value, histogram in histograms.items():
        # The log's threads observe while this runs. The sum first: what comes meanwhile is then in the counts, and no
        # mean is too large. `accumulate` over a copy: buckets of one moment, that only rise.
        sum_s, counts = histogram.sum_s, histogram.counts.copy()
        family.add_metric([value] if label else [], list(zip(bounds, accumulate(counts), strict=True)), sum_s)
    return family
