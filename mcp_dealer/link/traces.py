"""Traces: spans of what a tool asks the cluster for, and of the stages that a request passes there.

The SDK makes a span of each tool call. Below it stands one for each request, made here, and below that one for each
stage of its route, made of the times that its answer brings: so nothing needs to travel through the router.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Any, TypeVar

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TracerProvider

from memmux.client.asynchronous import AsyncClient
from memmux.client.calls import Call
from memmux.errors import MemmuxError
from memmux.installation import adding
from memmux.logs import log
from memmux.version import __version__
from memmux.wire.protocol import Message

SERVICE = "memmux-mcp"  # unless OTEL_SERVICE_NAME says another
FLUSH_S = 0.5  # for the last spans to leave; hosts kill servers that take two seconds to leave
_MS = 1_000_000  # nanoseconds

T = TypeVar("T")


class TracedClient(AsyncClient):
    """A client whose every request is a span, with the stages that it passed as spans below it."""

    async def _perform(self, call: Call[T]) -> Message:
        tracer = trace.get_tracer("memmux", __version__)
        attributes = {"memmux.operation": call.operation}
        with tracer.start_as_current_span(
            call.operation,
            kind=SpanKind.CLIENT,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            began = time.time_ns()
            try:
                message = await super()._perform(call)
            except MemmuxError as error:
                span.set_attribute("error.type", error.code)
                span.set_status(Status(StatusCode.ERROR, error.message))
                raise
            _describe(span, message)
            _add_stages(tracer, message, began, time.time_ns())
            return message


def _describe(span: Span, message: Message) -> None:
    span.set_attribute("memmux.request_id", message.header.id)
    if message.header.degraded:
        span.set_attribute("memmux.degraded", list(message.header.degraded))


def _add_stages(tracer: trace.Tracer, message: Message, began: int, ended: int) -> None:
    """Add a span for each stage, one after the other; began, ended: of the request here, in nanoseconds since 1970.

    What the stages do not account for is the way to the cluster and back, and each is taken for as long as the other.
    """
    stages = message.header.detail.get("stages")
    if not isinstance(stages, dict):
        return
    times: list[tuple[str, float, float]] = [
        (stage, float(queue), float(work)) for stage, (queue, work) in stages.items()
    ]
    took = sum(int((queue + work) * _MS) for _, queue, work in times)
    at = began + max(0, ended - began - took) // 2
    for stage, queue_ms, work_ms in times:
        attributes = {"memmux.queue_ms": queue_ms, "memmux.work_ms": work_ms}
        span = tracer.start_span(stage, start_time=at, attributes=attributes)
        at += int((queue_ms + work_ms) * _MS)
        span.end(at)


def set_up() -> None:
    """Send spans where the standard OTEL_* variables say, by OTLP over HTTP; without the SDK, say so in the log."""
    if os.environ.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":  # one that writes to stdout would break the protocol
        log.get().warning("traces_not_sent", remedy="unset OTEL_TRACES_EXPORTER, or set it to otlp")
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk import trace as sdk
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        log.get().warning("traces_not_sent", remedy=adding("memmux[otel]"))
        return
    attributes = {"service.version": __version__}
    if not os.environ.get("OTEL_SERVICE_NAME"):
        attributes["service.name"] = SERVICE
    provider = sdk.TracerProvider(resource=Resource.create(attributes))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    log.get().info("traces_began")


def flush(provider: TracerProvider | None = None) -> None:
    """Let the last spans leave, within FLUSH_S; where none are made it does nothing."""
    flushing: Any = getattr(provider or trace.get_tracer_provider(), "force_flush", None)
    if flushing is not None:
        thread = threading.Thread(target=flushing, name="flush-traces", daemon=True)
        thread.start()
        thread.join(FLUSH_S)
