"""Traces of a running hub, by OpenTelemetry's own SDK: which trace goes on where, and what a span holds."""

from __future__ import annotations

import asyncio
import gzip
import http.server
import json
import logging
import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from hub.cli.support.span_export import FLUSH_S
from hub.errors import SettingsError
from hub.log.port import Log
from hub.log.traced import TracedLog
from hub.settings import read_settings
from hub.tracing import TraceIdFilter, Tracing
from tests.cli.process import run
from tests.faults.process import HubProcess, publish, wait_ready
from tests.harness import ACCOUNT, DEADLINE_S, USER, RunningHub, run_hub

TRACE_ID, SPAN_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0cd902b7"
TRACEPARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"
NOTIFICATION = {"type": "stock_alert", "title": "Faltam peças", "message": "Só três", "account_id": ACCOUNT}
SECOND_USER = "00000000272"
#: Values of `traceparent` that say nothing: as many as one request has.
NOT_VALID = [
    [],
    [TRACEPARENT.upper()],
    [TRACEPARENT[:-1]],
    [f"ff{TRACEPARENT[2:]}"],
    [f"00-{'0' * 32}-{SPAN_ID}-01"],
    [f"00-{TRACE_ID}-{'0' * 16}-01"],
    ["x" * 4_000],
    [TRACEPARENT, TRACEPARENT],
    ["00-\xe9"],
]


class Spans:
    """The spans that have ended, by name."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def of(self, name: str) -> list[ReadableSpan]:
        """Return the ended spans of this name, oldest first."""
        return [span for span in self._exporter.get_finished_spans() if span.name == name]

    async def wait(self, name: str, count: int = 1) -> list[ReadableSpan]:
        """Return the spans of this name once there are so many."""
        async with asyncio.timeout(DEADLINE_S):
            while len(self.of(name)) < count:
                await asyncio.sleep(0.005)
        return self.of(name)


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    """The SDK of this process, whose spans stay in memory: a process has one."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


@pytest.fixture
def spans(exporter: InMemorySpanExporter) -> Spans:
    """The spans of one test."""
    exporter.clear()
    return Spans(exporter)


@pytest.fixture
async def hub(tmp_path: Path, spans: Spans) -> AsyncIterator[RunningHub]:
    """A hub that traces."""
    async with run_hub(tmp_path, tracing=True) as running:
        yield running


def ids(span: ReadableSpan) -> tuple[str, str]:
    """Return trace id and span id."""
    found = span.get_span_context()
    assert found is not None
    return f"{found.trace_id:032x}", f"{found.span_id:016x}"


def parent_id(span: ReadableSpan) -> str | None:
    """Return the span id of the parent."""
    return None if span.parent is None else f"{span.parent.span_id:016x}"


def linked(span: ReadableSpan) -> list[tuple[str, str]]:
    """Return trace and span ids of the links."""
    return [(f"{link.context.trace_id:032x}", f"{link.context.span_id:016x}") for link in span.links]


async def told_trace(hub: RunningHub, notification_id: str) -> str | None:
    """Return the trace id that the hub tells of a notification."""
    response = await hub.http.get(f"/api/internal/notifications/{notification_id}", headers=hub.headers())
    assert 200 == response.status_code
    found: str | None = response.json().get("trace_id")
    return found


