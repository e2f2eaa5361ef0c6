"""A ZIP archive of an export, as services send it: its members are read one at a time, and never unpacked to a disk."""

from __future__ import annotations

import io
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Any, BinaryIO

from memmux import limits
from memmux.errors import ArgumentInvalidError
from memmux.transfer.formats.base import Skips
from memmux.transfer.formats.basic_memory import EXTENSION, MATTER_BYTES, Note

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAGIC = (b"PK\x03\x04", b"PK\x05\x06")  # the second is an archive without members
MEMBERS = 100_000  # more are no export
UNPACKED_BYTES = 4 << 30  # of all members that are read
_DATA = (".json", ".jsonl")
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError)


class Archive:
    """An archive that is open. What it unpacks to is bounded, whatever it says of itself."""

    def __init__(self, file: BinaryIO) -> None:
        try:
            self._zip = zipfile.ZipFile(file)
        except (*_BROKEN, UnicodeDecodeError) as error:
            raise ArgumentInvalidError(f"it is no whole ZIP archive: {error}; get it again") from None
        self._members = [member for member in self._zip.infolist() if not member.is_dir()]
        if len(self._members) > MEMBERS:
            raise ArgumentInvalidError(f"the archive has {len(self._members)} members, the most is {MEMBERS}")
        self._left = UNPACKED_BYTES

    @property
    def data(self) -> list[str]:
        """The names of the members that may hold memories or conversations."""
        return sorted(member.filename for member in self._members if member.filename.lower().endswith(_DATA))

    @property
    def notes(self) -> list[str]:
        """The names of the members that may be notes."""
        return sorted(
            member.filename
            for member in self._members
            if member.filename.lower().endswith(EXTENSION)
            and not any(part.startswith(".") for part in PurePosixPath(member.filename).parts)
        )

    @property
    def others(self) -> int:
        """How many members are neither."""
        return len(self._members) - len(self.data) - len(self.notes)

    @contextmanager
    def open(self, name: str) -> Iterator[io.BufferedReader[Any]]:
        """Open a member for reading; raise ArgumentInvalidError once all together unpack to too much, or are broken."""
        try:
            member = self._zip.open(name)
        except _BROKEN as error:
            raise _unreadable(name, error) from None
        with member, io.BufferedReader(_Bounded(self, name, member)) as reader:
            yield reader

    def read_notes(self, skips: Skips) -> Iterator[Note]:
        """Yield the members that are notes."""
        most = limits.CONTENT_BYTES + MATTER_BYTES
        for name in self.notes:
            with self.open(name) as opened:
                data = opened.read(most + 1)
            if len(data) > most:
                skips.add(f"a note of more than {limits.CONTENT_BYTES} bytes, the most", name)
                continue
            written = (*self._zip.getinfo(name).date_time, 0, 0, -1)
            yield Note(name, data, time.mktime(written))

    def spend(self, count: int) -> None:
        """Count what was unpacked; raise ArgumentInvalidError if that is too much."""
        self._left -= count
        if self._left < 0:
            raise ArgumentInvalidError(f"the archive unpacks to more than {UNPACKED_BYTES} bytes, the most; unpack it")


class _Bounded(io.RawIOBase):
    """A member whose bytes are counted while they come."""

    def __init__(self, archive: Archive, name: str, member: IO[bytes]) -> None:
        self._archive = archive
        self._name = name
        self._member = member

    def readable(self) -> bool:
        """Return whether it can be read."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read as much as there is room for."""
        view = memoryview(buffer).cast("B")
        try:
            data = self._member.read(len(view))
        except _BROKEN as error:
            raise _unreadable(self._name, error) from None
        self._archive.spend(len(data))
        view[: len(data)] = data
        return len(data)


def _unreadable(name: str, error: Exception) -> ArgumentInvalidError:
    return ArgumentInvalidError(f"{name} of the archive can't be read: {error}; get it again, without a password")
