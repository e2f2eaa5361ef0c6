"""Unadopted: a database of mcp-memory-service that no start adopts any more, as memmux has begun one of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import orjson

from memmux.config import mms_database
from memmux.config.paths import Places
from memmux.config.settings import PREFIX, Settings, begun


def sentence(settings: Settings, environment: Mapping[str, str]) -> str | None:
    """Return what is to be said of the database that a first start would adopt; None where there is nothing to say.

    environment: which `settings` are of. An import leaves no report as an adoption does, so this holds after one, too.
    """
    if settings.remote is not None or settings.server is not None or f"{PREFIX}ADOPT_FROM" in environment:
        return None
    places = Places(settings)
    cwd, home = mms_database.folders()
    find = mms_database.find if settings.database == Settings().database else mms_database.named
    theirs = find(environment, cwd, home)
    if theirs is None or not begun(places.database) or theirs.resolve() == _adopted(places.adoption):
        return None
    return (
        f"{theirs} has memories of mcp-memory-service, which are adopted only where there is no database yet, and "
        f"{places.database} is there; `memmux import {theirs}` brings those that are not in it"
    )


def _adopted(report: Path) -> Path | None:
    """Return which database an adoption's report is of; None where there is no report."""
    try:
        return Path(orjson.loads(report.read_bytes())["source"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
