"""Logs: one JSON object a line, one file per process slot, in the state folder; bounded in size.

Nothing is ever written to stdout, which belongs to the protocol of a stdio server.
"""

from __future__ import annotations

import os
from pathlib import Path

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from memmux.places import Places, make_private
from memmux.settings import LogLevel, Settings
from memmux.version import __version__

FILE_BYTES = 8 << 20  # a file that grows past this becomes NAME.1, and the NAME.1 before it goes
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
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _in_order,
            structlog.processors.JSONRenderer(serializer=_dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[settings.log_level]),
        logger_factory=lambda *_: sink,
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(
        process=name, kind=name.partition("-")[0], pid=os.getpid(), version=__version__, database=str(settings.database)
    )
    return get()


def get() -> FilteringBoundLogger:
    """Return the logger of this process."""
    logger: FilteringBoundLogger = structlog.get_logger()
    return logger


_FIRST = ("timestamp", "level", "event")


def _in_order(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Put the fields that people read first in front."""
    return {**{name: event.pop(name) for name in _FIRST if name in event}, **event}


def _dumps(event: EventDict, **_options: object) -> bytes:
    return orjson.dumps(event, default=str)
