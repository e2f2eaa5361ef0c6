"""The members of a ZIP archive, as docx and EPUB are; what they unpack to is bounded, whatever they say."""

from __future__ import annotations

import io
import zipfile
from xml.parsers import expat

from memmux import limits
from memmux.errors import ArgumentInvalidError
from memmux.ingest.formats.base import unreadable


class Archive:
    """An archive that is open; what: the format's name, for errors."""

    def __init__(self, data: bytes, what: str) -> None:
        self._what = what
        self._left = limits.INGEST_UNPACKED_BYTES
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
            self.names = frozenset(self._zip.namelist())
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, UnicodeDecodeError) as error:
            raise ArgumentInvalidError(
                f"it is no {what}, or it is encrypted or broken: {error}; save it again, without a password"
            ) from None

    def member(self, name: str) -> bytes:
        """Return a member; raise ArgumentInvalidError if it can't be read, or all together unpack to too much."""
        try:
            with self._zip.open(name) as opened:
                data = opened.read(self._left + 1)
        except KeyError:
            raise ArgumentInvalidError(f"it is no {self._what}: it has no {name}") from None
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - three packers may fail in any way
            raise unreadable(self._what, error) from None
        self._left -= len(data)
        if self._left < 0:
            raise ArgumentInvalidError(f"it unpacks to more than {limits.INGEST_UNPACKED_BYTES} bytes, the most")
        return data

    def parse(self, name: str, parser: expat.XMLParserType) -> None:
        """Give a member, which is XML, to a parser; raise ArgumentInvalidError if it can't be read."""
        parser.EntityDeclHandler = self._refuse  # an entity may be made of others, and these of others
        parser.buffer_text = True
        try:
            parser.Parse(self.member(name), True)  # noqa: FBT003 - it takes no keywords
        except expat.ExpatError as error:
            raise unreadable(self._what, error) from None

    def _refuse(self, *_: object) -> None:
        raise ArgumentInvalidError(f"it is no {self._what} that is read: its XML declares entities")


def xml_parser() -> expat.XMLParserType:
    """Return a parser that gives names as `namespace local`."""
    return expat.ParserCreate(namespace_separator=" ")


def local(name: str) -> str:
    """Return a name without its namespace."""
    return name.rpartition(" ")[2]
