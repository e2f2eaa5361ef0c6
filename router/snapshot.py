"""The snapshot: what the dispatcher knows, for `cluster.status`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from memmux.errors import DatabaseCorruptError
from memmux.operations import Stage
from router.flow import Flow
from router.sessions import Sessions
from router.stats import Stats


class Snapshot(TypedDict):
    """One look at the router.

    clients: name, pid, version, in_flight, requests. workers: state, in_flight and silent_s, by id.
    queues: requests that wait, by stage. facts: what workers said last, by stage. degraded: codes of what is missing.
    oldest_read_s: how long a read worker has had its oldest request. requests: counts and times, by operation.
    events: counts of what should be rare.
    """

    draining: bool
    clients: list[dict[str, object]]
    workers: dict[str, dict[str, object]]
    queues: dict[str, int]
    facts: dict[Stage, Mapping[str, object]]
    degraded: list[str]
    oldest_read_s: float
    requests: dict[str, dict[str, object]]
    events: dict[str, int]


def snapshot(flow: Flow, sessions: Sessions, stats: Stats, *, draining: bool, now: float) -> Snapshot:
    """Return what is so now."""
    pools = flow.pools.values()
    degraded = [pool.shortfall for pool in pools if pool.shortfall]
    if flow.damaged and DatabaseCorruptError.code not in degraded:
        degraded.append(DatabaseCorruptError.code)
    if flow.log_is_large:
        degraded.append("log_large")
    embedder = flow.pools[Stage.EMBED].facts.get("degraded")
    degraded += embedder if isinstance(embedder, list) else []
    reads = [lease for worker in flow.pools[Stage.READ].workers.values() for lease in worker.leases.values()]
    return {
        "draining": draining,
        "clients": [session.to_json() for session in sessions],
        "workers": {worker.id: worker.to_json(now) for pool in pools for worker in pool.workers.values()},
        "queues": {str(pool.stage): len(pool.queue) for pool in pools},
        "facts": {pool.stage: pool.facts for pool in pools},
        "degraded": degraded,
        "oldest_read_s": round(max((now - lease.since for lease in reads), default=0.0), 3),
        "requests": stats.to_json(),
        "events": dict(stats.events),
    }
