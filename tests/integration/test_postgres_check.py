"""The check of a database on PostgreSQL, by the command, beside a cluster and without one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg

from memmux import Client
from memmux.config.loader import load
from tests import commands
from tests.conftest import stop_cluster
from tests.integration.helpers import complete, status_until


def test_what_was_damaged_is_found_and_repaired_through_the_cluster(
    settings_env: dict[str, str], own_url: str, short_tmp: Path
) -> None:
    env = {**settings_env, "MEMMUX_DATABASE": own_url, "XDG_DATA_HOME": str(short_tmp / "homes")}
    settings = load(environment=env)

    def check(*options: str) -> tuple[int, Any]:
        ended = commands.run(["check", "--json", *options], env, cwd=short_tmp)
        return ended.returncode, json.loads(ended.stdout or ended.stderr)

    assert check()[1]["error"]["code"] == "database_missing"
    with Client(settings=settings, name="test") as client:
        for number in range(5):
            client.store(f"memory number {number}")
        status_until(client, lambda status: complete(status) and not status.pending)
        code, found = check("--deep")
        assert (code, found["clean"], found["findings"]) == (0, True, [])
    stop_cluster(settings)
    with psycopg.connect(own_url, autocommit=True) as other:
        other.execute("DELETE FROM postings")
        other.execute("UPDATE vectors SET start = 1 WHERE id = 1")
    code, found = check()
    assert code == 1
    assert {finding["code"] for finding in found["findings"]} == {"fulltext_stale", "vectors_wrong"}
    code, found = check("--repair", "--deep")
    assert (code, found["findings"], found["rebuilt"]["dropped"]) == (0, [], 1)
    with Client(settings=settings, name="test") as client:
        assert len(client.search("memory", mode="keyword", limit=10)) == 5
        assert status_until(client, lambda status: status.pending == 0).memories == 5
    said = commands.text(commands.run(["check"], env, cwd=short_tmp)).stdout
    assert "nothing is wrong" in said
    assert "pg_amcheck --install-missing" in said
