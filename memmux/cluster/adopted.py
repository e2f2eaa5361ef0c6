"""The end of an adoption: what is said of it to whoever started the cluster that made it."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from memmux.config.paths import Places
from memmux.mms.report import Report


def told(places: Places, since: float) -> Sequence[str]:
    """Return the counts of an adoption that was made since a time, in seconds since 1970; nothing where none was."""
    try:
        report = Report.from_json(orjson.loads(places.adoption.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError):
        return ()
    if report.at < since:
        return ()
    held, became, *odd = report.lines()
    more = "; what was odd" if odd else ""
    return (f"adopted {held}", f"{became}; that file was only read{more}: {places.adoption}")
