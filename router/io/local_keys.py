"""Local keys: the keys that clients of this machine name, read when the first one does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memmux.config.paths import Places
from memmux.wire.grants import BUILT_IN, Grant

if TYPE_CHECKING:
    from memmux.trust.keyring import Keyring  # imported where it is needed: few clusters have keys


class LocalKeys:
    """The keys of a database, and those that are in no file. keyring: if another listener has it already."""

    def __init__(self, places: Places, keyring: Keyring | None = None) -> None:
        self._places = places
        self._keyring = keyring

    @property
    def serial(self) -> int | None:
        """Which state of the keys is known; None while nobody can have used one."""
        return None if self._keyring is None else self._keyring.keys.serial

    def refresh(self) -> None:
        """Look whether the file has changed."""
        if self._keyring is not None:
            self._keyring.refresh()

    def grant_of(self, name: str) -> Grant:
        """Return what the key of that name allows now; raise KeyRefusedError, or KeyFileError."""
        if name in BUILT_IN:
            return BUILT_IN[name]
        if self._keyring is None:
            from router.io import auth

            self._keyring = auth.keyring(self._places)
        return self._keyring.grant_of(name)
