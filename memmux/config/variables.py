"""Variables that look like settings and are not read, for one letter that is wrong or missing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields

from memmux.config.settings import PREFIX, Settings


def unread(names: Iterable[str]) -> dict[str, str]:
    """Return, in order, each of these names that begins as a setting's and is none: with what to do about it."""
    known = [*(f"{PREFIX}{field.name.upper()}" for field in fields(Settings)), f"{PREFIX}CONFIG"]
    found = {}
    for name in sorted(name for name in names if name.upper().startswith(PREFIX) and name not in known):
        close = _close(name.upper(), known, 0.6)
        found[name] = f"{close[0]} was meant?" if close else "unset it"
    return found


def misspelt(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that are not read and look like one that is, with that one."""
    known = {known.name.upper() for known in fields(Settings)} | {"CONFIG"}
    found: dict[str, str] = {}
    for name in environment:
        bare = name.upper().removeprefix(PREFIX)
        if bare == name.upper() or name.removeprefix(PREFIX) in known:
            continue
        close = [bare] if bare in known else _close(bare, known, 0.75)
        if close:
            found[name] = f"{PREFIX}{close[0]}"
    return found


def _close(name: str, known: Collection[str], least: float) -> list[str]:
    """Return the one of the known names that looks most like it, if its likeness of 0 to 1 is so large at least."""
    from difflib import get_close_matches  # few need it

    return get_close_matches(name, known, 1, least)
