"""Backups: those that are kept in the cluster's own folder, and a new one."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from mcp_dealer.http.rest import answers, shapes
from mcp_dealer.http.rest.operation import Asked, Done, Operation
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import LocalOnlyError, NotAllowedError

GROUP: Final = "backups"


async def list_backups(asked: Asked) -> Done:
    """Answer with the backups, by their names: where they are is this machine's own."""
    settings = asked.client.settings
    if asked.caller.grant.limited:
        raise NotAllowedError("backups hold everything: they need the role admin, and a key without namespaces")
    if settings.remote is not None:
        raise LocalOnlyError("the backups are on the machine where the database is; list them there")
    return {"backups": await asyncio.to_thread(_kept, settings)}


def _kept(settings: Settings) -> list[dict[str, Any]]:
    places = Places(settings)
    try:
        found = [file for file in places.backups.iterdir() if places.is_backup(file.name)]
        files = [(file, file.stat()) for file in found]
    except OSError:
        return []
    files.sort(key=lambda one: one[1].st_mtime, reverse=True)
    return [
        {"name": file.name, "bytes": stat.st_size, "made_at": shapes.iso(datetime.fromtimestamp(stat.st_mtime, UTC))}
        for file, stat in files
    ]


async def make(asked: Asked) -> Done:
    """Make a backup, and answer once it is checked."""
    made = await asked.client.backup(key=asked.key())
    return {
        "name": Path(made.path).name,
        "bytes": made.bytes,
        "memories": made.memories,
        "seq": made.seq,
        "seconds": made.seconds,
    }


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/api/backups",
        name="list_backups",
        group=GROUP,
        summary="The backups that are kept, newest first, for the role admin",
        does=list_backups,
        gives=answers.Backups,
    ),
    Operation(
        method="POST",
        path="/api/backups",
        name="make_backup",
        group=GROUP,
        summary="Make a backup while the cluster serves, and check it; for the role admin",
        does=make,
        gives=answers.BackupMade,
        writes=True,
    ),
)
