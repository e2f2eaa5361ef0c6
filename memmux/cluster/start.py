"""Starting a router, detached, and hearing from it: how far it is, where it listens, or what keeps it from serving."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from memmux import interpreter
from memmux.cluster.endpoint import LINE_BYTES, Endpoint
from memmux.cluster.router_flags import READY_FD
from memmux.cluster.steps import Steps, pauses
from memmux.config.paths import Places, make_private
from memmux.errors import ClusterStartError, MemmuxError, error_from_json
from memmux.files import private

if TYPE_CHECKING:
    from subprocess import Popen  # only the client that starts a cluster pays for it

END_S = 1.0  # for a router that has closed its end of the pipe to be gone
ERRORS_BYTES = 1 << 20  # of the router's standard error, before the file is begun anew
ERROR_LINES = 5  # of them, in the message of a failed start


class RouterEndedError(ClusterStartError):
    """The router ended before it was ready, and said no reason; its log in the state folder may have one.

    killed: by a signal, so that the next one may live.
    """

    def __init__(self, message: str = "", *, killed: bool) -> None:
        super().__init__(message)
        self.killed = killed


@dataclass(frozen=True, slots=True)
class AdoptionProgress:
    """The progress of an adoption while a cluster starts; done, total: memories."""

    source: str
    done: int
    total: int

    @classmethod
    def from_line(cls, line: bytes) -> AdoptionProgress | None:
        """Return what a line of the router's says of it; None if the line is about something else."""
        try:
            fields = orjson.loads(line)["adopting"]
            return cls(str(fields["source"]), int(fields["done"]), int(fields["total"]))
        except (ValueError, TypeError, KeyError):
            return None


def _unwatched(adopting: AdoptionProgress) -> None:
    del adopting  # nobody looks


watcher: Callable[[AdoptionProgress], None] = _unwatched
"""Told each second how far an adoption is that a client of this process waits for; the command line sets it."""


def start(places: Places, until: float, *flags: str) -> Steps[Endpoint]:
    """Start a router with these flags beside those of the settings, and return what its READY line says.

    Raises the error that it says, RouterEndedError if it ends without one, and ClusterStartError otherwise.
    """
    try:
        ready, told = os.pipe()
    except OSError as error:
        raise ClusterStartError(f"a cluster can't be started: {error.strerror}; close files, and try again") from None
    try:
        try:
            router, before = _spawn(places, told, flags)
        finally:
            os.close(told)
        try:
            return (yield from _heard(places, router, before, ready, until))
        finally:
            _reap(router)
    finally:
        os.close(ready)


def _heard(places: Places, router: Popen[bytes], before: int, ready: int, until: float) -> Steps[Endpoint]:
    line = yield from _line(ready, until)
    if line is None:
        raise ClusterStartError(
            f"the cluster was not ready within {places.settings.start_timeout_s:g} s{last_words(places, before)}"
        )
    if failure := _failure(line):
        raise failure
    endpoint = Endpoint.from_line(line)
    if endpoint is None:
        killed = yield from _killed(router)
        how = "was killed" if killed else "ended"
        raise RouterEndedError(f"the cluster {how} before it was ready{last_words(places, before)}", killed=killed)
    return endpoint


def _killed(router: Popen[bytes]) -> Steps[bool]:
    """Return whether a router that has said its last was ended by a signal."""
    until = time.monotonic() + END_S
    for pause in pauses():
        if (code := router.poll()) is not None or time.monotonic() >= until:
            return code is not None and code < 0
        yield pause
    return False


def _spawn(places: Places, told: int, flags: Sequence[str] = ()) -> tuple[Popen[bytes], int]:
    """Start the router, detached; return it, and how many bytes its error file had before."""
    import subprocess  # only the client that starts a cluster pays for it

    make_private(places.logs)
    path = _errors_path(places)
    kept = path.exists() and path.stat().st_size < ERRORS_BYTES
    command = [sys.executable, "-P", "-m", "router", f"{READY_FD}{told}", *flags, *places.settings.flags()]
    try:
        descriptor = private.open_file(path, os.O_WRONLY | os.O_APPEND | (0 if kept else os.O_TRUNC))
        with os.fdopen(descriptor, "ab") as errors:
            before = errors.tell()
            router = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                cwd=places.database.parent,
                env=interpreter.environment(),
                pass_fds=(told,),
                start_new_session=True,
            )
    except OSError as error:
        what = error.filename or sys.executable
        raise ClusterStartError(f"the router can't be started: {what}: {error.strerror}") from None
    return router, before


def _reap(router: Popen[bytes]) -> None:
    """Wait for a router in a thread, once nobody polls it: to poll says nothing while another thread waits."""
    import threading  # only the client that starts a cluster pays for it

    # The router outlives this call, and perhaps this process; if not, it must not stay behind as a zombie.
    with suppress(RuntimeError):  # no thread can be had: then it does stay
        threading.Thread(target=router.wait, name="memmux-reaper", daemon=True).start()


def _line(descriptor: int, until: float) -> Steps[bytes | None]:
    """Return the last line, what came before the end of the pipe, or None when the time is up.

    The lines before it say how far the router is with something that takes long. Each gives it as much time again.
    """
    os.set_blocking(descriptor, False)
    allowed_s, received = until - time.monotonic(), b""
    for pause in pauses():
        with suppress(BlockingIOError):
            part = os.read(descriptor, LINE_BYTES)
            received += part
            while b"\n" in received:
                line, _, rest = received.partition(b"\n")
                if (adopting := AdoptionProgress.from_line(line)) is None:
                    return received
                watcher(adopting)
                received, until = rest, time.monotonic() + allowed_s
            if not part:
                return received
        if time.monotonic() >= until:
            return None
        yield pause
    return None


def _failure(line: bytes) -> MemmuxError | None:
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    failure = fields.get("error") if isinstance(fields, dict) else None
    return error_from_json(failure) if isinstance(failure, dict) else None


def _errors_path(places: Places) -> Path:
    return places.logs / "router.err"


def last_words(places: Places, before: int) -> str:
    """Return where the router's last words are, and the words, as the end of a message."""
    path = _errors_path(places)
    try:
        with path.open("rb") as errors:
            errors.seek(before)
            lines = errors.read(ERRORS_BYTES).decode(errors="replace").strip().splitlines()[-ERROR_LINES:]
    except OSError:
        lines = []
    return f"; see {path}" + "".join(f"\n  {line}" for line in lines)
