"""A small memory with a past, as it is after an import from mcp-memory-service, for tests of what it is asked."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from memmux import Client
from memmux.config.settings import load
from tests.integration.helpers import status_until

PORT = "The staging database listens on port 5433."
PARROT = "The parrot lives in Antwerp."
KETTLE = "The kettle is from 1931."
GONE = [f"Number {number} is to be deleted." for number in range(6)]
HASH = {content: f"{number:064x}" for number, content in enumerate((PORT, PARROT, KETTLE, *GONE), 1)}
"""What mcp-memory-service called each memory; opaque."""


def day(days_ago: int) -> str:
    """A date in the time zone of the tests, UTC."""
    return (datetime.now(UTC) - timedelta(days=days_ago)).date().isoformat()


def noon(days_ago: int) -> float:
    """Noon of that date, in seconds since 1970."""
    return datetime.fromisoformat(f"{day(days_ago)}T12:00:00+00:00").timestamp()


def _id(content: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, HASH[content]))


def line(content: str, days_ago: int, tags: list[str], links: Mapping[str, str], **fields: Any) -> dict[str, Any]:
    """A memory as a dump has it; links: to other contents, with their relation."""
    at = noon(days_ago)
    ends = [
        {
            "target": _id(target),
            "relation": relation,
            "similarity": 0.8,
            "types": ["semantic"],
            "metadata": {},
            "created_at": at,
        }
        for target, relation in links.items()
    ]
    known = {"id": _id(content), "content": content, "namespace": "default", "type": None, "tags": tags, "metadata": {}}
    known |= {"created_at": at, "updated_at": at, "deleted_at": None, "supersedes": None, "aliases": [HASH[content]]}
    return {**known, **({"links": ends} if ends else {}), **fields}


def fill(env: Mapping[str, str]) -> None:
    """Put the memories into the cluster's database."""
    lines = [
        line(PORT, 1, ["staging", "port"], {PARROT: "related"}, type="fact"),
        line(PARROT, 40, ["pet"], {KETTLE: "follows"}),
        line(KETTLE, 400, ["kitchen", "old"], {}, type="note"),
        line(GONE[0], 2, ["gone-0"], {}),
        line(GONE[1], 2, ["gone-1"], {}),
        line(GONE[2], 2, ["gone-2", "more"], {}),
        line(GONE[3], 2, ["gone-3", "more"], {}),
        line(GONE[4], 100, ["gone-4"], {}),
        line(GONE[5], 900, ["gone-5"], {}),
    ]
    with Client(settings=load(environment=env), name="filler") as client:
        loaded = client.load(lines, adopt=True)
        status_until(client, lambda status: status.pending == 0)  # every vector is there
    assert (loaded.created, loaded.problems) == (len(lines), ())
