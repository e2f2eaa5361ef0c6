"""Engines: PostgreSQL beside SQLite, in one run; what the death of a primary costs, and reads on its replicas."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from bench.faults import failovers
from bench.harness import report
from bench.harness.arena import Arena, arena
from bench.harness.callers import Callers
from bench.harness.filled import Filled, filled, quiet_arena
from bench.harness.material import FEW, Material
from bench.harness.measure import Row, at_least, at_most, plain, used_s
from bench.harness.pair import Pair, pair
from bench.harness.questions import Questions
from bench.harness.rounds import Round, in_turns
from bench.harness.settle import settle
from bench.harness.tasks import Task, Work
from bench.harness.vectors import REAL
from memmux import Client
from memmux.config.settings import EmbedderChoice
from memmux.postgres import servers
from memmux.postgres.server import Server, url

ROUNDS = 3
FIRST = 10  # hits that are compared
WAIT_S = 120.0  # for any call, so that an outage on a busy machine is no failure
FILE, SERVER = "SQLite", "PostgreSQL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How much is measured; seconds: of stores on either engine. killed_clients: those of the failovers."""

    memories: int = 10_000
    clients: int = 32
    seconds: float = 20.0
    queries: int = 400
    kills: int = 10
    killed_clients: int = 16


QUICK = Options(memories=200, clients=3, seconds=1.2, queries=20, kills=1, killed_clients=4)


def measure(options: Options) -> Iterator[Row]:
    """Give the rows, each with the target of a database on PostgreSQL."""
    with servers.template() as template:
        yield from _stores(options, template)
        yield from _searches(options, template)
        yield from _kills(options, template)


def _stores(options: Options, template: Path) -> Iterator[Row]:
    """Compare durable stores with the clients' vectors, on a server of this machine that has no replica."""
    material = Material.of(FEW if options.memories <= FEW else REAL)
    task = Task(work=Work.STORE, seconds=options.seconds / ROUNDS, with_vectors=True)
    with ExitStack() as opened:
        server = opened.enter_context(servers.running(template)).primary()
        turns: dict[str, Callable[[], Round]] = {}
        for name, changes in ((FILE, {}), (SERVER, {"server": server.url})):
            here = opened.enter_context(quiet_arena(**changes))
            questions = Questions(material.queries(), material.vectors).save(here.folder / "questions.json")
            settle(opened.enter_context(Client(settings=here.settings, name="bench")))
            callers = opened.enter_context(Callers.of(here.settings, questions, options.clients))
            turns[name] = partial(callers.together, task, options.clients)
        found = in_turns(ROUNDS, turns, "stores")
    for name, key in ((FILE, "sqlite"), (SERVER, "postgresql")):
        yield plain(f"stores with vectors on {name}, a second", found[name].per_s, key=f"{key}_stores_per_s")
        yield plain(f"store on {name}: processor time, ms", found[name].cpu_ms, key=f"{key}_store_cpu_ms")
    ratio = found[SERVER].per_s_over(found[FILE])
    yield at_least("stores with vectors, a second, over SQLite's", ratio, 0.6, key="stores_ratio")


