"""Reading documents in a process of their own: a file that is made to harm, or breaks a library, harms only that.

One process reads one file after the other, and is started when the first is to be read. It is ended by its own limits,
by the time that it takes, or when nobody waits for it any more; then the next file has another.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

import orjson

from memmux import interpreter, limits
from memmux.errors import ArgumentInvalidError, CancelledError
from memmux.ingest.parser_process import OUT_OF_MEMORY

LOOK_S = 0.1  # between two looks at whether anybody waits for it
PIPE_BYTES = 1 << 16
ANSWER_BYTES = 8 * limits.INGEST_CHARACTERS  # the most: overlaps, and characters that take three bytes

Cancelled = Callable[[], bool]
"""Says whether nobody waits for an ingest any more."""


def never() -> bool:
    """Somebody waits."""
    return False


def check(cancelled: Cancelled) -> None:
    """Raise CancelledError if nobody waits any more."""
    if cancelled():
        raise CancelledError("the ingest was given up; what was stored before stays")


@dataclass(frozen=True, slots=True)
class Parsed:
    """What is in a file; contents: of its chunks, each once, in order, with the page that it begins on.

    remark: what was not as it should be; empty if all was.
    """

    title: str
    tags: tuple[str, ...]
    contents: dict[str, int | None]
    remark: str = ""


class Parser:
    """Reads documents; a context manager that ends its process."""

    def __init__(self, chunking: tuple[int, int], cancelled: Cancelled = never) -> None:
        self._size, self._overlap = chunking
        self._cancelled = cancelled
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The id of the process, if there is one."""
        return None if self._process is None else self._process.pid

    def parse(self, name: str, data: bytes | bytearray) -> Parsed:
        """Return what is in a file of this name; raise ArgumentInvalidError, which says why there is nothing.

        Raises CancelledError if nobody waits any more.
        """
        cpu_s = limits.INGEST_CPU_S + limits.INGEST_CPU_S_PER_MIB * len(data) / (1 << 20)
        request = {"name": name, "bytes": len(data), "size": self._size, "overlap": self._overlap, "cpu_s": cpu_s}
        try:
            line = self._exchange(orjson.dumps(request) + b"\n", data, cpu_s * limits.INGEST_WALL)
        except BaseException:
            self.close()  # it is at something that nobody asks for any more
            raise
        if line is None:
            raise ArgumentInvalidError(self._ended(cpu_s))
        answer: dict[str, Any] = orjson.loads(line)
        if answer["ends"]:
            self.close()
        if "problem" in answer:
            raise ArgumentInvalidError(answer["problem"])
        return Parsed(answer["title"], tuple(answer["tags"]), dict(answer["chunks"]), answer["remark"])

    def close(self) -> None:
        """End the process, whatever it does."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            with suppress(OSError):  # what was not sent is for nobody
                pipe.close()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "memmux.ingest.parser_process", str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                process_group=0,  # Ctrl-C is for us
                env={
                    **interpreter.environment(),
                    "MALLOC_ARENA_MAX": "1",
                },  # an arena takes 64 MiB of the address space
            )
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe is not None
                os.set_blocking(pipe.fileno(), False)
        return self._process

    def _exchange(self, head: bytes, data: bytes | bytearray, wall_s: float) -> bytes | None:
        """Send a request and return the answer's line; None if the process ended first."""
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        left, answer = [memoryview(head), memoryview(data)], bytearray()
        until = time.monotonic() + wall_s
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdin, selectors.EVENT_WRITE)
            selector.register(process.stdout, selectors.EVENT_READ)
            while not answer.endswith(b"\n"):
                check(self._cancelled)
                if time.monotonic() > until:
                    raise ArgumentInvalidError(f"reading it took longer than {wall_s:.0f} s, the most for its size")
                for key, _ in selector.select(LOOK_S):
                    if key.fileobj is process.stdin:
                        if not _send(process.stdin.fileno(), left):
                            selector.unregister(process.stdin)
                        continue
                    if not (piece := os.read(process.stdout.fileno(), PIPE_BYTES)):
                        return None
                    answer += piece
                    if len(answer) > ANSWER_BYTES:
                        raise ArgumentInvalidError("it has too much text; split it")
        return bytes(answer)

    def _ended(self, cpu_s: float) -> str:
        """Return why the process ended before it answered."""
        assert self._process is not None
        code = self._process.wait()
        self.close()
        if code == -signal.SIGXCPU:
            return f"reading it takes more than {cpu_s:.0f} s of processor time, the most for its size; split it"
        if code == OUT_OF_MEMORY:
            return f"reading it takes more than {limits.INGEST_MEMORY_BYTES >> 20} MiB of memory, the most; split it"
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return f"the process that reads files ended at it ({how}); save it in another format"


def _send(pipe: int, left: list[memoryview]) -> bool:
    """Send what the pipe takes; return whether there is more to send."""
    try:
        sent = os.write(pipe, left[0][:PIPE_BYTES]) if left else 0
    except BlockingIOError:
        return True
    except BrokenPipeError:
        return False  # it has ended, as its answer will say
    left[0] = left[0][sent:]
    while left and not left[0]:
        del left[0]
    return bool(left)
