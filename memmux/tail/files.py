"""One log file that is read as it grows, whatever becomes of its name: who has it open sees all of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

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
