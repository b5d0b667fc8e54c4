"""Spans of what the hub does with a notification, by OpenTelemetry's API; imported only where `HUB_TRACING` is on.

The API alone does nothing: a program that wants the spans sets OpenTelemetry's SDK up, as `hub serve` does. A span
holds codes, counts, positions, the ids and types of notifications and the names of service keys. It never holds the id
of a user or an account, nor anything else that is in a notification.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Generic, TypeAlias, TypeVar

import msgspec
from opentelemetry import context, propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode

from hub.errors import HubError
from hub.header_fields import Headers

__all__ = ["Attribute", "TraceIdFilter", "Tracing"]

Attribute: TypeAlias = str | int | float | bool
V = TypeVar("V")

#: The links of one replay; OpenTelemetry's SDK keeps no more by default.
MAX_LINKS = 128
#: Of these header fields several lines are one list (RFC 9110 section 5.3; W3C Trace Context section 3.3.1).
_LISTS = frozenset({"tracestate"})


class _Named(msgspec.Struct):
    type: str = ""
    id: str = ""


_find_named = msgspec.json.Decoder(_Named).decode


class _Origin(msgspec.Struct, frozen=True):
    """The publish that a notification came with, and whether it came alone."""

    span: SpanContext
    is_alone: bool


class _Newest(Generic[V]):
    """What is remembered of the newest payloads, at most `most` of them.

    A payload has its notification's id and is the same in a draft and in its record, so a digest of it is the key.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[bytes, V] = OrderedDict()

    def put(self, payloads: Sequence[bytes], value: V) -> None:
        self._values |= {_digest(payload): value for payload in payloads}
        while len(self._values) > self._most:
            self._values.popitem(last=False)

    def find(self, payload: bytes) -> V | None:
        return self._values.get(_digest(payload))


class Tracing:
    """Makes the hub's spans; used on one event loop.

    `max_origins`: how many sampled notifications are remembered with the publish that they came with, and how many
    others with the id of their trace.
    """

    def __init__(self, *, max_origins: int) -> None:
        self._tracer = trace.get_tracer("notification-hub", version("notification-hub"))
        self._origins = _Newest[_Origin](max_origins)
        # Apart, so that a sampler which takes few leaves these few their place.
        self._unsampled = _Newest[int](max_origins)

    @contextlib.contextmanager
    def trace_publish(self, headers: Headers) -> Iterator[bytes]:
        """Make a span of one request to publish; yield the value of `traceresponse` for its response.

        The caller's trace is continued (W3C Trace Context; other propagators by OTEL_PROPAGATORS). What is not valid is
        passed over, as the standard has it, and a new trace begins.
        """
        span = self._tracer.start_span("publish", _find_parent(headers), SpanKind.SERVER)
        with _ending(span), _current(span):
            yield _format_traceresponse(span.get_span_context())
            span.set_attribute("http.response.status_code", 202)

    def describe(self, **attributes: Attribute) -> None:
        """Give the current span attributes; a double underscore in a name stands for a dot."""
        _describe(trace.get_current_span(), attributes)

    @contextlib.contextmanager
    def trace_append(self, payloads: Sequence[bytes]) -> Iterator[None]:
        """Make a span of an append within a publish, and remember the publish for what comes of these payloads."""
        publish = trace.get_current_span().get_span_context()
        if not publish.is_valid:
            # The hub's own records.
            yield
            return
        if publish.trace_flags.sampled:
            self._origins.put(payloads, _Origin(publish, len(payloads) == 1))
        else:
            self._unsampled.put(payloads, publish.trace_id)
        span = self._tracer.start_span("append")
        if span.is_recording():
            span.set_attribute("messaging.batch.message_count", len(payloads))
            if len(payloads) == 1:
                span.set_attributes(_name_notification(payloads[0]))
        with _ending(span):
            yield

    @contextlib.contextmanager
    def trace_dispatch(self, payload: bytes, position: int) -> Iterator[Span | None]:
        """Make a span of the dispatch of a payload whose publish was traced; yield None for any other.

        A notification that was published alone is dispatched in the trace of its publish. One of a batch gets a trace
        of its own with a link to the publish, so that a thousand do not make one trace of thousands of spans.
        """
        origin = self._origins.find(payload)
        if origin is None:
            yield None
            return
        parent = trace.set_span_in_context(NonRecordingSpan(origin.span)) if origin.is_alone else Context()
        links = [] if origin.is_alone else [Link(origin.span)]
        span = self._tracer.start_span("dispatch", parent, links=links)
        if span.is_recording():
            span.set_attributes(_name_notification(payload) | {"hub.log.position": position})
        with _ending(span):
            yield span

    @contextlib.contextmanager
    def trace_replay(self, transport: str) -> Iterator[Span]:
        """Make a span of one connection's replay, in a trace of its own; `link_page` links it to the publishes."""
        span = self._tracer.start_span("replay", Context(), attributes={"hub.transport": transport})
        with _ending(span), _current(span):
            yield span

    def link_page(self, payloads: Sequence[bytes], *, upto: int) -> None:
        """Link the current span to the publishes of what it has read up to a position."""
        span = trace.get_current_span()
        if not span.is_recording():
            return
        span.add_event("page", {"hub.records": len(payloads), "hub.log.position": upto})
        for payload in payloads[:MAX_LINKS]:
            origin = self._origins.find(payload)
            if origin is not None:
                span.add_link(origin.span)

    def find_trace_id(self, payload: bytes) -> str | None:
        """Return the 32 hexadecimal digits of the trace that a payload was published in; None where it is not known."""
        origin = self._origins.find(payload)
        trace_id = self._unsampled.find(payload) if origin is None else origin.span.trace_id
        return None if trace_id is None else trace.format_trace_id(trace_id)


