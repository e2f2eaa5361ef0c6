"""A small memory with a past, as it is after an import from mcp-memory-service, for tests of what it is asked."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from memmux import Client
from memmux.config.loader import load
from tests.integration.helpers import status_until
from tests.zones import zone_at

PORT = "The staging database listens on port 5433."
PARROT = "The parrot lives in Antwerp."
KETTLE = "The kettle is from 1931."
GONE = [f"Number {number} is to be deleted." for number in range(6)]
HASH = {content: f"{number:064x}" for number, content in enumerate((PORT, PARROT, KETTLE, *GONE), 1)}
"""What mcp-memory-service called each memory; opaque."""


ZONE = zone_at(12)
"""The time zone of who asks: no day ends there while the tests run."""


def noon(days_ago: int) -> datetime:
    """Noon of a date in that zone, in UTC."""
    return (datetime.now(ZoneInfo(ZONE)) - timedelta(days=days_ago)).replace(hour=12, minute=0).astimezone(UTC)


def day(days_ago: int) -> str:
    """A date in that zone."""
    return noon(days_ago).astimezone(ZoneInfo(ZONE)).date().isoformat()


def line(content: str, days_ago: int, tags: list[str], links: Mapping[str, str], **fields: Any) -> dict[str, Any]:
    """A memory as a dump has it, with an id of its own; links: to other contents, with their relation."""
    return _line(uuid.uuid4(), content, days_ago, tags, links, **fields)


def _line(
    world: uuid.UUID, content: str, days_ago: int, tags: list[str], links: Mapping[str, str], **fields: Any
) -> dict[str, Any]:
    def named(one: str) -> str:
        return str(uuid.uuid5(world, HASH[one]))

    at = noon(days_ago).timestamp()
    ends = [
        {
            "target": named(target),
            "relation": relation,
            "similarity": 0.8,
            "types": ["semantic"],
            "metadata": {},
            "created_at": at,
        }
        for target, relation in links.items()
    ]
    known = {"id": named(content), "content": content, "namespace": "default", "type": None, "tags": tags}
    known |= {"metadata": {}, "created_at": at, "updated_at": at, "deleted_at": None, "supersedes": None}
    known |= {"aliases": [HASH[content]]}
    return {**known, **({"links": ends} if ends else {}), **fields}


def fill(env: Mapping[str, str]) -> None:
    """Put the memories into the cluster's database: under new ids, as one that was purged is not loaded again."""
    of_this_world = partial(_line, uuid.uuid4())
    lines = [
        of_this_world(PORT, 1, ["staging", "port"], {PARROT: "related"}, type="fact"),
        of_this_world(PARROT, 40, ["pet"], {KETTLE: "follows"}),
        of_this_world(KETTLE, 400, ["kitchen", "old"], {}, type="note"),
        of_this_world(GONE[0], 2, ["gone-0"], {}),
        of_this_world(GONE[1], 2, ["gone-1"], {}),
        of_this_world(GONE[2], 2, ["gone-2", "more"], {}),
        of_this_world(GONE[3], 2, ["gone-3", "more"], {}),
        of_this_world(GONE[4], 100, ["gone-4"], {}),
        of_this_world(GONE[5], 900, ["gone-5"], {}),
    ]
    with Client(settings=load(environment=env), name="filler") as client:
        loaded = client.load(lines, adopt=True)
        status_until(client, lambda status: status.pending == 0)  # every vector is there
    assert (loaded.created, loaded.problems) == (len(lines), ())
