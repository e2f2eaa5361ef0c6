"""MCP clients: what a relay and the gateway cost, at rest and by the call; what is lost when gateways are killed."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

from bench.harness import report
from bench.harness.arena import Arena
from bench.harness.callers import Callers
from bench.harness.filled import Filled, filled
from bench.harness.material import Material
from bench.harness.mcp_client import Host, ToolFailedError, own_cpu_ms
from bench.harness.measure import MEBIBYTE, Row, at_least, at_most, plain, pss_bytes, until
from bench.harness.questions import Questions
from bench.harness.settle import settle
from bench.harness.tasks import Task, Work
from memmux import Client
from memmux.wire.answers import Status

FULL = 10_000  # memories, which the targets of memory are about
FEW, MANY, IDLE = 8, 32, 64  # clients
CALLS = 300  # one after the other, to see what one costs
IDLE_S = 20.0
RELAY_MS, RELAY_MB, CALL_MS, IDLE_PERCENT = 25.0, 4.0, 1.5, 0.2
ROUNDS, ROUND_S, RATE = 3, 4.0, 0.9  # of searches, in closed loops
FEW_MB, MANY_MB, INITIALIZE_MS = 400.0, 480.0, 60.0
LOADING = 8  # clients that call while gateways are killed
PAUSE_S = 1.0  # between two kills
GATEWAY_S = 240.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How much is measured; kills: of the gateway. counts: of clients, those at rest last. rounds: of searches."""

    memories: int = FULL
    kills: int = 10
    counts: tuple[int, int, int] = (FEW, MANY, IDLE)
    calls: int = CALLS
    rounds: int = ROUNDS
    round_s: float = ROUND_S
    idle_s: float = IDLE_S


def measure(options: Options) -> Iterator[Row]:
    """Give the rows."""
    with filled(Material.of(options.memories)) as bed, Client(settings=bed.arena.settings, name="bench") as client:
        settle(client)
        with Host(bed.arena.settings) as first:
            stored = first.call("memory_store", content="What the benchmark stores.")
            yield from _calls(first, client, str(stored["id"]), options.calls)
        yield _rates(bed, options)
        yield from _weights(bed.arena, client, options)
        yield from _kills(bed.arena, client, options.kills)