def _searches(options: Options, template: Path) -> Iterator[Row]:
    """Compare hybrid searches and their first hits, on a replica; then have two replicas share them."""
    material = Material.of(options.memories)
    queries = material.queries()[: options.queries]
    with ExitStack() as opened:
        fleet = opened.enter_context(_fleet(template))
        lite = opened.enter_context(filled(material))
        server = opened.enter_context(filled(material, server=url([fleet.replicas[0], fleet.primary])))
        report.progress("comparing the first hits")
        same = sum(_first(lite, query) == _first(server, query) for query in queries)
        turns = {
            name: opened.enter_context(_asking(here.arena, material, 1, options.queries // ROUNDS))
            for name, here in ((FILE, lite), (SERVER, server))
        }
        found = in_turns(ROUNDS, turns, "searches")
        other = opened.enter_context(quiet_arena(server=url([fleet.replicas[1], fleet.primary])))
        settle(opened.enter_context(Client(settings=other.settings, name="bench")))
        share = _share(opened, fleet, (server.arena, other), material, options.queries)
    for name, key in ((FILE, "sqlite"), (SERVER, "postgresql")):
        yield plain(f"hybrid search on {name}, p50 ms", found[name].ms(50), key=f"{key}_search_p50_ms")
        yield plain(f"hybrid search on {name}: processor time, ms", found[name].cpu_ms, key=f"{key}_search_cpu_ms")
    ratio = found[SERVER].ms(50) / found[FILE].ms(50)
    yield at_most("hybrid search on a replica, p50 over SQLite's", ratio, 1.5, key="search_ratio")
    percent = 100 * same / len(queries)
    yield at_least(f"questions with the same first {FIRST} as on SQLite", percent, 99, "%", key="same_percent")
    yield at_most("share of the primary in what searches on 2 replicas cost", share, 5, "%", key="primary_percent")


def _kills(options: Options, template: Path) -> Iterator[Row]:
    """Kill the primary under clients of two clusters, again and again."""
    with pair(template) as both, _machines(both) as machines:
        settings = [here.settings for here in machines]
        found = failovers.run(both, settings, kills=options.kills, clients=options.killed_clients, readers=2)
    for failure in found.failures[:FIRST]:
        report.progress(failure)
    yield plain("kills of the primary", len(found.outages), key="kills")
    yield plain("stores acknowledged", len(found.stores), key="acknowledged")
    yield at_most("acknowledged stores that are lost", found.lost, 0, key="lost")
    yield at_most("stores applied twice", found.twice, 0, key="twice")
    yield at_most("calls that failed", len(found.failures), 0, key="failed")
    yield at_most("first store after a promotion, worst", found.first_store_s, 3, "s", key="first_store_s")
    during, before = found.read_p95_ms(during=True), found.read_p95_ms(during=False)
    yield plain("reads beside the stores, p95 ms", before, key="read_p95_ms")
    yield at_most("reads during the outages, p95 over that", during / before if before else 0.0, 2, key="outage_ratio")


@dataclass(frozen=True, slots=True)
class _Fleet:
    """A primary with two replicas."""

    primary: Server
    replicas: Sequence[Server]

    @classmethod
    def of(cls, place: servers.Servers) -> Self:
        return cls(place.primary("a"), [place.replica(name) for name in ("b", "c")])


@contextmanager
def _fleet(template: Path) -> Iterator[_Fleet]:
    with servers.running(template) as place:
        yield _Fleet.of(place)


@contextmanager
def _machines(both: Pair) -> Iterator[list[Arena]]:
    """Give two clusters on one database; each has a home of its own, as on two machines."""
    with ExitStack() as opened:
        changes = {"server": both.url, "embedder": EmbedderChoice.HASH, "readers": 1, "request_timeout_s": WAIT_S}
        yield [opened.enter_context(arena(**changes)) for _ in range(2)]


@contextmanager
def _asking(here: Arena, material: Material, clients: int, queries: int) -> Iterator[Callable[[], Round]]:
    """Give a turn in which so many clients ask so many questions each."""
    questions = Questions(material.queries()).save(here.folder / "asked.json")
    task = Task(work=Work.SEARCH, seconds=WAIT_S, most=queries)
    with Callers.of(here.settings, questions, clients) as callers:
        yield partial(callers.together, task, clients)


def _first(here: Filled, query: str) -> list[str]:
    return [hit.memory.content for hit in here.client.search(query, limit=FIRST)]


def _share(opened: ExitStack, fleet: _Fleet, machines: Sequence[Arena], material: Material, queries: int) -> float:
    """Return the primary's part, in percent, of the processor time of searches that two clusters do."""
    turns = [opened.enter_context(_asking(here, material, 1, queries // 2)) for here in machines]
    groups = [[server.pid or 0] for server in (fleet.primary, *fleet.replicas)]
    groups += [list(here.running()) for here in machines]
    for turn in turns:  # connections are made, and caches filled
        turn()
    before = list(map(used_s, groups))
    report.progress("searches on two replicas")
    for turn in turns:
        turn()
    # What a process used that ended and was not collected in time is missing.
    used = [max(0.0, after - since) for after, since in zip(map(used_s, groups), before, strict=True)]
    return 100 * used[0] / sum(used)
