"""Chaos: clients load a cluster, parts of it are killed and stalled, and then it is proven that nothing was lost."""

from __future__ import annotations

import math
import random
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import islice

from bench.faults.crowd import CALL_S, Crowd
from bench.faults.evidence import gather, gather_server
from bench.faults.probes import probes
from bench.faults.recoveries import GATEWAY_S, PROMOTED_S, ROUTER_S, SESSION_S, WORKER_S
from bench.faults.schedule import Fault, faults
from bench.faults.server_blows import ServerBlows
from bench.faults.siege import Siege
from bench.faults.verdict import Verdict, judge
from bench.harness import report
from bench.harness.arena import Arena, arena, roles
from bench.harness.measure import Row, at_most, until
from bench.harness.pair import Pair, pair
from memmux import Client
from memmux.config.settings import EmbedderChoice
from memmux.wire.answers import Status

HOSTS = 1 / 2  # of the clients are MCP hosts
READY_S = 240.0  # for all workers, the model included
PAUSE_MS = 10  # what a client waits between two calls, on average
CASES = 20  # shown of what is wrong


def run(
    seconds: float,
    clients: int,
    seed: int,
    embedder: EmbedderChoice,
    *,
    most: int | None = None,
    servers: bool = False,
    stall_s: float,
    as_json: bool,
) -> int:
    """Break a cluster, for so long or with so many faults at most; print what came of it, and return the exit code.

    servers: whether its database is on PostgreSQL; a primary and a replica are run then, and struck, too.
    stall_s: of silence, after which a worker or gateway is taken to hang.
    """
    began = time.monotonic()
    with ExitStack() as opened:
        both = opened.enter_context(pair()) if servers else None
        changes = {} if both is None else {"server": both.url}
        bounds = {"stall_s": stall_s, "request_timeout_s": CALL_S, "start_timeout_s": CALL_S}
        here = opened.enter_context(arena(embedder=embedder, **bounds, **changes))
        siege, verdict = _besiege(here, _due(seed, seconds, most, servers=servers), clients, seed, both)
        left = here.left()
        result = _result(siege, verdict, left)
        result = {"seed": seed, "seconds": round(time.monotonic() - began, 1), "clients": clients, **result}
        cases = [*verdict.cases, *(f"left running: {pid} {line}" for pid, line in left.items())]
        cases += [f"client {name}: {how}" for name, how in siege.crowd.broken.items()]
        cases += [f"session left: {what}" for what in siege.left]
        here.kept = bool(cases)
    if as_json:
        report.document(result)
    else:
        report.show(list(_rows(siege, verdict, left)), as_json=False)
    for case in cases[:CASES]:
        sys.stderr.write(f"{case}\n")
    return 1 if cases else 0


def _besiege(
    here: Arena, schedule: Iterable[Fault], clients: int, seed: int, both: Pair | None
) -> tuple[Siege, Verdict]:
    """Load and strike the cluster, stop it, and judge."""
    crowd = Crowd(here, clients, seed, PAUSE_MS, hosts=int(clients * HOSTS))
    control = Client(settings=here.settings, name="chaos")
    blows = None if both is None else ServerBlows(both)
    siege = Siege(here, crowd, control, probes(here), random.Random(f"victims of {seed}"), blows)
    with control, ExitStack() as running:
        report.progress("starting")
        _wait_until_complete(control)
        running.enter_context(crowd)
        crowd.wait_for_all()
        for probe in siege.probes.values():
            running.enter_context(probe)
        for fault in schedule:
            time.sleep(fault.pause_s)
            names = ", ".join(f"{'stall' if blow.stall else 'kill'} {blow.part}" for blow in fault.blows)
            report.progress(f"{siege.kills} kills, {siege.stalls} stalls; {names}")
            siege.strike(fault)
        report.progress("finishing")
        crowd.finish()
    report.progress("judging")
    here.end()
    evidence = gather(here.settings.database) if both is None else gather_server(both.primary)
    return siege, judge(crowd.entries(), crowd.killed, evidence)


def _due(seed: int, seconds: float, most: int | None, *, servers: bool) -> Iterator[Fault]:
    """Give the faults of the schedule, at most so many, until the time is over that begins with the first."""
    end = math.inf
    for fault in islice(faults(seed, servers=servers), most):
        end = min(end, time.monotonic() + seconds)
        if time.monotonic() + fault.pause_s >= end:
            return
        yield fault


def _wait_until_complete(control: Client) -> None:
    with until(READY_S, "starting the workers") as wait:
        while not _complete(control.status()):
            wait()


def _complete(status: Status) -> bool:
    return bool(status.workers) and status.model is not None and all(w["state"] == "ready" for w in status.workers)


def _result(siege: Siege, verdict: Verdict, left: Mapping[int, str]) -> dict[str, object]:
    recoveries = siege.recoveries
    return {
        "calls": verdict.calls,
        "kills": siege.kills,
        "stalls": siege.stalls,
        "acknowledged": verdict.acknowledged,
        "lost": len(verdict.lost),
        "duplicated": len(verdict.duplicated),
        "unanswered": len(verdict.unanswered),
        "max_recovery_s": round(max(recoveries.worker_s, recoveries.router_s), 3),
        "max_recovery_worker_s": round(recoveries.worker_s, 3),
        "max_recovery_router_s": round(recoveries.router_s, 3),
        "max_recovery_gateway_s": round(recoveries.gateway_s, 3),
        "max_recovery_server_s": round(recoveries.server_s, 3),
        "max_recovery_stall_s": round(recoveries.stall_s, 3),
        "max_recovery_several_s": round(recoveries.several_s, 3),
        "max_session_s": round(recoveries.session_s, 3),
        "in_time": recoveries.in_time,
        "errors": verdict.errors,
        "consistent": not verdict.broken,
        "left_running": len(left),
        "sessions_left": len(siege.left),
    }


def _rows(siege: Siege, verdict: Verdict, left: Mapping[int, str]) -> Iterator[Row]:
    yield Row(name="calls", value=verdict.calls)
    yield Row(name="kills", value=siege.kills)
    yield Row(name="stalls", value=siege.stalls)
    yield Row(name="writes acknowledged", value=verdict.acknowledged)
    counted: Sequence[tuple[str, Sequence[str]]] = (
        ("lost", verdict.lost),
        ("applied twice", verdict.duplicated),
        ("without an answer", verdict.unanswered),
        ("views that are not those of the rows", verdict.broken),
        ("sessions left", siege.left),
    )
    for name, cases in counted:
        yield at_most(name, len(cases), 0)
    yield at_most("processes left", len(left), 0, why=roles(left))
    yield at_most("recovery from the kill of a worker, worst", siege.recoveries.worker_s, WORKER_S, "s")
    yield at_most("recovery from the kill of the router, worst", siege.recoveries.router_s, ROUTER_S, "s")
    yield at_most("recovery from the kill of the gateway, worst", siege.recoveries.gateway_s, GATEWAY_S, "s")
    if siege.servers is not None:
        yield at_most("recovery from the promotion of a server, worst", siege.recoveries.server_s, PROMOTED_S, "s")
    yield at_most("a session after the end of its client, longest", siege.recoveries.session_s, SESSION_S, "s")
    yield Row(name="recovery from a stalled part, worst", value=round(siege.recoveries.stall_s, 3))
    yield Row(name="recovery from two faults at once, worst", value=round(siege.recoveries.several_s, 3))
    for code, count in verdict.errors.items():
        yield Row(name=f"answered with {code}", value=count)
