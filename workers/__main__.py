"""One worker process: `python -P -m workers KIND --identity=ID --router=ADDRESS FLAGS…`, as the router starts it.

`KIND` is read, write or embed; or a child of one of these, which does one thing and ends: segment makes the index of
many vectors; or one of the tasks that `tasks/run.py` knows; or fork_server, which becomes any of the first three.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Callable

if __name__ == "__main__":
    gc.disable()  # of what is imported nothing goes again; a worker collects from when it begins to work

# One thread a worker: two on a busy machine of two cores were up to ten times slower. Read when numpy is imported.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false")

from memmux import stdio  # after the environment is set

stdio.open_missing()  # before anything opens a file

from memmux.logs import lean_structlog  # the same

lean_structlog.import_structlog()

from memmux.config.settings import Settings, parse_flags  # the same
from memmux.logs import log  # after structlog
from memmux.wire import forks  # the same
from workers.runtime.jobs import Worker  # the same
from workers.tasks import run as worker_task  # the same

_CHILDREN = {"segment": "build_segment"}  # the module of workers.tasks by its kind
_HELD = "--held"  # wait for a byte on standard input before anything is opened


def _worker(kind: str, settings: Settings) -> Worker:
    """Return the worker of `kind`, importing only what that kind needs."""
    if kind == "read":
        from workers.read import ReadWorker

        return ReadWorker(settings)
    if kind == "write":
        from workers.write import WriteWorker

        return WriteWorker(settings)
    from workers.embed import EmbedWorker

    return EmbedWorker(settings)


def main(arguments: list[str]) -> int:
    """Run the worker that the arguments name; return the exit code."""
    kind, *rest = arguments
    if kind == forks.KIND:
        from workers.preload import WorkerPreload
        from workers.runtime import fork_server

        settings = parse_flags(rest[2:])
        ordered = fork_server.run(WorkerPreload(settings), rest[1:], settings.database.parent)
        if ordered is None:
            return 0
        kind, *rest = ordered
    gc.enable()
    if kind in _CHILDREN:
        settings = parse_flags(rest)
        log.configure(kind, settings)
        log.catch_crashes(settings)
        run: Callable[[Settings], int] = importlib.import_module(f"workers.tasks.{_CHILDREN[kind]}").main
        return run(settings)
    if kind in worker_task.KINDS:
        return worker_task.main(kind, rest)
    identity, router = (flag.partition("=")[2] for flag in rest[:2])
    settings = parse_flags([flag for flag in rest[2:] if flag != _HELD])
    log.configure(identity.rpartition("-")[0], settings)
    log.catch_crashes(settings)
    from workers.runtime.serve import HEARTBEAT_S, serve

    return serve(
        _worker(kind, settings),
        router,
        identity,
        cap_bytes=settings.worker_rss_mb << 20,
        heartbeat_s=min(HEARTBEAT_S, settings.stall_s / 4),
        held=_HELD in rest,
        slow_ms=settings.slow_ms,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
