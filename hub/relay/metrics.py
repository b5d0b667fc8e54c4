"""What a relay counts, in the format of Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from hub.relay.table import Backlog

__all__ = ["Metrics"]

#: One request ends at its deadline, `RelayBounds.publish_s`.
_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The counters of one relay. No label holds an id, a key of a row or anything of its body."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        registry = self._registry
        self.published = Counter("hub_relay_published", "Rows that the hub has acknowledged", registry=registry)
        self.duplicates = Counter(
            "hub_relay_duplicates",
            "Rows of these that the hub already had, from an attempt that was cut short",
            registry=registry,
        )
        self.dead = Counter("hub_relay_dead", "Rows that were given up, by code", ["code"], registry=registry)
        self.failures = Counter(
            "hub_relay_failures", "Attempts without a receipt, by code", ["code"], registry=registry
        )
        self.publish_seconds = Histogram(
            "hub_relay_publish_seconds", "From a request to its response", buckets=_BUCKETS_S, registry=registry
        )
        self.purged = Counter("hub_relay_purged", "Published rows that were deleted", registry=registry)
        self.rounds = Counter("hub_relay_rounds", "Rounds that had rows", registry=registry)
        self.waiting = Gauge("hub_relay_waiting_rows", "Rows that wait, at most 100,000", registry=registry)
        self.dead_rows = Gauge("hub_relay_dead_rows", "Dead rows in the table, at most 100,000", registry=registry)
        self.oldest = Gauge(
            "hub_relay_oldest_waiting_seconds", "How long the oldest waiting row has waited", registry=registry
        )
        self.hub_up = Gauge(
            "hub_relay_hub_up", "Whether the hub took the last row, or was asked for nothing yet", registry=registry
        )
        self.database_up = Gauge(
            "hub_relay_database_up", "Whether the database did what was asked last", registry=registry
        )
        self.listening = Gauge(
            "hub_relay_listening", "Whether commits wake the relay; otherwise it polls", registry=registry
        )
        self.hub_up.set(1)

    def set_backlog(self, backlog: Backlog) -> None:
        """Take what is in the table."""
        self.waiting.set(backlog.waiting)
        self.oldest.set(backlog.oldest_s)
        self.dead_rows.set(backlog.dead)

    def write(self) -> bytes:
        """Return the text that Prometheus reads."""
        return generate_latest(self._registry)
