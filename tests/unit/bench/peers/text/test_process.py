"""A client process of a peer for texts: what it does, and what it loads."""

from __future__ import annotations

import subprocess
import sys
from itertools import count

from bench.harness.tasks import Task, Work
from bench.peers.interface import Answered
from bench.peers.text import process
from memmux.wire.requests import Mode


class _Connection:
    def __init__(self) -> None:
        self.asked: list[tuple[str, Mode]] = []
        self.stored: list[str] = []

    def search(self, query: str, mode: Mode) -> Answered:
        self.asked.append((query, mode))
        return []

    def store(self, text: str) -> None:
        self.stored.append(text)


def test_client_searches_as_the_task_says_and_stores_nothing_twice() -> None:
    connection, numbers = _Connection(), count()
    search = Task(work=Work.SEARCH, seconds=0, mode=Mode.SEMANTIC)
    process._work(connection, "a", numbers, search)("words")
    for _ in range(2):
        process._work(connection, "a", numbers, Task(work=Work.STORE, seconds=0))("words")
    assert connection.asked == [("words", Mode.SEMANTIC)]
    assert connection.stored == ["words (a.0)", "words (a.1)"]


def test_client_of_memmux_is_as_light_as_a_users() -> None:
    loaded = "import sys, bench.peers.text.process, bench.peers.text.cluster; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-P", "-c", loaded], capture_output=True, check=True, text=True)
    assert not {"numpy", "onnxruntime", "apsw", "workers"} & set(found.stdout.split())