class TestPublish:
    async def test_one_trace_from_the_caller_to_the_connections(self, hub: RunningHub, spans: Spans) -> None:
        """Publish continues the caller's trace; append and dispatch are in it, and the receipt's header names it."""
        async with hub.websocket() as websocket:
            response = await hub.publish(headers={"traceparent": TRACEPARENT})
            await websocket.frame()
        (dispatch,) = await spans.wait("dispatch")
        (published,), (append,) = spans.of("publish"), spans.of("append")
        trace_id, span_id = ids(published)
        assert (TRACE_ID, SPAN_ID) == (trace_id, parent_id(published))
        assert f"00-{trace_id}-{span_id}-01" == response.headers["traceresponse"]
        assert trace_id == await told_trace(hub, response.json()["id"])
        for inner in (append, dispatch):
            assert (TRACE_ID, span_id) == (ids(inner)[0], parent_id(inner))
        receipt = response.json()
        assert {
            "hub.service": "tests",
            "messaging.message.id": receipt["id"],
            "hub.connections": 1,
            "hub.duplicate": False,
            "http.response.status_code": 202,
        } == dict(published.attributes or {})
        named = {"hub.notification.type": "stock_alert", "messaging.message.id": receipt["id"]}
        assert {**named, "messaging.batch.message_count": 1} == dict(append.attributes or {})
        assert {**named, "hub.log.position": 1, "hub.connections": 1} == dict(dispatch.attributes or {})

    async def test_what_is_not_valid_begins_a_new_trace(self, hub: RunningHub, spans: Spans) -> None:
        """Optional information never decides: the notification is stored, under a trace of its own."""
        body = json.dumps({**NOTIFICATION, "user_id": USER}).encode()
        for count, sent in enumerate(NOT_VALID, 1):
            headers = [(name.encode(), value.encode()) for name, value in hub.headers().items()]
            headers += [(b"traceparent", value.encode("latin-1")) for value in sent]
            response = await hub.http.post("/api/internal/notify", content=body, headers=headers)
            assert 202 == response.status_code, sent
            published = (await spans.wait("publish", count))[-1]
            assert published.parent is None, sent
            assert TRACE_ID not in response.headers["traceresponse"]
            assert response.headers["traceresponse"].startswith(f"00-{ids(published)[0]}-")

    async def test_an_unsampled_trace_is_kept_and_not_recorded(self, hub: RunningHub, spans: Spans) -> None:
        """The caller's decision holds: no span, but the receipt still names its trace."""
        response = await hub.publish(headers={"traceparent": f"{TRACEPARENT[:-1]}0", "tracestate": "a=1"})
        assert re.fullmatch(f"00-{TRACE_ID}-[0-9a-f]{{16}}-00", response.headers["traceresponse"])
        assert TRACE_ID == await told_trace(hub, response.json()["id"])
        await hub.publish()
        await spans.wait("dispatch")
        assert {TRACE_ID}.isdisjoint({ids(span)[0] for span in spans.of("publish") + spans.of("dispatch")})

    async def test_a_batch_fans_out_into_traces_of_their_own(self, hub: RunningHub, spans: Spans) -> None:
        """Each notification of a batch is dispatched in its own trace, with a link to the publish."""
        batch = {"notifications": [{**NOTIFICATION, "user_id": USER}] * 3 + [{"type": "unheard_of"}]}
        response = await hub.post("/api/internal/notify/batch", batch, headers={"traceparent": TRACEPARENT})
        assert 202 == response.status_code
        dispatches = await spans.wait("dispatch", 3)
        (published,) = spans.of("publish")
        assert 4 == len({ids(span)[0] for span in (*dispatches, published)})
        assert [[ids(published)]] * 3 == [linked(span) for span in dispatches]
        stored = [each["receipt"]["id"] for each in response.json()["results"] if "receipt" in each]
        assert [TRACE_ID] * 3 == [await told_trace(hub, each) for each in stored]
        assert {
            "hub.service": "tests",
            "hub.notifications": 4,
            "hub.refused": 1,
            "http.response.status_code": 202,
        } == dict(published.attributes or {})

    async def test_a_refused_publish_says_which_trace(
        self, hub: RunningHub, spans: Spans, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The line of the log and the span have the code, and the line has the trace's id."""
        caplog.handler.addFilter(TraceIdFilter())
        response = await hub.publish(type="unheard_of", headers={"traceparent": TRACEPARENT})
        assert 400 == response.status_code
        (line,) = [record for record in caplog.records if getattr(record, "event", "") == "publish_refused"]
        assert TRACE_ID == line.trace_id  # type: ignore[attr-defined]  # given by the filter
        (published,) = await spans.wait("publish")
        assert {"error.type": "unknown_type", "http.response.status_code": 400}.items() <= (
            published.attributes or {}
        ).items()
        assert published.status.is_unset
        # What is logged outside of a trace names none.
        logging.getLogger("hub.test").warning("elsewhere")
        assert not hasattr(caplog.records[-1], "trace_id")

    async def test_a_fault_is_an_error_without_its_text(
        self, hub: RunningHub, spans: Spans, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The span of a fault of the hub has its kind; its text could hold anything."""

        def fail(*_: object, **__: object) -> None:
            raise ZeroDivisionError(USER)

        monkeypatch.setattr("hub.publish.publisher.parse_publish", fail)
        assert 500 == (await hub.publish()).status_code
        (published,) = await spans.wait("publish")
        assert ("ZeroDivisionError", False) == ((published.attributes or {})["error.type"], published.status.is_ok)
        assert USER not in published.to_json()

    async def test_other_methods_are_no_publish(self, hub: RunningHub, spans: Spans) -> None:
        """OPTIONS and GET on the path make no span."""
        assert 204 == (await hub.http.options("/api/internal/notify")).status_code
        assert 405 == (await hub.http.get("/api/internal/notify")).status_code
        assert [] == spans.of("publish")


class TestReplay:
    async def test_it_is_linked_to_the_publishes(self, hub: RunningHub, spans: Spans) -> None:
        """A replay is a trace of its own, with a link to the publish of each notification that it brought."""
        async with hub.websocket() as websocket:
            await hub.publish()
            cursor = (await websocket.frame())["cursor"]
        for _ in range(3):
            await hub.publish()
        async with hub.websocket(cursor=cursor) as websocket:
            await websocket.frames(3)
        (replay,) = await spans.wait("replay")
        assert replay.parent is None
        assert [ids(span) for span in spans.of("publish")[1:]] == linked(replay)
        assert {"hub.transport": "websocket", "hub.replay.result": "live"} == dict(replay.attributes or {})
        (page,) = replay.events
        assert {"hub.records": 3, "hub.log.position": 4} == dict(page.attributes or {})

    async def test_a_first_visit_has_none(self, hub: RunningHub, spans: Spans) -> None:
        """A connection that missed nothing makes no span."""
        async with hub.websocket(), hub.events():
            pass
        assert [] == spans.of("replay")


async def test_no_span_names_anybody(hub: RunningHub, spans: Spans) -> None:
    """Neither ids of users and accounts nor texts, tokens, keys or baggage are in anything that is exported."""
    headers = {"traceparent": TRACEPARENT, "baggage": f"userId={SECOND_USER}", "idempotency-key": "a-key-of-ours"}
    async with hub.websocket() as websocket:
        await hub.publish(headers=headers, data={"productName": "Parafuso"})
        cursor = (await websocket.frame())["cursor"]
    await hub.publish(user_id=SECOND_USER, account_id=ACCOUNT)
    await hub.publish(user_id=USER, account_id=ACCOUNT)
    await hub.publish(user_id=USER, account_id=ACCOUNT, title=1)
    await hub.post("/api/internal/disconnect", {"user_id": SECOND_USER, "revoke": True})
    async with hub.websocket(cursor=cursor) as websocket:
        await websocket.frame()
    await spans.wait("replay")
    everything = "".join(
        span.to_json() for name in ("publish", "append", "dispatch", "replay") for span in spans.of(name)
    )
    assert "hub.notification.type" in everything
    for secret in (USER, SECOND_USER, ACCOUNT, hub.key, "eyJ", "Estoque", "Parafuso", "a-key-of-ours", "baggage"):
        assert secret not in everything, secret


async def test_what_is_remembered_is_bounded() -> None:
    """However much is published, sampled or not, a bounded number of publishes is remembered: the newest."""
    tracing = Tracing(max_origins=10)
    for kind, flags in enumerate(("01", "00")):
        payloads = [b'{"id":"%d-%d"}' % (kind, number) for number in range(100)]
        with tracing.trace_publish([(b"traceparent", f"{TRACEPARENT[:-2]}{flags}".encode())]):
            for payload in payloads:
                with tracing.trace_append([payload]):
                    pass
        assert [None] * 90 + [TRACE_ID] * 10 == [tracing.find_trace_id(payload) for payload in payloads]


def test_traced_log_passes_everything_on() -> None:
    """The traced log has each part of the port itself: what it inherited from the protocol would answer nothing."""
    assert {name for name in vars(Log) if not name.startswith("_")} <= vars(TracedLog).keys()


async def test_off_there_is_no_seam(tmp_path: Path) -> None:
    """Without HUB_TRACING the parts are the plain ones, no header is read, and the receipt has none."""
    async with run_hub(tmp_path) as hub:
        assert not isinstance(hub.hub.log, TracedLog)
        response = await hub.publish(headers={"traceparent": TRACEPARENT})
        assert 202 == response.status_code
        assert "traceresponse" not in response.headers
        assert await told_trace(hub, response.json()["id"]) is None


def test_off_nothing_is_imported() -> None:
    """A hub that does not trace loads nothing of OpenTelemetry, so it runs where that is not installed."""
    code = (
        "import sys, hub.app, hub.composition, hub.cli.support.runner\n"
        "sys.exit(any(name.partition('.')[0] == 'opentelemetry' for name in sys.modules))"
    )
    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode


def test_on_without_the_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """HUB_TRACING without the extra is refused at the start, with the command that helps."""
    monkeypatch.setattr("hub.settings.checks.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"HUB_TRACING: .* pip install 'notification-hub\[otel\]'"):
        read_settings({"HUB_TRACING": "on", "JWT_SECRET": "ab" * 32, "HUB_SERVICE_KEYS": f"a:{'0' * 64}"})


class Receiver(http.server.ThreadingHTTPServer):
    """An OTLP/HTTP receiver, as a collector is one."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Export)
        self.received: queue.SimpleQueue[tuple[str, ExportTraceServiceRequest]] = queue.SimpleQueue()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Export(http.server.BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.received.put((self.path, ExportTraceServiceRequest.FromString(body)))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Write nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that runs."""
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


async def test_hub_serve_sends_spans_to_a_collector(tmp_path: Path, receiver: Receiver) -> None:
    """With the page's variables `hub serve` exports over OTLP/HTTP, the last spans at its end.

    Log lines name the trace, and so does `hub trace`.
    """
    hub = HubProcess(tmp_path, HUB_TRACING="on", OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url)
    hub.launcher = ["hub", "serve"]
    await hub.start()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{hub.port}") as client:
            await wait_ready(client)
            client.headers["traceparent"] = TRACEPARENT
            receipt = await publish(client, hub, "t")
            assert 202 == receipt.status_code
            assert 400 == (await publish(client, hub, "t", type="unheard_of")).status_code
            access = {"HUB_URL": str(client.base_url), "HUB_SERVICE_KEY": hub.key}
            told = await asyncio.to_thread(run, "trace", receipt.json()["id"], folder=tmp_path, env=access)
            assert f"traced as     {TRACE_ID}\n" in told.stdout
    finally:
        assert 0 == await hub.stop()
    spans: dict[str, int] = {}
    while not receiver.received.empty():
        path, request = receiver.received.get()
        assert "/v1/traces" == path
        for resource in request.resource_spans:
            attributes = {each.key: each.value.string_value for each in resource.resource.attributes}
            assert ("notification-hub", version("notification-hub")) == (
                attributes["service.name"],
                attributes["service.version"],
            )
            for scope in resource.scope_spans:
                for span in scope.spans:
                    assert TRACE_ID == span.trace_id.hex()
                    spans[span.name] = spans.get(span.name, 0) + 1
    assert {"publish": 2, "append": 1, "dispatch": 1} == spans
    (line,) = [line for line in map(json.loads, hub.log_path.read_text().splitlines()) if "trace_id" in line]
    assert ("publish_refused", TRACE_ID) == (line["event"], line["trace_id"])


async def test_a_collector_that_is_away_holds_nothing_up(tmp_path: Path) -> None:
    """Publishes are taken as ever, and the hub ends within its time."""
    hub = HubProcess(tmp_path, HUB_TRACING="on", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    hub.launcher = ["hub", "serve"]
    await hub.start()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{hub.port}") as client:
            await wait_ready(client)
            for _ in range(10):
                assert 202 == (await publish(client, hub, "t")).status_code
    finally:
        began_s = time.monotonic()
        assert 0 == await hub.stop()
    # The SDK alone would try for ten seconds, and its end waits for thirty.
    assert time.monotonic() - began_s < FLUSH_S + 5
    lines = [json.loads(line) for line in hub.log_path.read_text().splitlines()]
    assert ["warning"] == list({line["level"] for line in lines if line["logger"].startswith("opentelemetry")})
