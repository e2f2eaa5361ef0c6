"""Standard input, output and error, as a process of ours finds them: each may be missing."""

from __future__ import annotations

import os

_MISSING = (os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)
"""How nothing is opened in the place of each: an output that can't be written fails, and messages go nowhere."""


def open_missing() -> None:
    """Open nothing in the place of each that was closed, before its number is given to a file or a connection."""
    for number, flags in enumerate(_MISSING):
        try:
            os.fstat(number)
        except OSError:
            try:
                os.set_inheritable(os.open(os.devnull, flags), True)  # noqa: FBT003 - a name is not taken; it has that number
            except OSError:
                return  # no file can be opened, so none gets the number either
