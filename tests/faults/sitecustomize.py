"""Faults for tests: Python imports this at the start of every process that has this folder on PYTHONPATH.

Workers then die, crash, hang or are slow when a text tells them to, and their writes fail with the error of the system
whose name stands in the file that MEMMUX_TEST_ERRNO names, for as long as it is there; an embedder begins only once the
file that MEMMUX_TEST_HOLD names is gone; with MEMMUX_TEST_HANG a writer hangs when it starts, and with
MEMMUX_TEST_NO_FORKS a fork server ends then; with MEMMUX_TEST_NO_REST it never ends for want of work, and
MEMMUX_TEST_ANSWER_S says for how many seconds it may be silent; a writer that is to end has those of
MEMMUX_TEST_STOP_S. A process gets a Ctrl-C when it is about to import the module that MEMMUX_TEST_INTERRUPT names.
Nothing of this is in the product.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_LIBC = ctypes.CDLL(None, use_errno=True)
_ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


def _kind() -> str:
    """What kind of worker this is; of one that was forked, from when it begins."""
    return sys.orig_argv[sys.orig_argv.index("workers") + 1]


def _obey() -> None:
    """Look for an order in every text that a worker is given."""
    from memmux.wire import requests  # only a worker is to import it

    for body, name in ((requests.Search, "query"), (requests.Store, "content")):
        read = body.from_body

        def obeying(data: bytes, read: Any = read, name: str = name) -> Any:
            asked, kind = read(data), _kind()
            match getattr(asked, name).split():
                case ["fault:die", at, *_] if at == kind:
                    os.kill(os.getpid(), signal.SIGKILL)
                case ["fault:hang", at, *_] if at == kind:
                    ctypes.PyDLL(None).sleep(600)  # inside C, and with the interpreter's lock held
                case ["fault:slow" | "fault:fatten" | "fault:bloat", *_] if kind == "read":
                    _be_slow()
                case ["fault:crash", at, *_] if at == kind:
                    raise ArithmeticError(getattr(asked, name))
                case ["fault:orphan", at, path] if at == kind:
                    _leave_an_orphan(Path(path))
                case ["fault:leak", at, *_] if at == kind:
                    _LEAKED.append(os.urandom(64 << 20))
            return asked

        body.from_body = obeying


_LEAKED: list[bytes] = []


def _leave_an_orphan(path: Path) -> None:
    """Start a process that ends when we do, write its pid, and die."""
    command = [sys.executable, "-S", "-c", "import sys; sys.stdin.read()"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE)
    path.write_text(str(child.pid))
    os.kill(os.getpid(), signal.SIGKILL)


def _be_slow() -> None:
    """Let every search for `fault:slow` be a query of SQLite that has no end; two more faults take memory, too.

    `fault:fatten` takes some before that, and `fault:bloat` more and more.
    """
    from workers.storage.sqlite.reader import SqliteReader

    search = SqliteReader.search

    def slow(self: Any, asked: Any, query: Any, *more: Any) -> Any:
        fault = asked.query.partition(" ")[0]
        while fault == "fault:bloat":
            _LEAKED.append(os.urandom(1 << 20))
            self._alive()
        if fault == "fault:fatten":
            _LEAKED.append(os.urandom(64 << 20))
        if fault in ("fault:slow", "fault:fatten"):
            self._raw.execute(_ENDLESS).fetchall()
        return search(self, asked, query, *more)

    if search.__name__ != "slow":
        SqliteReader.search = slow


def _fail_writes(order: Path) -> None:
    """Let SQLite write through a function that fails while `order` is there."""
    import apsw

    types = (ctypes.c_ssize_t, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_longlong)
    real = ctypes.CFUNCTYPE(*types, use_errno=True)(("pwrite64", _LIBC))

    def write(descriptor: int, data: int, size: int, offset: int) -> int:
        try:
            ctypes.set_errno(getattr(errno, order.read_text()))
        except FileNotFoundError:
            return real(descriptor, data, size, offset)
        return -1

    class Base(apsw.VFS):
        def __init__(self) -> None:
            super().__init__("base", "unix")

    callback = ctypes.CFUNCTYPE(*types, use_errno=True)(write)
    _KEPT.extend([vfs := Base(), callback])
    assert vfs.xSetSystemCall("pwrite64", ctypes.cast(callback, ctypes.c_void_p).value)


_KEPT: list[object] = []


def _begin() -> None:
    """Do what is to happen when a worker starts."""
    if "MEMMUX_TEST_HANG" in os.environ and _kind() == "write":
        ctypes.CDLL(None).sleep(600)  # before it has said anything
    if "MEMMUX_TEST_ERRNO" in os.environ and _kind() == "write":
        _fail_writes(Path(os.environ["MEMMUX_TEST_ERRNO"]))
    if "MEMMUX_TEST_HOLD" in os.environ and _kind() == "embed":
        while Path(os.environ["MEMMUX_TEST_HOLD"]).exists():
            time.sleep(0.01)


def _begin_when_forked() -> None:
    """Have every worker that this fork server forks begin so."""
    from workers.runtime import fork_server

    begin = fork_server._begin

    def beginning(*arguments: Any) -> list[str]:
        begun = begin(*arguments)
        _begin()
        return begun

    fork_server._begin = beginning


if "workers" in sys.orig_argv:
    _obey()
    if _kind() == "fork_server":
        if "MEMMUX_TEST_NO_FORKS" in os.environ:
            sys.exit("there is something that can't be imported")
        _begin_when_forked()
    else:
        _begin()

if "router" in sys.orig_argv:
    if "MEMMUX_TEST_NO_REST" in os.environ:
        from router.lifecycle import supervisor

        supervisor.REST_S = float("inf")
    if silent_s := os.environ.get("MEMMUX_TEST_ANSWER_S"):
        from router.lifecycle import fork_server

        fork_server.ANSWER_S = fork_server.START_S = float(silent_s)
    if stop_s := os.environ.get("MEMMUX_TEST_STOP_S"):
        from router.io import stop_workers

        stop_workers.STOP_S = float(stop_s)

if module := os.environ.get("MEMMUX_TEST_INTERRUPT"):

    class _Interrupted:
        """A finder of modules that finds none."""

        @staticmethod
        def find_spec(name: str, *_: object) -> None:
            if name == module:
                os.kill(os.getpid(), signal.SIGINT)

    sys.meta_path.insert(0, _Interrupted)
