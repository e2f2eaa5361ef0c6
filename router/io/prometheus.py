"""Prometheus: a snapshot of the cluster as Prometheus reads it.

Names follow https://prometheus.io/docs/practices/naming/. No label has values without end: neither clients nor
requests are named, and slots, operations, stages and codes are few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from router.dispatch.stats import BUCKETS_S, Answered, Distribution, MetricsSnapshot

# By name: where the status has it, and what it is.
_GAUGES = {
    "memmux_http_connections": (("gateway", "http", "connections"), "Connections over HTTP that are open."),
    "memmux_http_streams": (("gateway", "http", "streams"), "Streams of events over HTTP that are open."),
    "memmux_uptime_seconds": (("uptime_s",), "How long the cluster has been there."),
    "memmux_router_rss_bytes": (("rss_bytes",), "Resident memory of the router."),
    "memmux_memories": (("memories",), "Memories that are not deleted."),
    "memmux_pending_memories": (("pending",), "Memories that still wait for their vector."),
    "memmux_model_switch_done_memories": (("switch", "done"), "Memories with vectors of the model to be changed to."),
    "memmux_model_switch_memories": (("switch", "of"), "Memories that are to have such vectors before the change."),
    "memmux_change_seq": (("seq",), "The newest change of the log."),
    "memmux_wal_bytes": (("wal_bytes",), "Size of the write-ahead log."),
    "memmux_index_vectors": (("index", "vectors"), "Vectors in the index of many vectors."),
    "memmux_oldest_read_seconds": (("oldest_read_s",), "How long the oldest read has been running."),
    "memmux_replication_lag_changes": (
        ("replication", "lag_changes"),
        "Changes that the replica of a reader lacks, of the one that lacks most.",
    ),
    "memmux_replication_lag_seconds": (("replication", "lag_s"), "For how long it has lacked the first of them."),
    "memmux_held_writes": (("replication", "held"), "Writes that are not answered yet."),
    "memmux_held_write_seconds": (("replication", "held_s"), "The age of the oldest of them."),
    "memmux_backups": (("backups", "kept"), "Backups that are kept."),
    "memmux_backup_timestamp_seconds": (("backups", "newest_at"), "When the newest backup was made."),
}
_COUNTERS = {
    "memmux_http_requests": (("gateway", "http", "requests"), "Requests over HTTP, since the gateway began."),
    "memmux_http_refused": (("gateway", "http", "refused"), "Of these, and of connections, those that were refused."),
    "memmux_gateway_restarts": (("gateway", "restarts"), "How often the MCP server for all hosts was replaced."),
    "memmux_embed_batches": (("embedder", "batches"), "Batches that went through the model."),
    "memmux_embed_windows": (("embedder", "windows"), "Pieces of text that went through the model."),
    "memmux_embed_cache_hits": (("embedder", "cache_hits"), "Queries whose vector was in the cache."),
    "memmux_embed_cache_misses": (("embedder", "cache_misses"), "Queries whose vector was not in the cache."),
}

_COUNTERS_OF_SERVERS = {
    "memmux_replica_waits": (("replication", "waits"), "Reads that waited for their replica to have a change."),
    "memmux_replica_wait_seconds": (("replication", "waited_s"), "How long they waited, all together."),
    "memmux_replica_given_up": (("replication", "asked_primary"), "Those of them that asked the primary at last."),
    "memmux_server_reconnects": (("replication", "reconnects"), "Connections made in the place of one that was lost."),
}


def serve(port: int, address: str, snapshot: Callable[[], MetricsSnapshot | None]) -> None:
    """Answer scrapes in daemon threads from now on; raise OSError if the port can't be had."""
    registry = CollectorRegistry()
    registry.register(_Cluster(snapshot))
    start_http_server(port, addr=address, registry=registry)


class _Cluster(Collector):
    """Collects what the newest snapshot shows; nothing before there is one."""

    def __init__(self, snapshot: Callable[[], MetricsSnapshot | None]) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        if (seen := self._snapshot()) is not None:
            yield from families(seen)

    def describe(self) -> list[Metric]:
        """Return nothing: it is registered before there is a snapshot."""
        return []


def families(seen: MetricsSnapshot) -> Iterator[Metric]:
    """Yield the metrics that a snapshot shows."""
    status: Mapping[str, Any] = seen.status
    build = GaugeMetricFamily("memmux_build_info", "Which memmux serves.", labels=["version", "model"])
    build.add_metric([status["version"], status["model"] or ""], 1)
    yield build
    for name, (path, text) in _GAUGES.items():
        if (value := _at(status, path)) is not None:
            yield GaugeMetricFamily(name, text, value=value)
    for name, (path, text) in _COUNTERS.items():
        yield CounterMetricFamily(name, text, value=_at(status, path) or 0)
    for name, (path, text) in _COUNTERS_OF_SERVERS.items():
        if (value := _at(status, path)) is not None:
            yield CounterMetricFamily(name, text, value=value)
    rss = _at(status, ("gateway", "rss_bytes")) or 0
    yield GaugeMetricFamily("memmux_gateway_rss_bytes", "Resident memory of the MCP server for all hosts.", value=rss)
    yield from _clients(status)
    yield from _workers(status)
    yield from _health(status)
    yield from _requests(seen.answered)


