"""One client process of a peer for texts: searches and stores in a closed loop, as it is told over its standard input.

`python -P -m bench.peers.text.process MODULE QUESTIONS NAME ADDRESS…`, where QUESTIONS is a file of texts, and no other
client has this NAME. What is said is as in `bench.peers.process`; it is connected once it has had its first answer.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import BinaryIO

from bench.harness.questions import Questions
from bench.harness.tasks import Task, Work
from bench.peers.process import serve
from bench.peers.text.interface import Connection, text_peer

FIRST = "the first question"


def main(arguments: list[str]) -> int:
    """Do tasks until standard input ends; return the exit code."""
    module, path, name, *address = arguments
    texts = Questions.load(Path(path)).texts
    peer = text_peer(module)
    with _own_output() as tells, peer.connect(tuple(address)) as connection:
        connection.search(FIRST, next(iter(peer.MODES.values())))
        serve(partial(_work, connection, name, count()), texts, sys.stdin.buffer, tells)
    return 0


def _work(connection: Connection, name: str, numbers: Iterator[int], task: Task) -> Callable[[str], object]:
    """Return what the task does with each text; what is stored is distinct from all that is stored elsewhere."""
    if task.work is Work.SEARCH:
        return partial(connection.search, mode=task.mode)
    return lambda text: connection.store(f"{text} ({name}.{next(numbers)})")


@contextmanager
def _own_output() -> Iterator[BinaryIO]:
    """Give the standard output, and let what libraries print go to standard error."""
    with os.fdopen(os.dup(1), "wb") as output:
        os.dup2(2, 1)
        yield output


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
