"""What is said between the harness and its clients."""

from __future__ import annotations

from dataclasses import replace

from bench.harness.tasks import Done, Task, Work
from memmux.wire.requests import Mode

TASK = Task(
    work=Work.SEARCH,
    seconds=2.5,
    most=7,
    first=3,
    step=4,
    among=64,
    mode=Mode.SEMANTIC,
    tags=("marked",),
    with_vectors=True,
    every_s=1.0,
    in_flight=2,
    uncounted=1,
)


def test_task_and_result_are_read_as_they_were_written_a_line_each() -> None:
    done = Done(began=1.5, ended=2.5, calls=3, latencies_ms=(0.25, 4.0), ids=("a",), degraded=("indexing",))
    for line in (TASK.to_line(), done.to_line()):
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
    assert Task.from_line(TASK.to_line()) == TASK
    assert Task.from_line(Task(work=Work.STORE, seconds=1).to_line()) == Task(work=Work.STORE, seconds=1)
    assert Done.from_line(done.to_line()) == done


def test_clients_share_the_questions_out_among_them() -> None:
    tasks = [Task(work=Work.SEARCH, seconds=1, first=first, step=3) for first in range(3)]
    asked = [task.question(call, 100) for task in tasks for call in range(5)]
    assert sorted(asked) == list(range(15))


def test_questions_begin_again_after_the_last_one() -> None:
    task = Task(work=Work.SEARCH, seconds=1, first=8)
    assert [task.question(call, 10) for call in range(4)] == [8, 9, 0, 1]
    assert [replace(task, among=4).question(call, 10) for call in range(4)] == [0, 1, 2, 3]
    assert [replace(task, among=40).question(call, 10) for call in range(4)] == [8, 9, 0, 1]
