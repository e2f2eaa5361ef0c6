"""Logs: one JSON object a line, one file for each running process, in the state folder; bounded in size.

Nothing is ever written to stdout, which belongs to the protocol of a stdio server. What the events and their fields
mean is in `memmux.logs.events`; what is in no table there is logged all the same.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from types import TracebackType

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from memmux.config.paths import Places
from memmux.config.settings import LogLevel, Settings
from memmux.errors import MemmuxError
from memmux.logs import echo
from memmux.logs.files import LogFile
from memmux.version import __version__

CONTENT_FIELDS = frozenset({"arguments", "content", "query"})
"""Fields that hold what users store and ask for; left out of every line unless the setting `log_content` is on."""

_logger: FilteringBoundLogger | None = None
_sink: LogFile | None = None
_LEVELS = {LogLevel.DEBUG: 10, LogLevel.INFO: 20, LogLevel.WARNING: 30, LogLevel.ERROR: 40}


def configure(name: str, settings: Settings) -> FilteringBoundLogger:
    """Send this process's log to `<state>/logs/<database>/<name>.jsonl` and return the logger.

    name: the process, such as `router` or `read-0`; it stands on every line, with its pid.
    """
    global _logger, _sink  # noqa: PLW0603  # a process has one log; to look it up anew for each line costs more than the line
    if _sink is not None:
        _sink.close()
    sink = _sink = LogFile(Places(settings).logs, name, settings.log_mb << 20)
    structlog.configure(
        processors=[_Lines(content=settings.log_content)],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[settings.log_level]),
        logger_factory=lambda *_: sink,
    )
    _logger = structlog.get_logger().bind(
        process=name, kind=name.partition("-")[0], pid=os.getpid(), version=__version__, database=str(settings.database)
    )
    return get()


def get() -> FilteringBoundLogger:
    """Return the logger of this process; until it is configured, one that writes for people, to standard error.

    A program that has configured structlog for itself, and uses our client, gets our lines its own way.
    """
    if _logger is None and not structlog.is_configured():
        logger: FilteringBoundLogger = structlog.wrap_logger(structlog.PrintLogger(sys.stderr))
        return logger
    return structlog.get_logger() if _logger is None else _logger


def together() -> AbstractContextManager[None]:
    """Return a context manager that writes what is logged inside its block at the end, at once."""
    return nullcontext() if _sink is None else _sink.together()


def catch_crashes(settings: Settings) -> None:
    """Log what this process dies of; here and on standard error, without what may be a memory's content."""

    def tell(event: str, error: BaseException) -> None:
        get().error(event, exc_info=error)
        sys.stderr.write(f"{describe(error, content=settings.log_content)}\n")

    def crashed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if isinstance(error, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
        else:
            tell("process_crashed", error)

    def thread_crashed(crash: threading.ExceptHookArgs) -> None:
        if crash.exc_value is not None and not isinstance(crash.exc_value, SystemExit):
            tell("thread_crashed", crash.exc_value)

    sys.excepthook, threading.excepthook = crashed, thread_crashed


def describe(error: BaseException, *, content: bool) -> str:
    """Return the traceback of an error and of what it came of; content: also what the errors say, which may quote."""
    if content:
        return "".join(traceback.format_exception(error)).rstrip()
    parts: list[str] = []
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        trace = "".join(traceback.format_tb(found.__traceback__))
        parts.append(f"Traceback (most recent call last):\n{trace}{_kind(found)}")
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)
    return "\n\nwhich led to\n\n".join(reversed(parts))


def _kind(error: BaseException) -> str:
    """Return what kind of error it is, and no word of what it is about."""
    if isinstance(error, MemmuxError):
        return f"{type(error).__name__}: {error.code}"
    if isinstance(error, OSError) and error.errno is not None:
        return f"{type(error).__name__}: {os.strerror(error.errno)}"
    return type(error).__name__


class _Lines:
    """Makes the line of an event, with the fields in front that people read first; it never raises.

    An event that is logged after others could learn of it has `at_s`, when it happened, in seconds since 1970.
    """

    def __init__(self, *, content: bool) -> None:
        self._content = content

    def __call__(self, _logger: WrappedLogger, method: str, event: EventDict) -> bytes:
        line = self._line(method, event)
        if echo.to is not None:
            echo.to(line)
        return line

    def _line(self, method: str, event: EventDict) -> bytes:
        if "exc_info" in event:
            error = event.pop("exc_info")
            if not isinstance(error, BaseException):
                error = sys.exc_info()[1] if error else None
            if error is not None:
                event["exception"] = describe(error, content=self._content)
        if not self._content:
            for name in CONTENT_FIELDS:
                event.pop(name, None)
        level = "error" if method == "exception" else method
        at_s = event.pop("at_s", None)
        moment = datetime.now(UTC) if at_s is None else datetime.fromtimestamp(at_s, UTC)
        if not moment.microsecond:
            moment = moment.replace(
                microsecond=1
            )  # or it would be written shorter, and sort after all others of its second
        fields = {"timestamp": moment, "level": level, "event": event.pop("event"), **event}
        try:
            return orjson.dumps(fields, default=str, option=orjson.OPT_UTC_Z)
        except TypeError:  # a path that is no text, or a number of more than 64 bits
            import json  # hardly ever needed

            fields["timestamp"] = f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"
            text = json.dumps(fields, default=str, skipkeys=True, ensure_ascii=False, separators=(",", ":"))
            return text.encode(errors="replace")
