"""Logs: one JSON object a line, one file per process slot, in the state folder; bounded in size.

Nothing is ever written to stdout, which belongs to the protocol of a stdio server.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from memmux.places import Places, make_private
from memmux.settings import LogLevel, Settings
from memmux.version import __version__

FILE_BYTES = 8 << 20  # a file that grows past this becomes NAME.1, and the NAME.1 before it goes
_logger: FilteringBoundLogger | None = None
_LEVELS = {LogLevel.DEBUG: 10, LogLevel.INFO: 20, LogLevel.WARNING: 30, LogLevel.ERROR: 40}


class LogFile:
    """An append-only file that rotates by size; a line is written whole, by one system call."""

    def __init__(self, path: Path, most: int = FILE_BYTES) -> None:
        self._path = path
        self._most = most
        self._open()

    def _open(self) -> None:
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._size = os.fstat(self._descriptor).st_size

    def msg(self, line: bytes) -> None:
        """Append `line` and a newline; a full disk loses log lines, never the process."""
        try:
            if self._size > self._most:
                self._path.replace(self._path.with_name(f"{self._path.name}.1"))
                os.close(self._descriptor)
                self._open()
            self._size += os.write(self._descriptor, line + b"\n")
        except OSError:
            pass

    debug = info = warning = error = msg

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def configure(name: str, settings: Settings) -> FilteringBoundLogger:
    """Send this process's log to `<state>/logs/<database>/<name>.jsonl` and return the logger.

    name: the process, such as `router` or `read-0`; it stands on every line, with its pid.
    """
    folder = Places(settings).logs
    make_private(folder)
    sink = LogFile(folder / f"{name}.jsonl")
    structlog.configure(
        processors=[
            structlog.processors.format_exc_info,
            _line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[settings.log_level]),
        logger_factory=lambda *_: sink,
    )
    global _logger  # noqa: PLW0603  # a process has one log; to look it up anew for each line costs more than the line
    _logger = structlog.get_logger().bind(
        process=name, kind=name.partition("-")[0], pid=os.getpid(), version=__version__, database=str(settings.database)
    )
    return get()


def get() -> FilteringBoundLogger:
    """Return the logger of this process; until it is configured, one that writes for people."""
    return structlog.get_logger() if _logger is None else _logger


def _line(_logger: WrappedLogger, method: str, event: EventDict) -> bytes:
    """Return the line, with the fields in front that people read first."""
    level = "error" if method == "exception" else method
    first = {"timestamp": datetime.now(UTC), "level": level, "event": event.pop("event")}
    return orjson.dumps({**first, **event}, default=str, option=orjson.OPT_UTC_Z)
