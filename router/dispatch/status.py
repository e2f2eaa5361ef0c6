"""The status: what the dispatcher knows, for `cluster.status`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from memmux.wire.operations import Stage
from router.dispatch.flow import Flow
from router.dispatch.health import HealthCheck
from router.dispatch.sessions import Sessions
from router.dispatch.stats import Stats

_EMBEDDING = (Stage.EMBED, Stage.READ)  # the kinds of workers that may have a model


class DispatcherStatus(TypedDict):
    """One look at the router.

    clients: name, pid, version, in_flight, requests. workers: state, in_flight and silent_s, by id.
    queues: requests that wait, by stage. facts: what workers said last, by stage. degraded: codes of what is missing.
    oldest_read_s: how long a read worker has had its oldest request. requests: counts and times, by operation.
    events: counts of what should be rare. health: of reading and of writing.
    replication: what the servers of the database lack, and who waits for them; nothing where that is a file.
    embedders: what each worker that embeds said last. one_hop: whether all read workers embed queries themselves.
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
    health: dict[str, dict[str, object]]
    replication: Mapping[str, float]
    embedders: list[Mapping[str, object]]
    one_hop: bool


def dispatcher_status(
    flow: Flow, sessions: Sessions, stats: Stats, health_check: HealthCheck, *, draining: bool, now: float
) -> DispatcherStatus:
    """Return what is so now."""
    pools = flow.stages.values()
    degraded = [pool.shortfall for pool in pools if pool.shortfall]
    degraded += [code for code in flow.troubles.codes if code not in degraded]
    embedder = flow.stages[Stage.EMBED].facts.get("degraded")
    degraded += embedder if isinstance(embedder, list) else []
    reads = [lease for worker in flow.stages[Stage.READ].workers.values() for lease in worker.leases.values()]
    return {
        "draining": draining,
        "clients": [session.to_json(now) for session in sessions if not session.hello.observer],
        "workers": {worker.id: worker.to_json(now) for pool in pools for worker in pool.workers.values()},
        "queues": {str(pool.stage): len(pool.queue) for pool in pools},
        "facts": {pool.stage: pool.facts for pool in pools},
        "degraded": degraded,
        "oldest_read_s": round(max((now - lease.since for lease in reads), default=0.0), 3),
        "requests": stats.to_json(now),
        "events": dict(stats.events),
        "health": health_check.to_json(now),
        "replication": flow.stages.replicated(flow.requests, now),
        "embedders": [worker.facts for stage in _EMBEDDING for worker in flow.stages[stage].workers.values()],
        "one_hop": flow.stages[Stage.READ].embeds,
    }
