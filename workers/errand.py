"""One errand: a question or a job for one process, whose answer is a line of JSON on standard output.

`python -P -m workers KIND ARGUMENTS… FLAGS…`; KIND is check, restore or probe.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence

import orjson

from memmux import logs
from memmux.errors import MemmuxError
from memmux.settings import Settings, parse_flags

KINDS = ("check", "restore", "probe")
_FIRST_FLAG = "--database="  # with which `Settings.flags` begins


def main(kind: str, arguments: Sequence[str]) -> int:
    """Do the errand and print its answer, or the error that it failed with; return the exit code."""
    first = next(place for place, argument in enumerate(arguments) if argument.startswith(_FIRST_FLAG))
    settings = parse_flags(list(arguments[first:]))
    run: Callable[[Settings, Sequence[str]], object] = importlib.import_module(f"workers.{kind}").run
    try:
        logs.configure(kind, settings)
        logs.catch_crashes(settings)
        answer, code = run(settings, arguments[:first]), 0
    except MemmuxError as error:
        logs.get().error("errand_failed", code=error.code, error=error.message)
        answer, code = {"error": error.to_json()}, 1
    sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
    return code
