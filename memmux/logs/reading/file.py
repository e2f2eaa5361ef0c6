"""One log file that is read as it grows, whatever becomes of its name: who has it open sees all of it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from memmux.errors import TimeNotUnderstoodError

CHUNK_BYTES = 1 << 20


class TailFile:
    """A log file from its beginning on; `chunks` gives what is new.

    rotated: whether nothing more will be written to it. last: the time of the last line that was wanted of it.
    gone_at: since when it is in the folder no more, in monotonic seconds.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._descriptor = os.open(path, os.O_RDONLY)
        found = os.fstat(self._descriptor)
        self.identity = found.st_dev, found.st_ino
        self.rotated = False
        self.last = b""
        self.gone_at: float | None = None
        self._offset = 0
        self._rest = b""  # of a line whose end has not been written yet

    def chunks(self) -> Iterator[bytes]:
        """Yield what was written since the last time: whole lines, without the end of the last."""
        if os.fstat(self._descriptor).st_size < self._offset:  # somebody has emptied it
            self._offset, self._rest = 0, b""
        while data := os.pread(self._descriptor, CHUNK_BYTES, self._offset):
            self._offset += len(data)
            lines, end, self._rest = (self._rest + data).rpartition(b"\n")
            if end:
                yield lines

    def rest(self) -> bytes:
        """Return, once, what follows the last end of a line."""
        rest, self._rest = self._rest, b""
        return rest

    def close(self) -> None:
        """Read no more of it."""
        os.close(self._descriptor)


_BEGIN = b'{"timestamp":"'
_TIME = slice(len(_BEGIN), len(_BEGIN) + len("2026-11-25T18:04:05.123456Z"))
_AGO = re.compile(
    r"(\d+(?:\.\d+)?)\s*(?:(s)(?:ec(?:ond)?s?)?|(m)(?:in(?:ute)?s?)?|(h)(?:(?:ou)?rs?)?|(d)(?:ays?)?|(w)(?:eeks?)?)"
    r"(?:\s+ago)?",
    re.IGNORECASE,
)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def written_at(line: bytes) -> bytes:
    """Return the time of a line; empty if it has none, for it is not of ours, or its beginning is lost."""
    return line[_TIME] if line.startswith(_BEGIN) else b""


def stamp(moment: datetime) -> bytes:
    """Return an aware time as lines have it."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z".encode()


def since(text: str, now: datetime) -> bytes:
    """Return the time that `text` means: so long ago (`30s`, `10min`, `2 days ago`), or an ISO time, here if naive.

    Raises TimeNotUnderstoodError.
    """
    try:
        if ago := _AGO.fullmatch(text.strip()):
            unit = next(filter(None, ago.groups()[1:])).lower()
            return stamp(now - timedelta(**{_UNITS[unit]: float(ago[1])}))
        return stamp(datetime.fromisoformat(text.strip()))
    except (ValueError, OverflowError):
        raise TimeNotUnderstoodError(
            f"--since {text!r} is not understood; write it like 30s, 10m, 2h, 1d or 2026-11-25T18:04"
        ) from None
