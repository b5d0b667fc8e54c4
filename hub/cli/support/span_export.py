"""Sends the spans of `hub serve` to a collector, by OpenTelemetry's SDK and its own variables (`OTEL_*`)."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec

from opentelemetry import trace

from hub.tracing import TraceIdFilter

__all__ = ["FLUSH_S", "export_spans"]

logger = logging.getLogger("hub.serve")

#: What the end of the process may wait for a collector to take the last spans.
FLUSH_S = 3.0


@contextlib.contextmanager
def export_spans(handler: logging.Handler) -> Iterator[None]:
    """Send spans over OTLP/HTTP meanwhile, from a thread of the SDK; give the handler's log lines their trace's id.

    A provider that is there already (`opentelemetry-instrument hub serve`) is left as it is.
    """
    handler.addFilter(TraceIdFilter())
    if not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        yield
        return
    if find_spec("opentelemetry.sdk") is None or find_spec("opentelemetry.exporter") is None:
        logger.warning("HUB_TRACING sends nothing: pip install 'notification-hub[otel]' brings what sends spans")
        yield
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({"service.version": version("notification-hub")})
    if str(resource.attributes.get("service.name", "unknown_service")).startswith("unknown_service"):
        resource = resource.merge(Resource({"service.name": "notification-hub"}))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        # The SDK's own deadlines are half a minute, for which no supervisor waits.
        flush = threading.Thread(target=provider.shutdown, name="last-spans", daemon=True)
        flush.start()
        flush.join(FLUSH_S)
