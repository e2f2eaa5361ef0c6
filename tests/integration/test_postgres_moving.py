"""Moving between the engines: a database of SQLite goes to PostgreSQL, and comes back, with all that a memory has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from memmux import Client
from memmux.config.loader import load
from tests import commands
from tests.conftest import stop_cluster
from tests.integration.helpers import complete, status_until

LINK = {"relation": "cites", "similarity": 0.5, "types": ["kind"], "metadata": {"k": 1}, "created_at": 2.5}


def _dump(env: dict[str, str]) -> list[dict[str, Any]]:
    """Return all memories of a cluster, with their vectors, and stop it."""
    settings = load(environment=env)
    with Client(settings=settings, name="test") as client:
        page = client.dump(vectors=True)
    stop_cluster(settings)
    assert page.next is None
    return sorted(page.memories, key=lambda memory: str(memory["id"]))


def _said(env: dict[str, str], *command: str, code: int = 0) -> Any:
    ended = commands.text(commands.run([*command, "--json"], env))
    assert ended.returncode == code, ended.stdout + ended.stderr
    return json.loads(ended.stdout)


def test_a_database_moves_to_postgresql_and_back_and_only_nul_stays(
    settings_env: dict[str, str], own_url: str, short_tmp: Path
) -> None:
    first = short_tmp / "first.db"
    here = {**settings_env, "MEMMUX_DATABASE": str(first)}
    settings = load(environment=here)
    with Client(settings=settings, name="test") as client:
        old = client.store("the old one", tags=["Ünï", "b"], metadata={"b": 1.50, "a": [None, "x"]}, thread="talk")
        kept = client.update(old.id, content="the new one", versioned=True)
        gone = client.store("to be deleted", namespace="other place")
        client.delete(gone.id, namespace="other place")
        client.store("with \0 inside")
        (line,) = [memory for memory in client.dump(vectors=True).memories if memory["id"] == kept.id]
        for name in ("content_hash", "vectors", "thread", "place", "supersedes"):
            line.pop(name, None)
        linked = {**line, "id": "linked", "content": "points at it", "links": [{"target": kept.id, **LINK}]}
        assert client.load([linked]).created == 1
        status_until(client, lambda status: complete(status) and not status.pending)
    before = [memory for memory in _dump(here) if "\0" not in memory["content"]]
    assert [bool(memory.get("vectors")) for memory in before if memory["deleted_at"] is None] == [True] * 3

    there = {**settings_env, "MEMMUX_DATABASE": own_url, "XDG_DATA_HOME": str(short_tmp / "homes")}
    imported = _said(there, "import", str(first), code=1)
    assert (imported["created"], imported["broken"]) == (4, 1)
    (problem,) = imported["problems"]
    assert "NUL" in problem["message"]
    assert _said(there, "import", str(first), code=1)["skipped"] == 4

    second = short_tmp / "second.db"
    assert _said(there, "export", "--to", str(second)) == {"path": str(second), "count": 4, "deleted": 1}
    assert _dump(there) == before
    assert _dump({**settings_env, "MEMMUX_DATABASE": str(second)}) == before
    refused = commands.text(commands.run(["export", "--to", str(second)], there))
    assert "is there already" in refused.stderr
    assert [path.name for path in short_tmp.iterdir() if "memmux-" in path.name] == []
    stop_cluster(load(environment=there))


def test_an_export_goes_to_one_place(settings_env: dict[str, str]) -> None:
    for asked in ([], ["a.jsonl", "--to", "b.db"]):
        assert "name either a FILE" in commands.text(commands.run(["export", *asked], settings_env)).stderr
