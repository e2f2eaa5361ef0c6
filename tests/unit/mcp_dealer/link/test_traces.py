"""Traces: a span for each request and for each of its stages, below the SDK's span of the tool call."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from mcp import Client
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from mcp_dealer.link import traces
from mcp_dealer.link.cluster_link import ClusterLink
from mcp_dealer.link.traces import TracedClient
from mcp_dealer.sdk.server import MemoryServer
from memmux.client.asynchronous import AsyncClient
from memmux.client.calls import Call
from memmux.config.settings import Settings
from memmux.errors import NotFoundError
from memmux.installation import adding
from memmux.logs import log
from memmux.wire.protocol import Header, Kind, Message

pytestmark = pytest.mark.anyio

MEMORY = (
    b'{"id":"0001","content":"a","content_hash":"ab","namespace":"default","created_at":"2026-11-23T14:30:00Z",'
    b'"updated_at":"2026-11-23T14:30:00Z"}'
)
STORED = b'{"id":"0001","content_hash":"ab","seq":1,"status":"created","indexed":true,"similar":[]}'
STAGES = {"embed": [1.5, 20.0], "read": [0.0, 3.0], "write": [0.25, 8.0]}


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    """Where all spans of this process go: OpenTelemetry lets the provider be set once."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


@pytest.fixture
def spans(exporter: InMemorySpanExporter) -> Iterator[InMemorySpanExporter]:
    exporter.clear()
    yield exporter
    exporter.clear()


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> list[Call[Any]]:
    """A cluster that answers every request alike; the requests."""
    asked: list[Call[Any]] = []

    async def perform(_: AsyncClient, call: Call[Any]) -> Message:
        asked.append(call)
        if call.operation == "memory.get":
            raise NotFoundError
        detail = {"queue_ms": 1.75, "work_ms": 31.0, "stages": STAGES}
        header = Header(kind=Kind.RESULT, id="019a", degraded=("log_large",), detail=detail)
        return Message(header, (STORED,))

    monkeypatch.setattr(AsyncClient, "_perform", perform)
    return asked


def _named(spans: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in spans.get_finished_spans()}


async def test_a_tool_call_has_its_request_and_its_stages_below_it(
    spans: InMemorySpanExporter, answered: list[Call[Any]]
) -> None:
    async with Client(MemoryServer(ClusterLink(Settings(traces=True)))) as client:
        await client.call_tool("memory_store", {"content": "a"})
    assert "memory.store_similar" in [call.operation for call in answered]
    named = _named(spans)
    tool, request = named["tools/call memory_store"], named["memory.store_similar"]
    assert request.parent is not None
    assert tool.context is not None
    assert request.parent.span_id == tool.context.span_id
    assert request.attributes == {
        "memmux.operation": "memory.store_similar",
        "memmux.request_id": "019a",
        "memmux.degraded": ("log_large",),
    }
    assert request.context is not None
    for stage in STAGES:
        parent = named[stage].parent
        assert parent is not None
        assert parent.span_id == request.context.span_id


async def test_stages_last_as_long_as_the_answer_says_and_follow_each_other(
    spans: InMemorySpanExporter, answered: list[Call[Any]]
) -> None:
    async with TracedClient(settings=Settings()) as client:
        await client.store("a")
    assert len(answered) == 1
    named = _named(spans)
    last_end = None
    for stage, (queue_ms, work_ms) in STAGES.items():
        span = named[stage]
        assert span.start_time is not None
        assert span.end_time is not None
        assert span.end_time - span.start_time == int((queue_ms + work_ms) * 1_000_000)
        assert last_end in (None, span.start_time)
        assert span.attributes == {"memmux.queue_ms": queue_ms, "memmux.work_ms": work_ms}
        last_end = span.end_time


async def test_a_request_that_fails_says_its_code(spans: InMemorySpanExporter, answered: list[Call[Any]]) -> None:
    async with TracedClient(settings=Settings()) as client:
        with pytest.raises(NotFoundError):
            await client.get("nothing")
    assert len(answered) == 1
    span = _named(spans)["memory.get"]
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes or {})["error.type"] == "not_found"


def test_no_server_makes_spans_unless_told_to() -> None:
    link = ClusterLink(Settings())
    assert type(link._made("a")) is AsyncClient
    assert type(ClusterLink(Settings(traces=True))._made("a")) is TracedClient


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What goes to the log."""
    monkeypatch.setattr(log, "_logger", None)
    with structlog.testing.capture_logs() as captured:
        yield captured


def test_without_the_sdk_the_log_says_what_to_install(monkeypatch: pytest.MonkeyPatch, said: list[Any]) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk", None)
    traces.set_up()
    (line,) = said
    assert (line["event"], line["remedy"]) == ("traces_not_sent", adding("memmux[otel]"))


def test_an_exporter_that_would_write_to_stdout_is_not_used(monkeypatch: pytest.MonkeyPatch, said: list[Any]) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    traces.set_up()
    assert [line["event"] for line in said] == ["traces_not_sent"]


def test_flushing_takes_no_longer_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    never = threading.Event()
    monkeypatch.setattr(traces, "FLUSH_S", 0.05)

    class Slow(TracerProvider):
        def force_flush(self, timeout_millis: int = 30_000) -> bool:
            return never.wait(timeout_millis)

    traces.flush(Slow())
    never.set()
