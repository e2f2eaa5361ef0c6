"""Named keys: what a local client may do that names a key in its HELLO, and so lowers its own rights to that key's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from memmux.errors import KeyRefusedError, MalformedMessageError
from memmux.wire.grants import BUILT_IN, Grant


class NamedKeys(Protocol):
    """The keys that a local client may name, as they were when they were last looked at."""

    def refresh(self) -> None:
        """Look at them."""

    def grant_of(self, name: str) -> Grant:
        """Return what the key of that name allows; raise KeyRefusedError, or KeyFileError."""


class BuiltInKeys:
    """Those that are in no file."""

    def refresh(self) -> None:
        """Look at what never changes."""

    def grant_of(self, name: str) -> Grant:
        """Return what the key of that name allows; raise KeyRefusedError."""
        if name not in BUILT_IN:
            raise KeyRefusedError
        return BUILT_IN[name]


def named_in(detail: Mapping[str, object]) -> str:
    """Return the key that the detail of a HELLO names; empty if it names none. Raises MalformedMessageError."""
    name = detail.get("key", "")
    if not isinstance(name, str):  # who asks for fewer rights and is not understood does not get more
        raise MalformedMessageError("HELLO gives a 'key' that is no name of one")
    return name
