"""One task: a question or a job for one process, whose answer is a line of JSON on standard output.

`python -P -m workers KIND ARGUMENTS… FLAGS…`; KIND is check, dump, fill, restore, environment or setup.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence

import orjson

from memmux.config.settings import Settings, parse_flags
from memmux.errors import MemmuxError
from memmux.logs import log

KINDS = ("check", "dump", "fill", "restore", "environment", "setup")  # and the module of this folder that does it
_FIRST_FLAG = "--database="  # with which `Settings.flags` begins


def main(kind: str, arguments: Sequence[str]) -> int:
    """Do the task and print its answer, or the error that it failed with; return the exit code."""
    first = next(place for place, argument in enumerate(arguments) if argument.startswith(_FIRST_FLAG))
    settings = parse_flags(list(arguments[first:]))
    run: Callable[[Settings, Sequence[str]], object] = importlib.import_module(f"workers.tasks.{kind}").run
    try:
        log.configure(kind, settings)
        log.catch_crashes(settings)
        answer, code = run(settings, arguments[:first]), 0
    except MemmuxError as error:
        log.get().error("worker_task_failed", code=error.code, error=error.message)
        answer, code = {"error": error.to_json()}, 1
    sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
    return code
