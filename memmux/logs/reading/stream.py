"""The stream: the lines of all files in order of time, those that are there, and then those that come."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from operator import itemgetter

from memmux.logs.reading.file import TailFile, stamp, written_at
from memmux.logs.reading.filters import Filter
from memmux.logs.reading.folder import Folder

LATE = timedelta(milliseconds=20)  # that a line may be written after another process's line of the same moment

_Timed = tuple[bytes, bytes]


class Stream:
    """The wanted lines of a folder."""

    def __init__(self, folder: Folder, wanted: Filter) -> None:
        self._folder = folder
        self._wanted = wanted
        self._held: list[_Timed] = []  # that came so late that an earlier one of another process may still come

    def past(self, now: float, last: int | None) -> list[bytes]:
        """Return what is there, in order of time: all of it, or the last so many; now: monotonic seconds."""
        found: list[_Timed] = []
        for file in self._folder.look(now):
            kept: deque[_Timed] = deque(maxlen=last)
            kept.extend(self._new(file))
            found.extend(kept)
        self._close(now, found)
        found.sort(key=itemgetter(0))
        return [line for _, line in (found if last is None else found[max(0, len(found) - last) :])]

    def rest(self) -> list[bytes]:
        """Return what stands after the last end of a line: what a process that was killed had begun to write."""
        if self._wanted.selective:
            return []
        return [rest for file in self._folder.look(0.0) if (rest := file.rest())]

    def new(self, now: float) -> list[bytes]:
        """Return what has come since, in order of time; now: monotonic seconds.

        A line that is younger than a moment waits for the next time, as another process may have one that is older.
        """
        until = stamp(datetime.now(UTC) - LATE)
        found, self._held = self._held, []
        late: list[_Timed] = []
        for file in self._folder.look(now):
            for line in self._new(file):
                (late if line[0] > until else found).append(line)
        self._close(now, found)
        found.sort(key=itemgetter(0))
        self._held = late
        return [line for _, line in found]

    def _new(self, file: TailFile) -> Iterable[_Timed]:
        """Yield the wanted lines that are new in a file, with their times; one without has that of the one before."""
        for chunk in file.chunks():
            for line in self._wanted.chosen(chunk):
                if at := written_at(line):
                    file.last = at
                elif self._wanted.since > file.last:
                    continue
                yield file.last, line

    def _close(self, now: float, found: list[_Timed]) -> None:
        """Leave the files that are read, and add what stands at their end without an end of its own."""
        for file in self._folder.leave(now):
            rest = file.rest()
            if rest and not self._wanted.selective:
                found.append((file.last, rest))
