"""The keyring: the keys of a database as they are now, for a process that lives long."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

from memmux.config.paths import Places
from memmux.errors import KeyFileError
from memmux.files import private
from memmux.trust import keys
from memmux.trust.key import Key
from memmux.trust.keys import Keys
from memmux.wire.grants import Grant

_UNREAD = object()  # no signature equals it


class Keyring:
    """The keys of a database, read anew when their file has changed.

    While the file can't be read or believed no key is valid; it is read again whenever it is looked at, as what was
    wrong may pass without a change of the file. The first reading raises the KeyFileError instead.

    told: called after each further reading with what is wrong, once for each reason, or with nothing. clock: the time,
    in seconds since 1970.
    """

    def __init__(
        self, places: Places, told: Callable[[Keys, str], None], clock: Callable[[], float] = time.time
    ) -> None:
        self._places = places
        self._told = told
        self._clock = clock
        self._read_as: Hashable = None  # what the file was when it was read, whole; _UNREAD if it could not be
        self._wrong = ""
        self.keys = self._read()

    def grant(self, public: str) -> Grant | None:
        """Return what the client with that CURVE key may do now; None if nothing."""
        return self.keys.grant(public, self._clock())

    def grant_of(self, name: str) -> Grant:
        """Return what the key of that name allows now; raise KeyRefusedError."""
        return self.keys.grant_of(name, self._clock())

    def why_not(self, key: Key | None) -> str:
        """Return why a key lets nobody in now; empty while it is valid."""
        return "unknown" if key is None else key.why_not(self._clock())

    def refresh(self) -> bool:
        """Return whether it was read anew, since it has changed or could not be read; `keys` is then what it says."""
        if self._read_as == private.signature(self._places.keys):
            return False
        try:
            self.keys = self._read()
        except KeyFileError as error:
            self.keys = Keys()
            if self._wrong != error.message:
                self._told(self.keys, error.message)
            self._wrong = error.message
        else:
            self._wrong = ""
            self._told(self.keys, "")
        return True

    def _read(self) -> Keys:
        before, self._read_as = private.signature(self._places.keys), _UNREAD
        try:
            found = keys.read(self._places)
        except OSError as error:  # it could be opened, and not be read
            raise KeyFileError(f"{self._places.keys} can't be read: {error.strerror}; it is tried again") from None
        if before is not None and found == Keys():
            raise KeyFileError(f"{self._places.keys} was not there when it was to be read; it is tried again")
        if before == private.signature(self._places.keys):  # else it was changed while it was read
            self._read_as = before
        return found
