"""The conversation of a client's process with the harness."""

from __future__ import annotations

import time
from io import BytesIO

from bench.harness.caller import serve
from bench.harness.player import Player
from bench.harness.questions import Questions
from bench.harness.tasks import Done, Task, Work
from memmux.config.settings import Settings
from memmux.wire.answers import SearchResult
from memmux.wire.requests import Mode


class _Side:
    def search(self, *_: object, **__: object) -> SearchResult:
        return SearchResult(mode=Mode.HYBRID)

    def store(self, *_: object, **__: object) -> None:
        raise AssertionError


def test_each_task_is_answered_when_it_is_understood_and_when_it_is_done() -> None:
    tasks = [Task(work=Work.SEARCH, seconds=60, most=most) for most in (2, 5)]
    told = BytesIO(b"".join(task.to_line() + f"{time.monotonic()!r}\n".encode() for task in tasks))
    tells = BytesIO()
    player = Player(_Side(), Questions(["question"]), "a")  # type: ignore[arg-type]  # it takes anything
    serve(player, Settings(), told, tells)
    *lines, rest = tells.getvalue().split(b"\n")
    assert (lines[0], lines[2], rest) == (b"", b"", b"")
    assert [Done.from_line(lines[number]).calls for number in (1, 3)] == [2, 5]
