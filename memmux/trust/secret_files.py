"""Secret files: the keys of clients and clusters, not believed when others may have read them."""

from __future__ import annotations

from pathlib import Path

from memmux.errors import KeyFileError, of_system
from memmux.files import durable, private


def read(path: Path) -> bytes:
    """Return the content of a file that only this user may open; links are followed.

    Raises FileNotFoundError if there is none, and KeyFileError, which says the remedy, if it is not private.
    """
    try:
        return private.read(path, secret=True, follow=True)
    except FileNotFoundError:
        raise
    except private.NotPrivateError as error:
        raise KeyFileError(error.message) from None
    except OSError as error:
        raise KeyFileError(f"{path} can't be read: {error.strerror}; give yourself permission to read it") from None


def write(path: Path, content: bytes, mode: int = private.FILE) -> None:
    """Put `content` in the place of the file, durably; links are followed.

    Raises StorageFullError or StoragePermissionError.
    """
    try:
        durable.write(path.resolve(), content, mode=mode)
    except OSError as error:
        raise of_system(error, f"{path} can't be written") from None
