"""The peers for texts: each is weighed by itself with its clients, then all of them are asked in turns.

Every peer keeps the same texts, and a client of each gives it a text and gets the ten best. memmux is served last: what
is weighed before shares no page of the model with its workers.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import monotonic

from bench.harness import report
from bench.harness.callers import CallerError, Callers
from bench.harness.material import Material
from bench.harness.measure import MEBIBYTE, cpu_s, pss_bytes
from bench.harness.questions import Questions
from bench.harness.rounds import Round, Rounds, Turn, in_turns
from bench.harness.tasks import Task, Work
from bench.peers.text.interface import MODULES, Serving, TextPeer, text_peer
from bench.peers.text.table import Result, Results

COUNTS = (1, 4, 8)  # clients in closed loops
ROUNDS = 5
STARTS = 3

_NOTHING = Round((), (), 1.0)


@dataclass(slots=True)
class _Contender:
    """A peer that serves, and its client processes.

    failed: what went wrong of each kind of work, which is not done any more then.
    """

    peer: TextPeer
    serving: Serving
    clients: Callers
    start_s: float
    pss_mb: float
    failed: dict[Work, str] = field(default_factory=dict)

    def connect(self) -> None:
        """Wait until all clients have had their first answer."""
        try:
            self.clients.connected()
        except CallerError as error:
            self.failed[Work.SEARCH] = f"failed: {error}"

    def turn(self, task: Task, count: int) -> Round:
        """Return a round, with the processor time of this peer's processes alone; of nothing if it fails, or has."""
        if task.work in self.failed or Work.SEARCH in self.failed:
            return _NOTHING
        pids = [*self.serving.pids(), *self.clients.pids]
        before_s = sum(map(cpu_s, pids))
        try:
            played = self.clients.together(task, count)
        except CallerError as error:
            self.failed[task.work] = f"failed: {error}"
            return _NOTHING
        used_s = sum(map(cpu_s, pids)) - before_s
        if task.work is Work.STORE:
            self.serving.rest()
        return replace(played, cpu_s=used_s)

    def result(self, searches: Mapping[str, Mapping[int, Rounds]], stores: Rounds) -> Result | str:
        """Return what was measured, or why nothing was."""
        return self.failed.get(Work.SEARCH) or Result(
            version=self.serving.version,
            searches=searches,
            stores=self.failed.get(Work.STORE, stores),
            start_s=self.start_s,
            pss_mb=self.pss_mb,
        )


@dataclass(frozen=True, slots=True)
class _Setting:
    """What all peers are given."""

    material: Material
    folder: Path
    round_s: float
    clients: int
    starts: int

    def contender(self, module: str, stack: ExitStack) -> _Contender:
        """Serve from this peer until the stack is closed, and weigh it; raises what it can if anything fails."""
        peer = text_peer(module)
        own = self.folder / module
        own.mkdir()
        serving = stack.enter_context(peer.serve(self.material, own))
        report.progress(f"{peer.NAME}: starting clients")
        seconds = [self._start_s(module, serving, number) for number in range(self.starts)]
        with self._callers(module, serving, "weighed", self.clients) as clients:
            clients.connected()
            for mode in peer.MODES.values():
                clients.together(Task(work=Work.SEARCH, seconds=self.round_s, mode=mode), self.clients)
            pss_mb = sum(map(pss_bytes, [*serving.pids(), *clients.pids])) / MEBIBYTE
        callers = self._callers(module, serving, "client", self.clients)
        made = _Contender(peer, serving, callers, median(seconds), pss_mb)
        # Some have one writer at a time, and a client that fails to store is of no use for searches.
        try:
            with self._callers(module, serving, "storing", self.clients) as clients:
                clients.connected()
                clients.together(Task(work=Work.STORE, seconds=0), self.clients)
        except CallerError as error:
            made.failed[Work.STORE] = f"{self.clients} clients at once failed: {error}"
        serving.rest()
        return made

    def _start_s(self, module: str, serving: Serving, number: int) -> float:
        """Return the seconds from the start of a client to its first answer."""
        began = monotonic()
        with self._callers(module, serving, f"start-{number}", 1) as clients:
            clients.connected()
            return monotonic() - began

    def _callers(self, module: str, serving: Serving, name: str, count: int) -> Callers:
        command = [sys.executable, "-P", "-m", "bench.peers.text.process", module, str(self.folder / "questions.json")]
        return Callers([*command, f"{name}-{number}", *serving.address] for number in range(count))


def compare(
    material: Material,
    round_s: float,
    *,
    counts: Sequence[int] = COUNTS,
    starts: int = STARTS,
    modules: Sequence[str] = MODULES,
) -> Results:
    """Serve the material from all peers that are installed, and return what was measured, or why nothing was.

    counts: how many clients search at once, the most of them last; so many store. starts: of a client, one after the
    other. modules: memmux first.
    """
    failed: dict[str, str] = {}
    contenders: dict[str, _Contender] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="memmux-peers-")))
        Questions(material.queries()).save(folder / "questions.json")
        setting = _Setting(material, folder, round_s, counts[-1], starts)
        for module in reversed(modules):
            peer = text_peer(module)
            if not all(find_spec(package) for package in peer.PACKAGES):
                failed[module] = peer.REMEDY
                continue
            try:
                contenders[module] = setting.contender(module, stack)
            except Exception as error:  # whatever is wrong with another, the comparison goes on
                if module == modules[0]:
                    raise
                failed[module] = f"failed: {type(error).__name__}: {error}"
        report.progress("starting the clients")
        for contender in contenders.values():
            stack.enter_context(contender.clients)
        for contender in contenders.values():
            contender.connect()
        found = dict(_measured(contenders, round_s, counts))
    return {text_peer(module).NAME: found.get(module, failed.get(module, "")) for module in modules}


def _measured(
    contenders: Mapping[str, _Contender], round_s: float, counts: Sequence[int]
) -> Iterator[tuple[str, Result | str]]:
    """Give what came of each; all search among the same texts, and store afterwards."""
    searching: dict[tuple[str, str, int], Turn] = {}
    for module, contender in contenders.items():
        for name, mode in contender.peer.MODES.items():
            for count in counts:
                task = Task(work=Work.SEARCH, seconds=round_s, mode=mode)
                searching[module, name, count] = partial(contender.turn, task, count)
    searches = in_turns(ROUNDS, searching, "text search")
    task = Task(work=Work.STORE, seconds=round_s)
    storing = {module: partial(contender.turn, task, counts[-1]) for module, contender in contenders.items()}
    stores = in_turns(ROUNDS, storing, "stores of short texts")
    for module, contender in contenders.items():
        by_name = {name: {count: searches[module, name, count] for count in counts} for name in contender.peer.MODES}
        yield module, contender.result(by_name, stores[module])
