"""The state of a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import orjson


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The state of a cluster.

    state: serving, starting, draining, or degraded when a kind of worker keeps failing.
    version: of the router's memmux.
    model: the embedding model; None until an embedder is ready.
    uptime_s: of the router.
    degraded: codes of everything that is not as it should be.
    clients: name, pid, version, in_flight, requests, errors, per_s, p95_ms, queue_ms of each.
    pid: of the router.
    endpoint: where clients of this machine reach it.
    database: the path of the file.
    seq: the newest change.
    memories: how many there are.
    pending: how many of them still wait for their vector.
    rss_bytes: of the router.
    workers: kind, pid, state, restarts, in_flight, rss_bytes of each and, when it keeps failing, error; while it runs,
        busy, the share of the last ten seconds.
    queues: how many requests wait, by kind of worker.
    requests: counts, rates and times by operation.
    wal_bytes: the size of the write-ahead log.
    oldest_read_s: for how long a read worker has been at its oldest request; a snapshot keeps the log.
    index: of many vectors: its `state`, which is none, building or ready, and how many `vectors` are in it.
    unaudited: how many groups of vectors that were brought along still wait to be compared with the model's.
    grant: what the client's key allows, if it has one that does not let it know all of this: then what it may not know
        is 0, empty or None, and clients is itself.
    listen: where clients of other machines reach it, if they do.
    keys: which change of their keys it knows; None if it does not listen.
    health: of `read` and `write`: `state`, which is ok, failing or unknown, `failures` in a row, `succeeded_s` and
        `failed_s` ago, and `code` and `step` of the last failure.
    embedder: `batches`, `windows` in them, `cache_hits`, `cache_misses`, of all embed workers.
    backups: how many are `kept`, and `newest_at`, in seconds since 1970.
    events: counts of what should be rare.
    """

    state: str
    version: str
    model: str | None
    uptime_s: float
    degraded: tuple[str, ...]
    clients: tuple[Mapping[str, Any], ...]
    pid: int = 0
    endpoint: str = ""
    database: str = ""
    seq: int = 0
    memories: int | None = None
    pending: int | None = None
    rss_bytes: int = 0
    workers: tuple[Mapping[str, Any], ...] = ()
    queues: Mapping[str, int] = field(default_factory=dict)
    requests: Mapping[str, Any] = field(default_factory=dict)
    wal_bytes: int = 0
    oldest_read_s: float = 0.0
    index: Mapping[str, Any] = field(default_factory=dict)
    unaudited: int = 0
    grant: Mapping[str, Any] | None = None
    listen: str = ""
    keys: int | None = None
    health: Mapping[str, Any] = field(default_factory=dict)
    embedder: Mapping[str, Any] = field(default_factory=dict)
    backups: Mapping[str, Any] = field(default_factory=dict)
    events: Mapping[str, int] = field(default_factory=dict)

    def fitness(self, kind: str) -> str:
        """Return in words whether reading or writing works, and why that is known; kind: read or write."""
        told = self.health.get(kind, {})
        succeeded = f"{told['succeeded_s']:.0f} s ago" if "succeeded_s" in told else "never"
        match told.get("state"):
            case "ok":
                return f"ok, seen {succeeded}"
            case "failing":
                return (
                    f"failing: {told['code']} at {told['step']}, {told['failures']} in a row, last success {succeeded}"
                )
            case _:
                return "unknown, not looked yet"

    @classmethod
    def from_body(cls, body: bytes) -> Status:
        """Return the status in `body`; what a later memmux says beside it is left out."""
        known = {one.name for one in fields(cls)}
        values = {name: value for name, value in orjson.loads(body).items() if name in known}
        for name in ("degraded", "workers", "clients"):
            values[name] = tuple(values.get(name, ()))
        return cls(**values)
