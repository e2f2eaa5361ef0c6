"""The figures: a cluster's status as `memmux top` shows it, for people and for scripts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from memmux.errors import NO_FAULT
from memmux.wire.answers import Status
from memmux.wire.times import from_epoch

Row = Mapping[str, Any]
_CLIENT = ("name", "pid", "process", "version", "per_s", "p95_ms", "queue_ms", "in_flight", "requests", "errors")
_GATEWAY = {"name": "gateway", "kind": "gateway"}
_WORKER = ("name", "kind", "pid", "state", "busy", "in_flight", "restarts", "rss_bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The figures of one page. Rates are of the last ten seconds, times in milliseconds, shares from 0 to 1.

    clients: the busiest first. workers: each with what waits for its kind, as `queued`. operations: by name, with
    count, errors, rate and percentiles. embedder: `batch_size` and `cache_hit_rate`, since the view before, if there
    was one in which anything was embedded. switch: how far a change of the model is. storage: memories, pending, seq,
    wal_bytes, backups and when the newest was made. http: where HTTP is served, in words, and `connections`, `streams`,
    `sessions`, `requests` and `refused`; empty where it is not. replication: of a database on PostgreSQL, what its
    servers lack and who waits for them; empty of a file.
    """

    state: str
    database: str
    version: str
    pid: int
    uptime_s: float
    rss_bytes: int
    model: str | None
    degraded: tuple[str, ...]
    health: Mapping[str, Row]
    clients: tuple[Row, ...]
    workers: tuple[Row, ...]
    operations: tuple[Row, ...]
    storage: Row
    embedder: Row
    switch: Row
    http: Row
    replication: Row

    @classmethod
    def of(cls, status: Status, before: Status | None = None) -> Self:
        """Return the view of a status; before: the one that was shown last."""
        clients = [{name: client.get(name) for name in _CLIENT} for client in map(status.of_host, status.clients)]
        gateway = () if status.gateway is None else ({**_GATEWAY, **status.gateway},)
        return cls(
            state=status.state,
            database=status.database,
            version=status.version,
            pid=status.pid,
            uptime_s=status.uptime_s,
            rss_bytes=status.rss_bytes,
            model=status.model,
            degraded=tuple(dict.fromkeys(status.degraded)),
            health={kind: {**told, "words": status.fitness(kind)} for kind, told in status.health.items()},
            clients=tuple(sorted(clients, key=lambda client: -(client["per_s"] or 0))),
            workers=tuple(_worker(worker, status.queues) for worker in (*status.workers, *gateway)),
            operations=tuple(_operation(name, counted) for name, counted in status.requests.items()),
            storage={
                "memories": status.memories,
                "pending": status.pending,
                "seq": status.seq,
                "wal_bytes": status.wal_bytes,
                "backups": status.backups.get("kept"),
                "backup_at": _time(status.backups.get("newest_at")),
                "index": status.index.get("state"),
            },
            switch={**status.switch, "words": status.switching()} if status.switch else {},
            http=_http(status),
            replication={**status.replication, "words": status.replicating()} if status.replication else {},
            embedder=_embedder(status.embedder, {} if before is None or before.pid != status.pid else before.embedder),
        )


def _http(status: Status) -> Row:
    told = (status.gateway or {}).get("http") or {}
    return {**told, "words": status.over_http()} if status.http else {}


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else from_epoch(seconds)


def _worker(worker: Row, queues: Mapping[str, int]) -> Row:
    error = worker.get("error")
    told = {name: worker.get(name) for name in _WORKER}
    return {**told, "queued": queues.get(worker["kind"], 0), **({"error": error.get("code")} if error else {})}


def _operation(name: str, counted: Row) -> Row:
    errors = sum(many for code, many in counted["errors"].items() if code not in NO_FAULT)
    count = counted["ok"] + sum(counted["errors"].values())
    times = {key: counted.get(key) for key in ("per_s", "p50_ms", "p95_ms", "p99_ms")}
    return {"operation": name, **times, "count": count, "errors": errors}


def _embedder(now: Mapping[str, int], before: Mapping[str, int]) -> Row:
    """Return averages over what came since `before`; over everything, if nothing came or a worker began anew."""
    since = {name: count - before.get(name, 0) for name, count in now.items()}
    batches, windows = _latest(now, since, "batches", "windows")
    hits, misses = _latest(now, since, "cache_hits", "cache_misses")
    return {
        **now,
        "batch_size": round(windows / batches, 2) if batches else None,
        "cache_hit_rate": round(hits / (hits + misses), 3) if hits + misses else None,
    }


def _latest(now: Mapping[str, int], since: Mapping[str, int], *names: str) -> tuple[int, ...]:
    late = tuple(since.get(name, 0) for name in names)
    return late if min(late) >= 0 and max(late) > 0 else tuple(now.get(name, 0) for name in names)