def _calls(host: Host, client: Client, memory_id: str, calls: int) -> Iterator[Row]:
    """Give the rows of what one call costs."""
    report.progress(f"{calls} calls, one after the other")
    for _ in range(calls // 3):
        host.call("memory_get", id=memory_id)
    gateway = _gateway(client)
    before = own_cpu_ms(gateway), own_cpu_ms(host.process.pid)
    for _ in range(calls):
        host.call("memory_get", id=memory_id)
    spent = (own_cpu_ms(gateway) - before[0]) / calls, (own_cpu_ms(host.process.pid) - before[1]) / calls
    yield at_most("memory_get, processor time in the gateway", spent[0], CALL_MS, "ms", key="gateway_call_ms")
    yield plain("memory_get, processor time in the relay, ms", spent[1], key="relay_call_ms")


def _rates(bed: Filled, options: Options) -> Row:
    """Return the row of how many searches MCP clients get done, of those that as many Python clients do, in turns."""
    questions = Questions(bed.material.queries()).save(bed.arena.folder / "questions.json")
    few = options.counts[0]
    task = Task(work=Work.SEARCH, seconds=options.round_s, uncounted=5)
    with ExitStack() as stack:
        sides = [
            stack.enter_context(Callers.of(bed.arena.settings, questions, few, hosts=hosts)) for hosts in (False, True)
        ]
        rates: tuple[list[float], list[float]] = ([], [])
        for number in range(options.rounds):
            report.progress(f"searches of {few} clients: round {number + 1} of {options.rounds}")
            for callers, measured in zip(sides, rates, strict=True):
                measured.append(callers.together(task, few).per_s)
    plainly, over_mcp = map(median, rates)
    name = f"searches of {few} MCP clients, of those of {few} Python clients ({plainly:.0f}/s)"
    return at_least(name, over_mcp / plainly, RATE, key="search_rate")


def _weights(here: Arena, client: Client, options: Options) -> Iterator[Row]:
    """Give the rows of relays and of the whole cluster with more and more of them."""
    with ExitStack() as stack:
        hosts: list[Host] = []
        initialized_ms = []
        full = options.memories == FULL
        for count, most_mb in zip(options.counts, (FEW_MB, MANY_MB, None), strict=True):
            report.progress(f"{count} clients")
            while len(hosts) < count:
                began = time.monotonic()
                hosts.append(stack.enter_context(Host(here.settings)))
                initialized_ms.append((time.monotonic() - began) * 1000)
            for host in hosts:
                host.call("memory_search", query="what is known", limit=3)
            if count == options.counts[0]:
                yield from _relays(hosts, initialized_ms, pss_bytes(_gateway(client)) / MEBIBYTE)
            if most_mb is not None:
                mb = sum(pss_bytes(pid) for pid in (*_cluster(client.status()), *_pids(hosts))) / MEBIBYTE
                name = f"the whole cluster with {count} clients"
                yield at_most(name, mb, most_mb if full else None, "MiB PSS", key=f"cluster_{count}_mb")
        report.progress(f"{len(hosts)} clients at rest")
        time.sleep(options.idle_s / 4)
        pids = (_gateway(client), *_pids(hosts))
        before, began = sum(map(own_cpu_ms, pids)), time.monotonic()
        time.sleep(options.idle_s)
        percent = (sum(map(own_cpu_ms, pids)) - before) / (time.monotonic() - began) / 10
        yield at_most(
            f"{len(hosts)} clients at rest, relays and gateway",
            percent,
            IDLE_PERCENT,
            "% of a core",
            key="idle_percent",
        )


def _relays(hosts: list[Host], initialized_ms: list[float], gateway_mb: float) -> Iterator[Row]:
    spent = median(host.cpu_ms for host in hosts)
    yield at_most("relay, processor time to its first answer", spent, RELAY_MS, "ms", key="relay_start_ms")
    yield at_most("initialize, warm", median(initialized_ms), INITIALIZE_MS, "ms", key="initialize_ms")
    relay_mb = median(pss_bytes(pid) for pid in _pids(hosts)) / MEBIBYTE
    yield at_most("relay", relay_mb, RELAY_MB, "MiB PSS", key="relay_mb")
    yield plain("gateway, MiB PSS", gateway_mb, key="gateway_mb")


def _kills(here: Arena, client: Client, kills: int) -> Iterator[Row]:
    """Give the rows of gateways that are killed while clients store."""
    report.progress(f"{kills} kills of the gateway, {LOADING} clients storing")
    done = threading.Event()
    counted = [_Loaded(number) for number in range(LOADING)]
    threads = [threading.Thread(target=one.load, args=(here, done.is_set)) for one in counted]
    before = client.status().memories or 0
    for thread in threads:
        thread.start()
    try:
        for _ in range(kills):
            time.sleep(PAUSE_S)
            here.strike(_gateway(client), signal.SIGKILL)
        time.sleep(PAUSE_S)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    calls, failed = sum(one.calls for one in counted), sum(one.failed for one in counted)
    missing = abs((client.status().memories or 0) - before - calls)
    yield plain("calls while gateways were killed", calls, key="kill_calls")
    yield at_most("of which failed", failed, 0, key="kill_failed")
    yield at_most("memories too few or too many", missing, 0, key="kill_lost")
    yield plain("the slowest of them, s", max(one.slowest_s for one in counted), key="kill_slowest_s")


class _Loaded:
    """One client that stores, and what came of it."""

    def __init__(self, number: int) -> None:
        self.calls = self.failed = 0
        self.slowest_s = 0.0
        self._number = number

    def load(self, here: Arena, done: Callable[[], bool]) -> None:
        """Store one memory after the other."""
        with Host(here.settings) as host:
            while not done():
                began = time.monotonic()
                try:
                    host.call("memory_store", content=f"Number {self.calls} of client {self._number}.")
                except ToolFailedError:
                    self.failed += 1
                self.calls += 1
                self.slowest_s = max(self.slowest_s, time.monotonic() - began)


def _gateway(client: Client) -> int:
    """Return the pid of the gateway, once one serves."""
    with until(GATEWAY_S, "a gateway") as wait:
        while True:
            gateway = client.status().gateway
            if gateway is not None and gateway["state"] == "ready":
                return int(gateway["pid"])
            wait()


def _cluster(status: Status) -> Iterator[int]:
    yield status.pid
    yield from (worker["pid"] for worker in status.workers if worker["pid"])
    if status.gateway is not None and status.gateway["pid"]:
        yield int(status.gateway["pid"])


def _pids(hosts: list[Host]) -> Iterator[int]:
    yield from (host.process.pid for host in hosts)
