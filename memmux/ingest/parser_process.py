"""The process that reads files for `parser`: `python -P -m memmux.ingest.parser_process PARENT`.

Each request on standard input is a line of JSON and the bytes of a file; each answer on standard output is a line of
JSON. Whatever a file does to the process, it ends with its limits: for processor time with SIGXCPU, for memory with a
MemoryError or, where the system does not hold it to its address space (macOS), by its own hand. It writes no files, and
it does not outlive its parent.
"""

from __future__ import annotations

import math
import os
import resource
import sys
import threading
import time
from typing import Any, BinaryIO

import orjson

from memmux import limits
from memmux.errors import ArgumentInvalidError
from memmux.ingest import formats
from memmux.ingest.chunks import contents
from memmux.processes import rss_bytes

OUT_OF_MEMORY = 71  # the exit code
LOOK_S = 0.2  # between two looks at the parent and the memory
KEPT_BYTES = 256 << 20  # a process that has grown beyond this is of no use for the next file


def main() -> None:
    """Read files until standard input ends."""
    parent = int(sys.argv[1])
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    _limit()
    threading.Thread(target=watch, args=(parent, limits.INGEST_MEMORY_BYTES), daemon=True).start()
    while line := sys.stdin.buffer.readline():
        try:
            answer = _answer(orjson.loads(line), sys.stdin.buffer)
            answers.write(orjson.dumps(answer) + b"\n")
        except MemoryError:
            os._exit(OUT_OF_MEMORY)
        answers.flush()
        if answer["ends"]:
            return


def watch(parent: int, most_bytes: int) -> None:
    """End this process when its parent has, or when it has grown too large."""
    while os.getppid() == parent:
        if held_bytes() > most_bytes:
            os._exit(OUT_OF_MEMORY)
        time.sleep(LOOK_S)
    os._exit(1)


def held_bytes() -> int:
    """Return the memory that this process has, or where that can't be told (macOS) the most that it ever had."""
    # Elsewhere the most counts from before this program was started, when the process was a copy of its parent.
    return rss_bytes(os.getpid()) or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _limit() -> None:
    for limit, most in (
        (resource.RLIMIT_AS, limits.INGEST_MEMORY_BYTES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        _, hard = resource.getrlimit(limit)
        try:
            resource.setrlimit(limit, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
        except (OSError, ValueError):  # macOS may refuse one for the address space: `watch` is there
            continue


def _grant(seconds: float) -> None:
    """Allow so much more processor time; then the system ends this process."""
    used = time.process_time()
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    most = math.ceil(used + seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _answer(request: dict[str, Any], source: BinaryIO) -> dict[str, Any]:
    data = source.read(request["bytes"])
    _grant(request["cpu_s"])
    try:
        document = formats.read(request["name"], data)
        del data
        chunks = contents(document.parts, size=request["size"], overlap=request["overlap"])
    except ArgumentInvalidError as error:
        return {"problem": error.message.encode(errors="replace").decode(), "ends": held_bytes() > KEPT_BYTES}
    except RecursionError:
        return {"problem": "what is in it is nested too deep; save it in another format", "ends": True}
    return {
        "title": document.title,
        "tags": document.tags,
        "remark": document.remark.encode(errors="replace").decode(),
        "chunks": list(chunks.items()),
        "ends": held_bytes() > KEPT_BYTES,
    }


if __name__ == "__main__":
    main()
