"""Logins: one-time URLs, by which whoever may run `memmux web` on this machine opens the page in a browser.

A code is kept as a file, named by its SHA-256, in the private folder of the sockets. Removing the file is using the
code, which only one of those who try can do.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from contextlib import suppress
from pathlib import Path

from memmux.config.paths import Places, make_private
from memmux.config.settings import Settings
from memmux.errors import of_system
from memmux.files import durable, private

PATH = "/login"
LIVES_S = 300.0
CODE_BYTES = 32
_QUERY = "?code="
_CODE_CHARACTERS = 43  # as `secrets.token_urlsafe` writes so many bytes
_MOST_BYTES = 64  # of what a code's file says


def new_url(settings: Settings, base_url: str) -> str:
    """Return a URL that opens the page of this cluster once, within 5 minutes.

    base_url: scheme, host and port by which the browser reaches it. Raises StoragePermissionError or StorageFullError.
    """
    folder, code = Places(settings).logins, secrets.token_urlsafe(CODE_BYTES)
    make_private(folder.parent.parent)
    make_private(folder.parent)
    make_private(folder)
    now = time.time()
    _remove_expired(folder, now)
    try:
        durable.write(_file_of(folder, code), repr(now + LIVES_S).encode(), sync=False)
    except OSError as error:
        raise of_system(error, f"a one-time URL can't be kept in {folder}") from None
    return f"{base_url.rstrip('/')}{PATH}{_QUERY}{code}"


def waits(places: Places, url: str) -> bool:
    """Return whether nobody has used a URL yet."""
    return _file_of(places.logins, url.partition(_QUERY)[2]).exists()


def take(places: Places, code: str) -> bool:
    """Return whether the code was given out, has not expired and was not used before; it is used from now on."""
    if len(code) != _CODE_CHARACTERS or not code.isascii():
        return False
    file = _file_of(places.logins, code)
    try:
        content = private.read(file)
        file.unlink()  # of those who try at the same time, one can
    except OSError:
        return False
    return time.time() < _until(content)


def _file_of(folder: Path, code: str) -> Path:
    return folder / hashlib.sha256(code.encode()).hexdigest()


def _until(content: bytes) -> float:
    try:
        until = float(content[:_MOST_BYTES])
    except ValueError:
        return 0.0
    return until if until <= time.time() + LIVES_S else 0.0  # the clock was set back


def _remove_expired(folder: Path, now: float) -> None:
    for file in folder.iterdir():
        with suppress(OSError):
            if not now < _until(private.read(file)):
                file.unlink()
