"""Variables that look like settings and are not read, for one letter that is wrong or missing."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import fields

from memmux.config.settings import PREFIX, Settings


def unread(names: Iterable[str]) -> dict[str, str]:
    """Return, in order, each of these names that begins as a setting's and is none: with what to do about it."""
    known = [*(f"{PREFIX}{field.name.upper()}" for field in fields(Settings)), f"{PREFIX}CONFIG"]
    found = {}
    for name in sorted(name for name in names if name.upper().startswith(PREFIX) and name not in known):
        close = difflib.get_close_matches(name.upper(), known, 1)
        found[name] = f"{close[0]} was meant?" if close else "unset it"
    return found
