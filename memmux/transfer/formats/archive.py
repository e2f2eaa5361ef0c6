"""A ZIP archive of an export, as services send it: its members are read one at a time, and never unpacked to a disk.

What its directory says is checked before anything is unpacked; a member gives no more bytes than it says there.
"""

from __future__ import annotations

import io
import time
import zipfile
import zlib
from collections.abc import Iterator, Sequence
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
MEMBERS = 100_000  # of any kind; more are no export
_DATA = (".json", ".jsonl")
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError)


class Archive:
    """An archive that is open. Raises ArgumentInvalidError for one that is not whole, or unpacks to too much."""

    def __init__(self, file: BinaryIO) -> None:
        if not file.seekable():
            raise ArgumentInvalidError("name the file: an archive can't be read from standard input")
        try:
            self._zip = zipfile.ZipFile(file)
        except (*_BROKEN, UnicodeDecodeError) as error:
            raise ArgumentInvalidError(f"it is no whole ZIP archive: {error}; get it again") from None
        self._members = [member for member in self._zip.infolist() if not member.is_dir()]
        if len(self._members) > MEMBERS:
            raise ArgumentInvalidError(f"the archive has {len(self._members)} members, the most is {MEMBERS}")
        _refuse_bomb([member for member in self._members if _is_data(member) or _is_note(member)], _size(file))

    @property
    def data(self) -> list[str]:
        """The names of the members that may hold memories or conversations."""
        return sorted(member.filename for member in self._members if _is_data(member))

    @property
    def notes(self) -> list[str]:
        """The names of the members that may be notes."""
        return sorted(member.filename for member in self._members if _is_note(member))

    @property
    def others(self) -> int:
        """How many members are neither."""
        return len(self._members) - len(self.data) - len(self.notes)

    @contextmanager
    def open(self, name: str) -> Iterator[io.BufferedReader[Any]]:
        """Open a member for reading; raise ArgumentInvalidError where it is broken."""
        try:
            member = self._zip.open(name)
        except _BROKEN as error:
            raise _unreadable(name, error) from None
        with member, io.BufferedReader(_Member(name, member)) as reader:
            yield reader

    def read_notes(self, skips: Skips) -> Iterator[Note]:
        """Yield the members that are notes."""
        most = limits.CONTENT_BYTES + MATTER_BYTES
        for name in self.notes:
            try:
                with self.open(name) as opened:
                    data = opened.read(most + 1)
            except ArgumentInvalidError:
                skips.add("a note that is damaged, or has a password", name)
                continue
            if len(data) > most:
                skips.add(f"a note of more than {limits.CONTENT_BYTES} bytes, the most", name)
                continue
            written = (*self._zip.getinfo(name).date_time, 0, 0, -1)
            yield Note(name, data, time.mktime(written))


class _Member(io.RawIOBase):
    """A member, which is named where it can't be read."""

    def __init__(self, name: str, member: IO[bytes]) -> None:
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
        view[: len(data)] = data
        return len(data)


def _is_data(member: zipfile.ZipInfo) -> bool:
    return member.filename.lower().endswith(_DATA)


def _is_note(member: zipfile.ZipInfo) -> bool:
    hidden = any(part.startswith(".") for part in PurePosixPath(member.filename).parts)
    return member.filename.lower().endswith(EXTENSION) and not hidden


def _size(file: BinaryIO) -> int:
    return file.seek(0, io.SEEK_END)


def _refuse_bomb(members: Sequence[zipfile.ZipInfo], size: int) -> None:
    """Raise ArgumentInvalidError if members of an archive of so many bytes are too many, or unpack to too much."""
    if len(members) > limits.IMPORT_MEMBERS:
        raise ArgumentInvalidError(
            f"the archive is too long: {len(members)} members of it would be read, the most is "
            f"{limits.IMPORT_MEMBERS}; unpack it and import the folder, or a part at a time"
        )
    whole, packed = sum(member.file_size for member in members), sum(member.compress_size for member in members)
    if whole > limits.IMPORT_UNPACKED_BYTES:
        raise ArgumentInvalidError(
            f"the archive is too long: it unpacks to more than {limits.IMPORT_UNPACKED_BYTES} bytes, the most "
            f"({whole}); unpack it and import a part at a time"
        )
    parts = [(whole, min(packed, size)), *((member.file_size, member.compress_size) for member in members)]
    for unpacked, held in parts:
        if unpacked > max(limits.IMPORT_RATIO_FROM_BYTES, limits.IMPORT_RATIO * held):
            raise ArgumentInvalidError(
                f"the archive is too long: {held} bytes of it unpack to {unpacked}, more than {limits.IMPORT_RATIO} "
                "times as many, as those of no export do; get it again"
            )


def _unreadable(name: str, error: Exception) -> ArgumentInvalidError:
    return ArgumentInvalidError(f"{name} of the archive can't be read: {error}; get it again, without a password")
