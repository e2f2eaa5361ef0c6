"""The folder of a cluster's logs: all files that are in it, that come, and that go."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from memmux.logs.files import SUFFIX, is_rotated
from memmux.logs.reading.file import TailFile

GONE_S = 5.0  # how long a file that was removed is still read: its writer looks each second whether it is there


class Folder:
    """The files of one folder, which need not be there yet.

    A file stays open from when it is first seen until it is full and read, so neither a new name nor its removal loses
    a line of it. What is lost is a file that was removed before it was seen once.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: dict[tuple[int, int], TailFile] = {}
        self._read: set[str] = set()  # names of full files that are read to their end

    def look(self, now: float) -> list[TailFile]:
        """Return all files of which there may be something to read; now: monotonic seconds."""
        while self._scan(now):
            pass  # while it looked, files were made or renamed
        return list(self._open.values())

    def leave(self, now: float) -> Iterator[TailFile]:
        """Yield the files that are at their end, all of which was read, and close them."""
        for identity, file in list(self._open.items()):
            if file.rotated or (file.gone_at is not None and now - file.gone_at > GONE_S):
                yield file
                if file.rotated:
                    self._read.add(file.name)
                file.close()
                del self._open[identity]

    def _scan(self, now: float) -> bool:
        """Take note of the files that are there; return whether there was one that was not known."""
        try:
            entries = [entry for entry in os.scandir(self._path) if entry.name.endswith(SUFFIX)]
        except OSError:
            entries = []
        found = False
        here: dict[tuple[int, int], str] = {}
        for entry in entries:
            try:
                stat = entry.stat(follow_symlinks=False)
                here[stat.st_dev, stat.st_ino] = entry.name
                if (stat.st_dev, stat.st_ino) not in self._open and entry.name not in self._read:
                    file = TailFile(Path(entry.path))
                    here[file.identity] = file.name
                    found |= file.identity not in self._open
                    if self._open.setdefault(file.identity, file) is not file:
                        file.close()
            except OSError:
                continue  # it has just been renamed or removed; the next look tells
        for identity, file in self._open.items():
            if identity in here:
                file.name, file.gone_at = here[identity], None
                file.rotated = is_rotated(file.name)
            elif file.gone_at is None:
                file.gone_at = now
        self._read &= {entry.name for entry in entries}
        return found
