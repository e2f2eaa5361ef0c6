"""One client process of a peer: asks it in a closed loop, round by round, as it is told over its standard input.

`python -P -m bench.peers.process MODULE QUERIES ADDRESS…`, where QUERIES is a file of vectors. Each round is a line
with a `Task`, which is answered by an empty line once it is understood, and a line with the moment to begin, a
monotonic time, which is answered by a line with what is `Done`. The first line that it writes, an empty one, says that
it is connected; it ends with its input.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, TypeVar

from bench.harness.tasks import Done, Task
from bench.peers.interface import peer

Asked = TypeVar("Asked")


def main(arguments: list[str]) -> int:
    """Do tasks until standard input ends; return the exit code."""
    import numpy as np

    module, path, *address = arguments
    queries = np.load(Path(path))
    with peer(module).connect(tuple(address)) as ask:
        serve(lambda _task: ask, list(queries), sys.stdin.buffer, sys.stdout.buffer)
    return 0


def serve(
    work: Callable[[Task], Callable[[Asked], object]], asked: Sequence[Asked], told: BinaryIO, tells: BinaryIO
) -> None:
    """Do the tasks that `told` brings, and write what is done to `tells`; work: what a task does with each question."""
    _say(tells, b"\n")
    while line := told.readline():
        task = Task.from_line(line)
        _say(tells, b"\n")
        _say(tells, loop(work(task), asked, task, float(told.readline())).to_line())


def loop(ask: Callable[[Asked], object], asked: Sequence[Asked], task: Task, at: float) -> Done:
    """Begin at that moment, and ask one question right after the other until the task's time is over, at least one."""
    time.sleep(max(0.0, at - time.monotonic()))
    latencies_ms: list[float] = []
    began = before = time.monotonic()
    while not latencies_ms or before < began + task.seconds:
        ask(asked[task.question(len(latencies_ms), len(asked))])
        after = time.monotonic()
        latencies_ms.append((after - before) * 1000)
        before = after
    return Done(began=began, ended=before, calls=len(latencies_ms), latencies_ms=tuple(latencies_ms))


def _say(tells: BinaryIO, line: bytes) -> None:
    tells.write(line)
    tells.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
