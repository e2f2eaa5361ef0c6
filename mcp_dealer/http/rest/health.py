"""Health: that it lives, for anybody; and the state of the cluster, for who may know it."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from mcp_dealer.http.rest import answers, shapes
from mcp_dealer.http.rest.operation import Asked, Done, Operation
from memmux.wire.answers import Status

GROUP: Final = "health"
MIB: Final = 1 << 20


async def health(_: Asked) -> Done:
    """Answer that it lives."""
    return {"status": "healthy"}


async def detailed(asked: Asked) -> Done:
    """Answer with the state of the cluster as the hooks of mcp-memory-service read it."""
    client = asked.client
    status = await client.status()
    tags = await client.tags(limit=1, namespace=None)
    memories = status.memories
    if memories is None:
        memories = (await client.list(limit=1, namespace=None)).total
    size = None if asked.caller.grant.limited else _size_mb(asked)
    figures = {"total_memories": memories, "unique_tags": tags.total, "database_size_mb": size}
    storage = {
        "backend": "memmux",
        "status": "connected",
        "accessible": True,
        "embedding_model": status.model,
        **figures,
    }
    return {
        "status": "degraded" if status.degraded else "healthy",
        "version": status.version,
        "timestamp": shapes.iso(datetime.now(UTC)),
        "uptime_seconds": status.uptime_s,
        "storage": storage,
        "system": {},
        "performance": {"uptime_seconds": status.uptime_s},
        "statistics": {**figures, "backend": "memmux"},
        "degraded": status.degraded,
    }


def _size_mb(asked: Asked) -> float | None:
    with suppress(OSError):
        return round(asked.client.settings.database.stat().st_size / MIB, 2)
    return None


async def status(asked: Asked) -> Done:
    """Answer with the state of the cluster."""
    return document(await asked.client.status())


def document(state: Status) -> dict[str, Any]:
    """Return a status as JSON has it."""
    found: dict[str, Any] = orjson.loads(orjson.dumps(state))
    return found


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/api/health",
        name="health",
        group=GROUP,
        summary="Whether it lives; needs no token",
        does=health,
        gives=answers.Health,
        opens=True,
    ),
    Operation(
        method="GET",
        path="/api/health/detailed",
        name="detailed_health",
        group=GROUP,
        summary="The state of the cluster, in the shape of mcp-memory-service",
        does=detailed,
        gives=answers.DetailedHealth,
    ),
    Operation(
        method="GET",
        path="/api/status",
        name="status",
        group=GROUP,
        summary="The state of the cluster, its workers and its clients",
        does=status,
        gives=answers.Status,
    ),
)
