"""The player: makes the calls of a task and times them; the same code for a cluster's client and for no cluster."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol

from bench.harness.questions import Questions
from bench.harness.tasks import Done, Task, Work
from memmux import AsyncClient
from memmux.client.calls import Vector
from memmux.wire.answers import SearchResult, Stored
from memmux.wire.requests import Mode

JITTER = 0.1  # of the time between two paced calls, in both directions


class Side(Protocol):
    """What is called: a client of a cluster, or the code of one in this process."""

    def search(
        self, query: str, *, mode: Mode = ..., tags: Sequence[str] = ..., vector: Vector | None = ...
    ) -> SearchResult:
        """Find memories."""

    def store(self, content: str, *, vector: Vector | None = ...) -> Stored:
        """Keep a memory."""


@dataclass(slots=True)
class _Tally:
    """What has come of a task so far."""

    task: Task
    began: float
    calls: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    degraded: int = 0

    def note(self, seconds: float, answer: SearchResult | Stored) -> None:
        """Note a call that took so long."""
        self.calls += 1
        self.degraded += bool(answer.degraded)
        if isinstance(answer, Stored):
            self.ids.append(answer.id)
        if self.calls > self.task.uncounted:
            self.latencies_ms.append(seconds * 1000)
        else:
            self.began = time.monotonic()

    def done(self) -> Done:
        """Return the result, which ends now."""
        return Done(
            began=self.began,
            ended=time.monotonic(),
            calls=self.calls,
            latencies_ms=tuple(self.latencies_ms),
            ids=tuple(self.ids),
            degraded=self.degraded,
        )


class Player:
    """One client's calls.

    name: no other client's; with it, what a client stores is distinct from all that any other does.
    """

    def __init__(self, side: Side, questions: Questions, name: str) -> None:
        self._side = side
        self._questions = questions
        self._name = name
        self._stored = 0

    def play(self, task: Task, at: float) -> Done:
        """Begin at that moment (monotonic), and make the calls of the task one after the other."""
        _sleep_until(at)
        tally = _Tally(task, time.monotonic())
        call: Any = self._side.search if task.work is Work.SEARCH else self._side.store
        for number, moment in enumerate(self._moments(task, tally.began)):
            arguments = self._arguments(task, number)
            _sleep_until(moment)
            began = time.perf_counter()
            answer = call(**arguments)
            tally.note(time.perf_counter() - began, answer)
        return tally.done()

    async def play_at_once(self, client: AsyncClient, task: Task, at: float) -> Done:
        """Do the same with at most `in_flight` calls of the task at once, over one connection."""
        _sleep_until(at)
        tally = _Tally(task, time.monotonic())
        call: Any = client.search if task.work is Work.SEARCH else client.store
        numbers = enumerate(self._moments(task, tally.began))  # shared: whoever is free takes the next

        async def loop() -> None:
            for number, moment in numbers:
                arguments = self._arguments(task, number)
                if (pause := moment - time.monotonic()) > 0:
                    await asyncio.sleep(pause)
                began = time.perf_counter()
                answer = await call(**arguments)
                tally.note(time.perf_counter() - began, answer)

        async with asyncio.TaskGroup() as group:
            for _ in range(task.in_flight):
                group.create_task(loop())
        return tally.done()

    def _moments(self, task: Task, began: float) -> Iterator[float]:
        """Give the moment of each call, until the task's time is over and one that is timed was among them."""
        chance = random.Random(f"{self._name} {task.first}")
        phase = chance.uniform(0, task.every_s)
        for number in count():
            moment = time.monotonic()
            if task.every_s:
                jitter = chance.uniform(-JITTER, JITTER) * task.every_s
                moment = began + phase + number * task.every_s + jitter
            late = moment >= began + task.seconds and number > task.uncounted
            if late or number == task.most:
                return
            yield moment

    def _arguments(self, task: Task, number: int) -> dict[str, object]:
        place = task.question(number, len(self._questions.texts))
        text = self._questions.texts[place]
        vector = self._questions.vector(place) if task.with_vectors else None
        if task.work is Work.SEARCH:
            return {"query": text, "mode": task.mode, "tags": task.tags, "vector": vector}
        self._stored += 1
        return {"content": f"{text} ({self._name}.{self._stored})", "vector": vector}


def _sleep_until(moment: float) -> None:
    if (pause := moment - time.monotonic()) > 0:
        time.sleep(pause)
