"""The state of a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import orjson

from memmux.wire.counts import amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The state of a cluster.

    state: serving, starting, draining, or degraded where degraded tells of more than a start.
    version: of the router.
    model: the embedding model by which memories are found; None until an embedder is ready.
    uptime_s: of the router.
    degraded: codes of everything that is not as it should be.
    clients: name, pid, version, in_flight, requests, errors, per_s, p95_ms and queue_ms of each; of one that the
        gateway speaks for also host_pid, relay_pid and relay_version, and of one over HTTP its address and application.
    pid: of the router.
    endpoint: the address for clients of this machine.
    database: its path.
    seq: the newest change.
    memories: the number of live ones; None where the client's key lets it not know.
    pending: the memories that still wait for their vector; None as above.
    rss_bytes: resident memory of the router.
    workers: kind, pid, state, restarts, in_flight and rss_bytes of each; error, when it keeps failing; busy, the share
        of the last ten seconds, while it runs.
    queues: waiting requests, by kind of worker.
    requests: counts, rates and times, by operation.
    wal_bytes: the size of the write-ahead log.
    oldest_read_s: the age of the oldest request of a read worker; its snapshot keeps the log.
    index: `state` of the index of many vectors (none, building or ready), and its number of `vectors`.
    unaudited: groups of vectors that were brought along and wait to be compared with the model's.
    grant: the rights of the client's key, if they are limited; what it may not know is then 0, empty or None, and
        clients holds the client alone.
    listen: the address for clients of other machines; empty without one.
    http: the URL where HTTP is served; empty where it is not.
    keys: the newest change of the keys that the router knows; None if it does not listen.
    health: of `read` and `write`: `state` (ok, failing, unknown, off), `failures` in a row, `succeeded_s` and
        `failed_s` ago, `code` and `step` of the last failure.
    replication: of a database on PostgreSQL: `lag_changes` that the replica of a reader lacks, and `lag_s`, for how
        long the first of them, of the one that lacks most; `waits` of reads for a change, `waited_s` by all of them,
        and how many `asked_primary` at last; `reconnects` in the place of lost connections; writes that are `held`,
        without an answer yet, and `held_s`, the age of the oldest. Empty of a file.
    embedder: `batches`, `windows` in them, `cache_hits` and `cache_misses`, of all embed workers; `one_hop`, whether
        the read workers have the model and embed queries themselves.
    backups: the number `kept`, and `newest_at`, in seconds since 1970.
    events: counts of rare events.
    gateway: the MCP server for all hosts: pid, state, restarts and rss_bytes; None while none is needed. Where it
        serves HTTP also `http`: `connections`, `streams` and `sessions` that are open, `requests` and `refused` since
        it began; `error`, if it can't serve it, says why, and `certificate` what is to be done about that soon.
    switch: of a change of the model, the one `to` which it is, how many memories are `done` `of` how many, and once
        that is known `left_s`, in seconds; `lost` says why the model before can't be searched with meanwhile. Empty
        while there is none.
    settings: those that the router was started with, each as it is written in a flag.
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
    http: str = ""
    keys: int | None = None
    health: Mapping[str, Any] = field(default_factory=dict)
    replication: Mapping[str, Any] = field(default_factory=dict)
    embedder: Mapping[str, Any] = field(default_factory=dict)
    backups: Mapping[str, Any] = field(default_factory=dict)
    events: Mapping[str, int] = field(default_factory=dict)
    gateway: Mapping[str, Any] | None = None
    switch: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)

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
            case "off":
                return "not looked at, since health_check_s is 0"
            case _:
                return "unknown, not looked yet"

    def over_http(self) -> str:
        """Return in words where HTTP is served, and to how many, or why it can't be; empty where it is not wanted."""
        told = (self.gateway or {}).get("http") or {}
        if "error" in told:
            return f"not served: {told['error']}"
        counted = [
            f"{told[name]} {name}" for name in ("connections", "streams", "sessions", "refused") if told.get(name)
        ]
        due = [str(told["certificate"])] if "certificate" in told else []
        return "; ".join([", ".join([self.http, *counted]), *due]) if self.http else ""

    def switching(self) -> str:
        """Return in words how far a change of the model is; empty while there is none."""
        if not self.switch:
            return ""
        left = f", some {self.switch['left_s']:.0f} s left" if "left_s" in self.switch else ""
        far = f"to {self.switch['to']}: {self.switch['done']} of {self.switch['of']} memories have its vectors{left}"
        return f"{far}; {self.switch['lost']}" if "lost" in self.switch else far

    def replicating(self) -> str:
        """Return in words what the servers of the database lack, and who waits for them; empty of a file."""
        told = self.replication
        if not told:
            return ""
        behind = f"{amount(told['lag_changes'], 'change')} behind for {told['lag_s']:.0f} s"
        lag = behind if told["lag_changes"] else "up to date"
        waited = f"{told['waits']} reads waited {told['waited_s']:.1f} s, {told['asked_primary']} asked the primary"
        held = f"{amount(told['held'], 'write')} held, the oldest for {told['held_s']:.1f} s"
        return "; ".join([lag, waited, amount(told["reconnects"], "reconnect"), *([held] if told["held"] else [])])

    @staticmethod
    def of_host(client: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what is said of a client, with pid and version of its host and its relay, if the gateway has it.

        process: the pid in words; of a client over HTTP, whose pid nobody knows, its application and address.
        """
        pid = None if "address" in client else client.get("host_pid") or client.get("pid")
        guest = " at ".join(str(client[name]) for name in ("application", "address") if name in client)
        process = guest or ("" if pid is None else str(pid))
        return {
            **client,
            "pid": pid,
            "process": process,
            "version": client.get("relay_version") or client.get("version"),
        }

    @classmethod
    def from_body(cls, body: bytes) -> Status:
        """Return the status in `body`; what a later memmux says beside it is left out."""
        known = {one.name for one in fields(cls)}
        values = {name: value for name, value in orjson.loads(body).items() if name in known}
        for name in ("degraded", "workers", "clients"):
            values[name] = tuple(values.get(name, ()))
        return cls(**values)
