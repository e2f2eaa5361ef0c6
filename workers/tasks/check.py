"""The check, as a task: `python -P -m workers check [--deep] FLAGS…`, beside a cluster or without one."""

from __future__ import annotations

import time
from collections.abc import Sequence

from memmux.config.settings import Settings
from memmux.errors import NotFoundError
from memmux.logs import log
from workers.storage.records.invariants import Finding
from workers.storage.sqlite.checking import check

DEEP = "--deep"


def run(settings: Settings, arguments: Sequence[str]) -> dict[str, object]:
    """Return the findings; raise StorageError and its kinds, and NotFoundError if there is no database."""
    began = time.monotonic()
    findings = _findings(settings, deep=DEEP in arguments)
    for finding in findings:
        log.get().warning("check_found", code=finding.code, what=finding.what)
    return {"findings": findings, "seconds": round(time.monotonic() - began, 3)}


def _findings(settings: Settings, *, deep: bool) -> list[Finding]:
    """Return those of whichever engine keeps the database."""
    if settings.server is not None:
        from workers.storage.postgres.checking import check as check_of_servers  # only where the driver is there

        return check_of_servers.check(settings.server, deep=deep)
    if not settings.database.exists():
        raise NotFoundError(f"there is no database {settings.database}; name another with --database")
    return check.check(settings.database, deep=deep)
