"""The check beside a cluster and without one; what a damaged database can still serve."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from memmux import Client
from memmux.config.settings import Settings
from memmux.errors import DatabaseCorruptError
from tests import commands
from tests.bounds import BOUND_S
from tests.integration.helpers import status_until

Check = Callable[..., tuple[int, Any]]
PAGE = 4096


@pytest.fixture
def check(settings_env: dict[str, str], short_tmp: Path) -> Check:
    """Run `memmux check --json`; return the exit code and the answer."""

    def run(*options: str) -> tuple[int, Any]:
        ended = commands.run(["check", "--json", *options], settings_env, cwd=short_tmp)
        return ended.returncode, json.loads(ended.stdout or ended.stderr)

    return run


@pytest.fixture
def filled(client: Client) -> Client:
    for number in range(60):
        client.store(f"memory number {number} " + "of the sea " * 100)
    status_until(client, lambda status: status.pending == 0)
    return client


def sql(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    with closing(apsw.Connection(str(settings.database))) as connection:
        return connection.execute(query).fetchall()


def spoil(settings: Settings, pages: list[int]) -> None:
    with settings.database.open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * PAGE)
            file.write(b"\xa5" * PAGE)


def leaves(settings: Settings, table: str) -> list[int]:
    """The pages with a table's rows."""
    query = "SELECT name, pageno FROM dbstat WHERE pagetype = 'leaf' ORDER BY pageno"
    return [page for name, page in sql(settings, query) if name == table]


def test_a_database_in_use_is_checked_without_disturbing_it(filled: Client, check: Check) -> None:
    for options in ((), ("--deep",)):
        code, found = check(*options)
        assert (code, found["clean"], found["findings"]) == (0, True, [])
    assert filled.store("after the check").status == "created"
    assert filled.verify().drifted == 0


def test_broken_views_are_repaired_through_the_cluster(filled: Client, check: Check, settings: Settings) -> None:
    filled.stop()
    sql(settings, "UPDATE meta SET value = 3 WHERE key = 'memories'")
    sql(settings, "INSERT INTO texts (texts) VALUES ('delete-all')")
    sql(settings, "UPDATE vectors SET start = 1 WHERE id = 1")
    code, found = check()
    assert code == 1
    assert {finding["code"] for finding in found["findings"]} == {"counter_wrong", "fulltext_stale", "vectors_wrong"}
    code, found = check("--repair", "--deep")
    assert (code, found["findings"]) == (0, [])
    assert found["rebuilt"]["texts"] == 60
    assert found["rebuilt"]["dropped"] == 1
    assert len(filled.search("memory", mode="keyword", limit=100)) == 60
    assert status_until(filled, lambda status: status.pending == 0).memories == 60
    assert check("--deep")[0] == 0


def test_a_cluster_on_a_damaged_database_serves_what_it_can_and_says_so(
    filled: Client, check: Check, settings: Settings
) -> None:
    made = filled.backup()
    first, last = filled.list(limit=1, offset=59)[0], filled.list(limit=1)[0]
    filled.stop()
    spoil(settings, leaves(settings, "meta"))  # which writers read at their start, and readers seldom
    code, found = check()
    assert code == 1
    assert {finding["code"] for finding in found["findings"]} == {"database_corrupt"}
    assert "memmux restore" in found["findings"][0]["remedy"]
    assert filled.get(first.id).content == first.content
    assert filled.get(last.id).content == last.content
    with pytest.raises(DatabaseCorruptError, match="restore"):
        filled.store("this must not be written")
    assert status_until(filled, lambda status: "database_corrupt" in status.degraded).state == "degraded"
    filled.stop()
    command = [sys.executable, "-P", "-m", "workers", "restore", "--newest", *settings.flags()]
    done = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=BOUND_S).stdout)
    assert done["restored"] == made.path
    assert filled.store("and now it is").status == "created"
    assert "database_corrupt" not in filled.status().degraded


def test_a_writer_that_meets_damage_in_its_work_stops_writing(filled: Client, check: Check, settings: Settings) -> None:
    filled.stop()
    spoil(settings, leaves(settings, "memory_tags"))
    # What is stored before there is an embedder is changed once more, for its vector.
    status_until(filled, lambda status: any((w["kind"], w["state"]) == ("embed", "ready") for w in status.workers))
    before = filled.store("as long as it is not met").seq
    with pytest.raises(DatabaseCorruptError):
        filled.store("this meets it", tags=("a",))
    with pytest.raises(DatabaseCorruptError):
        filled.store("and none after that")
    assert filled.status().seq == before
    assert "database_corrupt" in filled.status().degraded
    assert check()[0] == 1


def test_there_is_nothing_to_check_without_a_database(check: Check) -> None:
    code, said = check()
    assert (code, said["error"]["code"]) == (1, "not_found")
