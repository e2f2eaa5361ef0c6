"""The upgrade: a cluster is replaced under load by one of another version, and clients of the old one go on.

Two editions take turns. The clients are of the one that runs this, and write down each call; from when each was
answered follows the pause: the longest time in which no call of anybody was.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from types import MappingProxyType

import orjson

from bench.faults import editions
from bench.faults.crowd import CALL_S, Crowd
from bench.faults.editions import Edition
from bench.faults.evidence import gather
from bench.faults.ledger import Entry
from bench.faults.verdict import Verdict, judge
from bench.harness import report
from bench.harness.arena import Arena, arena, roles
from bench.harness.measure import Row, at_most, plain
from bench.harness.settle import settle
from memmux import Client
from memmux.config.settings import EmbedderChoice

PAUSE_S = 3.0  # the longest that is promised
PAUSE_MS = 10  # what a client waits between two calls, on average
AFTER_S = 1.0  # after a handover, still counted to it: clients come over
HAND_OVER_S = 300.0  # for the command: more than it gives a successor
PATIENT: Mapping[str, float] = MappingProxyType(
    {"drain_s": 60.0, "request_timeout_s": CALL_S, "start_timeout_s": CALL_S}
)
"""The settings of a cluster that is no failure where others use the processors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How much is measured.

    hosts: so many of the clients are MCP hosts. rounds: handovers, there and back by turns. steady_s: of load before
    each.
    """

    clients: int = 16
    hosts: int = 0
    rounds: int = 6
    steady_s: float = 3.0
    embedder: EmbedderChoice = EmbedderChoice.AUTO
    seed: int = 1


@dataclass(frozen=True, slots=True)
class HandOver:
    """One handover: when it was asked for and when it was done, in monotonic seconds, and the versions that served."""

    began: float
    ended: float
    before: str
    after: str


@dataclass(slots=True)
class Upgrades:
    """Handovers of one cluster under load, and what came of its clients' calls."""

    hand_overs: list[HandOver] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    verdict: Verdict | None = None
    left: dict[int, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)

    @property
    def cases(self) -> list[str]:
        """Everything that is wrong."""
        assert self.verdict is not None
        errors = [f"failed: {entry.operation} {entry.key}: {entry.error}" for entry in self.entries if entry.error]
        return [*self.verdict.cases, *errors, *(f"client {name}: {how}" for name, how in self.broken.items())]

    @property
    def pauses_s(self) -> list[float]:
        """The pause of each handover, in seconds."""
        answered = answered_at(self.entries)
        return [longest_gap_s(answered, one.began, one.ended + AFTER_S) for one in self.hand_overs]

    @property
    def otherwise_s(self) -> float:
        """The longest time without an answer while nothing was handed over."""
        answered, edges = answered_at(self.entries), [(one.began, one.ended + AFTER_S) for one in self.hand_overs]
        quiet = [(end, begin) for (_, end), (begin, _) in pairwise(edges)]
        return max((longest_gap_s(answered, begin, end) for begin, end in quiet if begin < end), default=0.0)


def answered_at(entries: Sequence[Entry]) -> list[float]:
    """Return when calls were answered with a result, in order."""
    return sorted(entry.at for entry in entries if entry.answered and not entry.error)


def longest_gap_s(answered: Sequence[float], began: float, ended: float) -> float:
    """Return the longest time without an answer that overlaps the span from began to ended."""
    return max(
        (after - before for before, after in pairwise(answered) if after > began and before < ended), default=0.0
    )


def measure(options: Options) -> Iterator[Row]:
    """Give the rows of some handovers between two versions."""
    with arena(embedder=options.embedder, **PATIENT) as here:
        other = editions.make(here.folder / "other", editions.later())
        upgrades = run(here, [editions.this(), other], options)
        here.kept = bool(upgrades.cases)
    yield from rows(upgrades)


def rows(upgrades: Upgrades) -> Iterator[Row]:
    """Give what came of the handovers."""
    verdict, pauses = upgrades.verdict, upgrades.pauses_s
    assert verdict is not None
    yield plain("calls", verdict.calls, key="calls")
    yield plain("handovers", len(pauses), key="hand_overs")
    yield at_most("pause, worst", max(pauses), PAUSE_S, "s", key="pause_s")
    yield plain("pause, median, s", median(pauses), key="pause_median_s")
    took = [one.ended - one.began for one in upgrades.hand_overs]
    yield plain("`memmux restart`, median, s", median(took), key="restart_s")
    yield plain("longest time without an answer otherwise, s", upgrades.otherwise_s, key="otherwise_s")
    failed = sum(bool(entry.error) for entry in upgrades.entries)
    yield at_most("failed calls", failed, 0, key="failed", why=_first(upgrades))
    for name, cases in (
        ("lost", verdict.lost),
        ("duplicated", verdict.duplicated),
        ("unanswered", verdict.unanswered),
        ("broken", verdict.broken),
    ):
        yield at_most(name, len(cases), 0, key=name, why=_first(upgrades))
    yield at_most("processes left", len(upgrades.left), 0, key="left_running", why=roles(upgrades.left))


def _first(upgrades: Upgrades) -> str:
    return next(iter(upgrades.cases), "")


def run(here: Arena, turns: Sequence[Edition], options: Options) -> Upgrades:
    """Load a cluster of the first edition, hand it over to the next one in turn, stop it, and judge."""
    upgrades = Upgrades()
    crowd = Crowd(here, options.clients, options.seed, PAUSE_MS, options.hosts)
    with Client(settings=here.settings, name="upgrade") as control:
        report.progress("starting")
        settle(control)
        with crowd:
            crowd.wait_for_all()
            for number in range(1, options.rounds + 1):
                time.sleep(options.steady_s)  # of load, so that what a handover changes can be seen
                before, after = turns[(number - 1) % len(turns)], turns[number % len(turns)]
                report.progress(f"handover {number}, to {after.version}")
                upgrades.hand_overs.append(_hand_over(here, before, after))
            time.sleep(AFTER_S)
            with suppress(TimeoutError):  # who has no answer then is told as broken, or by the verdict
                crowd.wait_for_all(after=upgrades.hand_overs[-1].ended)
            report.progress("finishing")
            crowd.finish()
    report.progress("judging")
    here.end()
    upgrades.left = here.left()
    upgrades.entries, upgrades.broken = crowd.entries(), crowd.broken
    upgrades.verdict = judge(upgrades.entries, crowd.killed, gather(here.settings.database))
    return upgrades


def _hand_over(here: Arena, before: Edition, after: Edition) -> HandOver:
    began = time.monotonic()
    command = after.command(here.settings, "restart", "--json")
    ended = subprocess.run(command, capture_output=True, check=False, timeout=HAND_OVER_S)
    if ended.returncode:
        raise RuntimeError(ended.stderr.decode(errors="replace").strip())
    told = orjson.loads(ended.stdout)
    # That it has told nothing of the one of before is no failure: that one was too busy to answer.
    served = before.version if told["before"] is None else told["before"]["version"]
    if (served, told["version"]) != (before.version, after.version):
        raise RuntimeError(f"another handover was asked for than there was: {told}")
    return HandOver(began, time.monotonic(), before.version, after.version)