class TraceIdFilter(logging.Filter):
    """Gives each record that is logged within a trace its id; filters nothing. For a handler that wants it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Set `record.trace_id` to the 32 hexadecimal digits of the current trace, if there is one."""
        found = trace.get_current_span().get_span_context()
        if found.is_valid:
            record.trace_id = trace.format_trace_id(found.trace_id)
        return True


def _find_parent(headers: Headers) -> Context:
    carrier: dict[str, str] = {}
    duplicates = set()
    wanted = propagate.get_global_textmap().fields
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        if name not in wanted:
            continue
        if name in carrier and name not in _LISTS:
            duplicates.add(name)
        carrier[name] = f"{carrier[name]},{value}" if name in carrier else value
    if duplicates:
        # Two programs on the way could read different ones.
        return Context()
    found = trace.get_current_span(propagate.extract(carrier, Context())).get_span_context()
    # Only the trace: baggage may hold anything of anybody.
    return trace.set_span_in_context(NonRecordingSpan(found), Context()) if found.is_valid else Context()


@contextlib.contextmanager
def _current(span: Span) -> Iterator[None]:
    # Not by a token: the steps of a coroutine may run in different contexts, where a token is not taken back.
    before = context.get_current()
    context.attach(trace.set_span_in_context(span, before))
    try:
        yield
    finally:
        context.attach(before)


@contextlib.contextmanager
def _ending(span: Span) -> Iterator[None]:
    # The text of an error may hold anything, so its code alone is taken.
    try:
        yield
    except HubError as error:
        span.set_attributes({"error.type": error.code, "http.response.status_code": error.status})
        if error.status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        raise
    except BaseException as error:
        span.set_attribute("error.type", type(error).__name__)
        span.set_status(Status(StatusCode.ERROR))
        raise
    finally:
        span.end()


def _describe(span: Span, attributes: dict[str, Attribute]) -> None:
    span.set_attributes({name.replace("__", "."): value for name, value in attributes.items()})


def _format_traceresponse(span: SpanContext) -> bytes:
    """Return the header's value (W3C Trace Context Level 2, section 4)."""
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}".encode()


def _name_notification(payload: bytes) -> dict[str, Attribute]:
    found = _find_named(payload)
    return {"hub.notification.type": found.type, "messaging.message.id": found.id}


def _digest(payload: bytes) -> bytes:
    return hashlib.blake2b(payload, digest_size=16).digest()
