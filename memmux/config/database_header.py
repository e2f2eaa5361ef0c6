"""The header of a database's file: whether it is one of memmux's. It is read as bytes, so that nothing is touched."""

from __future__ import annotations

from pathlib import Path

from memmux.errors import DatabaseForeignError, StoragePermissionError

APPLICATION_ID = 0x6D6D7578  # "mmux"
_MAGIC = b"SQLite format 3\x00"
_HEADER_BYTES = 100  # of the file format, https://www.sqlite.org/fileformat2.html#the_database_header
_APPLICATION_ID_AT = 68  # offset in the header, 4 bytes, big-endian


def refuse_foreign(database: Path) -> None:
    """Raise DatabaseForeignError unless the file is missing, empty, or ours.

    SQLite, given a foreign database, could already checkpoint or roll back in it.
    """
    try:
        with database.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoragePermissionError(f"{database} can't be read: {error.strerror}") from None
    if header and not is_ours(header):
        raise DatabaseForeignError(
            f"{database} is not a memmux database; name another with MEMMUX_DATABASE. The file was not changed"
        )


def is_sqlite(path: Path) -> bool:
    """Return whether a file is there, can be read, and is a database of SQLite, whoever's it is."""
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def is_ours(header: bytes) -> bool:
    """Return whether the first bytes of a file are those of a database of memmux, or of a backup of one."""
    return header.startswith(_MAGIC) and header[_APPLICATION_ID_AT:][:4] == APPLICATION_ID.to_bytes(4, "big")
