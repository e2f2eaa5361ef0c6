"""The peers: memmux and others that find the nearest of the same vectors for the same queries, measured in turns.

Every peer returns what a search of a memory returns, the ten best ids and their texts, ranked by cosine. All of them
serve at once, and one at a time is asked. `bench.peers.text` compares what people would use for texts.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from rich.console import Console

from bench.harness import plots, report
from bench.harness.callers import Callers
from bench.harness.material import Material, place_of
from bench.harness.measure import Row, plain
from bench.harness.rounds import Turn, in_turns
from bench.harness.tasks import Task, Work
from bench.harness.vectors import Matrix, Places, nearest, recall
from bench.peers import table
from bench.peers.interface import MODULES, NEAREST, Peer, Served, installed, peer
from bench.peers.table import ENOUGH, Result, Results
from bench.peers.text import table as texts
from bench.peers.text.compare import compare as compare_texts

PARTS = VECTORS, TEXTS = "vectors", "texts"
CLIENTS = 8
ROUNDS = 5
QUERY_S = 0.002  # a round lasts as long as all queries would take if each took so long


def run(memories: int, queries: int, parts: Sequence[str] = PARTS, *, as_json: bool, plot: Path | None) -> int:
    """Compare, print the table or the JSON document, draw the picture if one is wanted, and return the exit code.

    parts: of `PARTS`, what is given to the peers.
    """
    if plot is not None:
        plots.check()
    material = Material.of(memories)
    rows = [plain("memories", memories, key="memories")]
    results: Results = {}
    if VECTORS in parts:
        results = compare(material, queries)
        rows += table.rows(results) if as_json else table.ratios(results)
    if plot is not None:
        plots.draw(plot, table.picture(results, memories))
    if TEXTS in parts:
        rows += texts.rows(compare_texts(material, queries * QUERY_S))
    code = report.finish(rows, as_json=as_json)
    if results and not as_json:
        Console().print(table.table(results))
    return code


def measure(memories: int, queries: int) -> list[Row]:
    """Compare those that are given vectors, and return the rows."""
    results = compare(Material.of(memories), queries)
    return [plain("memories", memories, key="memories"), *table.rows(results)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entrant:
    """A peer that serves and has been tuned, with its client processes."""

    served: Served
    tuning: str
    recall: float
    clients: Callers


def compare(material: Material, queries: int, *, clients: int = CLIENTS, modules: Sequence[str] = MODULES) -> Results:
    """Serve the material from all peers that are installed, ask each, and return what was measured.

    queries: how many of the texts that are not stored are asked for, and how long a round lasts. clients: how many
    processes ask at once.
    """
    asked = material.asked_vectors[:queries]
    truth = nearest(material.vectors, asked, NEAREST)
    peers = {module: peer(module) for module in modules}
    entrants: dict[str, _Entrant] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="memmux-peers-")))
        path = folder / "queries.npy"
        np.save(path, asked)
        serving = {}
        for module, one in peers.items():
            if installed(one):
                own = folder / module
                own.mkdir()
                serving[module] = stack.enter_context(one.serve(material, own))
        for module, served in serving.items():
            tuning, reached = tuned(peers[module], served, asked, truth)
            command = [sys.executable, "-P", "-m", "bench.peers.process", module, str(path), *served.address]
            crowd = stack.enter_context(Callers([command] * clients))
            entrants[module] = _Entrant(served=served, tuning=tuning, recall=reached, clients=crowd)
        report.progress("starting the clients")
        for entrant in entrants.values():
            entrant.clients.connected()
        found = _measured(entrants, clients, Task(work=Work.SEARCH, seconds=queries * QUERY_S))
    return {one.NAME: found.get(module) for module, one in peers.items()}


def _measured(entrants: dict[str, _Entrant], clients: int, task: Task) -> dict[str, Result]:
    turns: dict[str, Turn] = {}
    for module, entrant in entrants.items():
        for count in (1, clients):
            turns[f"{module} {count}"] = partial(entrant.clients.together, task, count)
    rounds = in_turns(ROUNDS, turns, "vector search")
    return {
        module: Result(
            version=entrant.served.version,
            tuning=entrant.tuning,
            recall=entrant.recall,
            clients=clients,
            one=rounds[f"{module} 1"],
            many=rounds[f"{module} {clients}"],
        )
        for module, entrant in entrants.items()
    }


def tuned(one: Peer, served: Served, asked: Matrix, truth: Places) -> tuple[str, float]:
    """Return the least breadth that finds enough of the truth, or the greatest, in the peer's words; and what it finds.

    Connections that are opened later have that breadth.
    """
    tuning, reached = "", 0.0
    for breadth in one.BREADTHS or (None,):
        if breadth is not None:
            served.widen(breadth)
            tuning = f"{one.BREADTH}={breadth}"
        report.progress(f"{one.NAME}: comparing with brute force {tuning}")
        with one.connect(served.address) as ask:
            found = [[place_of(text) for _, text in ask(query)] for query in asked]
        reached = recall(found, truth)
        if reached >= ENOUGH:
            break
    return tuning, reached
