"""The state of a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The state of a cluster.

    state: serving, starting, draining, or degraded when a kind of worker keeps failing. seq: the newest change.
    memories: how many there are. pending: how many still wait for their vector. unaudited: how many groups of vectors
    that were brought along still wait to be compared with the model's. model: None until an embedder is ready.
    workers: kind, pid, state, restarts, in_flight, rss_bytes and, when it keeps failing, error.
    clients: name, pid, version, in_flight, requests. queues: requests that wait, by kind of worker. requests: counts
    and times by operation. uptime_s, rss_bytes: of the router. pid: of the router, too. wal_bytes: the size of the
    write-ahead log. oldest_read_s: for how long a read worker has been at its oldest request; a snapshot keeps the log.
    index: of many vectors: its `state`, which is none, building or ready, and how many `vectors` are in it.
    degraded: codes of everything that is not as it should be. grant: what the client's key allows, if it has one that
    does not let it know all of this: then what it may not know is 0, empty or None, and clients is itself.
    listen: where clients of other machines reach it, if they
    do. keys: which change of their keys it knows; None if it does not listen.
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

    @classmethod
    def from_body(cls, body: bytes) -> Status:
        """Return the status in `body`."""
        fields = orjson.loads(body)
        for name in ("degraded", "workers", "clients"):
            fields[name] = tuple(fields.get(name, ()))
        return cls(**fields)