def _at(status: Mapping[str, Any], path: tuple[str, ...]) -> float | None:
    found: Any = status
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return None if found is None else float(found)


def _clients(status: Mapping[str, Any]) -> Iterator[Metric]:
    clients = status["clients"]
    yield GaugeMetricFamily("memmux_clients", "Clients that are connected.", value=len(clients))
    in_flight = sum(client["in_flight"] for client in clients)
    yield GaugeMetricFamily("memmux_in_flight_requests", "Requests that are not answered yet.", value=in_flight)
    queued = GaugeMetricFamily("memmux_queued_requests", "Requests that wait for a worker.", labels=["stage"])
    for stage, waiting in status["queues"].items():
        queued.add_metric([stage], waiting)
    yield queued
    events = CounterMetricFamily("memmux_events", "How often something happened that should be rare.", labels=["event"])
    for event, count in status["events"].items():
        events.add_metric([event], count)
    yield events


def _workers(status: Mapping[str, Any]) -> Iterator[Metric]:
    labels = ["worker", "kind"]
    up = GaugeMetricFamily("memmux_worker_up", "Whether the slot has a worker that takes requests.", labels=labels)
    busy = GaugeMetricFamily("memmux_worker_busy_ratio", "Share of the last ten seconds with work.", labels=labels)
    rss = GaugeMetricFamily("memmux_worker_rss_bytes", "Resident memory of the worker.", labels=labels)
    restarts = CounterMetricFamily(
        "memmux_worker_restarts", "How often the slot's process was replaced.", labels=labels
    )
    rows: dict[str, Any] = {}
    for row in status["workers"]:  # beside a successor that is starting, the one that works counts
        if row["name"] not in rows or row["state"] in ("ready", "retiring"):
            rows[row["name"]] = row
    for name, row in rows.items():
        of = [name, row["kind"]]
        up.add_metric(of, row["state"] in ("ready", "retiring"))
        busy.add_metric(of, row.get("busy", 0.0))
        rss.add_metric(of, row["rss_bytes"])
        restarts.add_metric(of, row["restarts"])
    yield from (up, busy, rss, restarts)


def _health(status: Mapping[str, Any]) -> Iterator[Metric]:
    degraded = GaugeMetricFamily("memmux_degraded", "What is not as it should be: 1 for each code.", labels=["code"])
    for code in dict.fromkeys(status["degraded"]):
        degraded.add_metric([code], 1)
    yield degraded
    health = GaugeMetricFamily("memmux_health", "1: the last health check went well; 0: it did not.", labels=["kind"])
    since = GaugeMetricFamily("memmux_health_check_age_seconds", "Since the last that went well.", labels=["kind"])
    for kind, told in status["health"].items():
        if told["state"] != "unknown":
            health.add_metric([kind], told["state"] == "ok")
        if "succeeded_s" in told:
            since.add_metric([kind], told["succeeded_s"])
    yield from (health, since)


def _requests(answered: Mapping[str, Answered]) -> Iterator[Metric]:
    requests = CounterMetricFamily("memmux_requests", "Requests, by how they ended.", labels=["operation", "outcome"])
    took = HistogramMetricFamily("memmux_request_seconds", "From acceptance to answer.", labels=["operation"])
    stages = ["operation", "stage"]
    queue = HistogramMetricFamily("memmux_stage_queue_seconds", "Waiting for a worker.", labels=stages)
    work = HistogramMetricFamily("memmux_stage_work_seconds", "At a worker.", labels=stages)
    for operation, found in answered.items():
        for outcome, count in found.outcomes.items():
            requests.add_metric([operation, outcome], count)
        took.add_metric([operation], *_buckets(found.took))
        for stage, (waited, worked) in found.stages.items():
            queue.add_metric([operation, stage], *_buckets(waited))
            work.add_metric([operation, stage], *_buckets(worked))
    yield from (requests, took, queue, work)


def _buckets(found: Distribution) -> tuple[list[tuple[str, float]], float]:
    """Return the upper ends with how many were not above them, as Prometheus wants them, and the sum."""
    ends = [*map(str, BUCKETS_S), "+Inf"]
    return list(zip(ends, map(float, accumulate(found.counts)), strict=True)), found.sum_s
