"""The body of `cluster.status`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from memmux.processes import rss_bytes
from memmux.wire.operations import Stage
from router.dispatch.dispatcher import Dispatcher
from router.lifecycle.supervisor import Supervisor

_EMBEDDED = ("batches", "windows", "cache_hits", "cache_misses")  # facts of embed workers that only grow


def status_body(
    welcome: dict[str, object], dispatcher: Dispatcher, supervisor: Supervisor, now: float, started: float
) -> dict[str, object]:
    """Return the body of `cluster.status`: a `memmux.wire.answers.Status`."""
    seen = dispatcher.status(now)
    facts = seen["facts"]
    written, read = facts.get(Stage.WRITE, {}), facts.get(Stage.READ, {})
    known = written if "memories" in written else read  # without a writer a replica says what it has
    workers = supervisor.status(seen["workers"])
    degraded = list(seen["degraded"])
    return {
        "state": _state(degraded, draining=seen["draining"]),
        "pid": welcome["pid"],
        "version": welcome["version"],
        "endpoint": welcome["endpoint"],
        "database": welcome["database"],
        "seq": known.get("seq", 0),
        "memories": known.get("memories", 0),
        "pending": known.get("pending", 0),
        "unaudited": written.get("unaudited", 0),
        "model": _model(written, facts.get(Stage.EMBED, {})),
        "switch": _switch(written, facts.get(Stage.EMBED, {})),
        "uptime_s": round(now - started, 3),
        "rss_bytes": rss_bytes(os.getpid()),
        "wal_bytes": written.get("wal_bytes", 0),
        "index": _index(written, read),
        "oldest_read_s": seen["oldest_read_s"],
        "degraded": degraded,
        "workers": workers,
        "clients": seen["clients"],
        "queues": seen["queues"],
        "requests": seen["requests"],
        "health": seen["health"],
        "replication": seen["replication"],
        "embedder": {**_embedder(seen["embedders"]), "one_hop": seen["one_hop"]},
        "backups": {"kept": written.get("backups", 0), "newest_at": written.get("backup_at")},
        "events": seen["events"],
    }


def _model(written: Mapping[str, Any], embedder: Mapping[str, Any]) -> str | None:
    """Return the model that searches go by: the embedder's own, unless it has that of the database beside it."""
    serving: str | None = written.get("model")
    return serving if serving and serving == embedder.get("beside") else embedder.get("model")


def _switch(written: Mapping[str, Any], embedder: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return how far a change of the model is, also one for which the model before could not wait."""
    if switch := written.get("switch"):
        return dict(switch)
    if not (embedder.get("lost") and written.get("pending")):
        return {}
    of = written["memories"]
    return {"to": embedder["model"], "done": of - written["pending"], "of": of, "lost": embedder["lost"]}


def _embedder(each: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    """Return what the embed workers have done, all of them together: texts in batches, and queries from the cache."""
    return {name: sum(facts.get(name, 0) for facts in each) for name in _EMBEDDED}


def _index(written: Mapping[str, Any], read: Mapping[str, Any]) -> dict[str, object]:
    """Return where the index of many vectors stands; few need none."""
    made, used = written.get("indexed", 0), read.get("indexed", 0)
    if written.get("building") or made != used:
        return {"state": "building", "vectors": used}
    return {"state": "ready" if used else "none", "vectors": used}


def _state(degraded: list[str], *, draining: bool) -> str:
    if draining:
        return "draining"
    if all(code.endswith("_loading") for code in degraded):
        return "starting" if degraded else "serving"
    return "degraded"
