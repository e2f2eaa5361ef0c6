"""Cues: those of questions that count in rankings, as settings and requests list them."""

from __future__ import annotations

from memmux.errors import SettingInvalidError
from memmux.wire.cues import Cue

NONE = "none"


def named(value: object, source: str) -> tuple[Cue, ...]:
    """Return the cues that a setting lists, separated by commas; `none` is no cue.

    Raises SettingInvalidError for one that is not known.
    """
    listed = value if isinstance(value, list | tuple) else str(value).replace(":", ",").split(",")
    given = {str(name).strip().lower() for name in listed} - {"", NONE}
    if unknown := sorted(given.difference(Cue)):
        raise SettingInvalidError(f"{source} names {unknown[0]!r}; the cues are {', '.join(Cue)}, or {NONE}")
    return tuple(cue for cue in Cue if cue in given)
