"""Adoption of databases of mcp-memory-service, and the way back, with real processes."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from memmux import Client
from memmux.config.loader import load
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import AdoptionFailedError
from memmux.mms import source as sources
from tests import commands, legacy_files
from tests.bounds import BOUND_S, pause
from tests.conftest import stop_cluster
from tests.integration.helpers import status_until
from tests.legacy_files import add, made, theirs, unit

WRITER = Path(__file__).with_name("legacy_writer.py")
ROOT = Path(__file__).parents[2]
TRIES = 5
Memmux = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def memmux(settings_env: dict[str, str], short_tmp: Path) -> Memmux:
    """Run `memmux` with these arguments to its end."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
        return commands.run(arguments, {**settings_env, **variables}, cwd=short_tmp)

    return run


@contextmanager
def adopting(env: dict[str, str], path: Path) -> Iterator[Client]:
    """A client of the throwaway cluster, whose first start adopts a file."""
    with Client(settings=load({"adopt_from": path}, env), name="test") as client:
        yield client


def many(path: Path, count: int) -> Path:
    """A database with so many memories."""
    made(path)
    with closing(sqlite3.connect(path)) as connection:
        for number in range(count):
            add(connection, f"memory {number}", unit(number))
        connection.commit()
    return path


def contents(client: Client) -> set[str]:
    found: set[str] = set()
    after: int | None = 0
    while after is not None:
        page = client.dump(after=after)
        found |= {memory["content"] for memory in page.memories}
        after = page.next
    return found


def test_what_12_4_answers_is_answered_after_the_adoption(model_env: dict[str, str], short_tmp: Path) -> None:
    path = legacy_files.unpacked("12.4.0", short_tmp)
    with adopting(model_env, path) as client:
        status_until(client, lambda status: status.model is not None and not status.pending and not status.unaudited)
        for asked in legacy_files.expected()["retrieve"]:
            kwargs = asked["kwargs"]
            found = client.search(
                kwargs["query"],
                mode="semantic",
                limit=kwargs["n_results"],
                tags=kwargs.get("tags", ()),
                any_tag=True,
                namespace=kwargs.get("store", "default"),  # null: all of them
                include_superseded=kwargs.get("include_superseded", False),
            )
            assert found.degraded == ()
            wanted = [(one["content_hash"], one["relevance_score"]) for one in asked["result"]]
            assert [hit.memory.aliases for hit in found] == [(name,) for name, _ in wanted], kwargs
            assert [(1 + hit.score) / 2 for hit in found] == pytest.approx([score for _, score in wanted], abs=1e-4)
        assert client.get(asked["result"][0]["content_hash"]).id == found[0].memory.id


def test_vectors_that_the_model_did_not_make_are_made_anew(model_env: dict[str, str], short_tmp: Path) -> None:
    path = many(short_tmp / "theirs.db", 40)
    with adopting(model_env, path) as client:
        status_until(client, lambda status: not status.pending and not status.unaudited)
        (hit,) = client.search("memory 7", mode="semantic", limit=1)
        assert (hit.memory.content, round(hit.score, 3)) == ("memory 7", 1.0)


def test_nothing_that_was_committed_is_lost_while_another_process_writes(
    settings_env: dict[str, str], short_tmp: Path, memmux: Memmux
) -> None:
    path = many(short_tmp / "theirs.db", 500)
    command = [sys.executable, str(WRITER), str(path), "400"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        committed = 0
        while committed < 50:
            committed = int(writer.stdout.readline())
        with adopting(settings_env, path) as client:
            adopted = contents(client)
            assert {f"memory {number}" for number in range(500)} <= adopted
            assert {f"written {number}" for number in range(committed + 1)} <= adopted
            writer.stdout.read()
            assert writer.wait(BOUND_S) == 0
            first = json.loads(memmux("import", str(path), "--json").stdout)
            assert first["outcome"]["created"] == 900 - len(adopted)
            assert len(contents(client)) == 900
    again = json.loads(memmux("import", str(path), "--json").stdout)
    assert (again["outcome"]["skipped"], again["outcome"]["created"]) == (900, 0)


def _writer_of(database: Path) -> int | None:
    """The pid of the write worker of a database."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = folder.joinpath("cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if "workers" in line and "write" in line and f"--database={database}" in line:
            return int(folder.name)
    return None


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the process in /proc")
def test_an_adoption_that_is_killed_half_way_starts_over(settings_env: dict[str, str], short_tmp: Path) -> None:
    path = many(short_tmp / "theirs.db", 3000)
    before = path.read_bytes()
    settings = load({"adopt_from": path}, settings_env)
    places = Places(settings)
    killed: list[int] = []

    def kill(over: threading.Event) -> None:
        while not over.is_set() and not killed:
            if places.adopting.joinpath("memories.db").exists() and (pid := _writer_of(settings.database)):
                with suppress(ProcessLookupError):  # it has ended meanwhile
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)
            pause()

    for _ in range(TRIES):  # to see it half-way, on a machine that stands still now and then
        over = threading.Event()
        killer = threading.Thread(target=kill, args=(over,))
        killer.start()
        try:
            with Client(settings=settings, name="test") as client:
                assert client.status().memories == 3000
                assert client.list(limit=1)[0].aliases
        finally:
            over.set()
            killer.join(BOUND_S)
        if killed:
            break
        stop_cluster(settings)
        shutil.rmtree(settings.database.parent)
    assert len(killed) == 1
    assert not places.adopting.exists()
    assert path.read_bytes() == before


def test_a_file_that_can_not_be_adopted_keeps_the_cluster_from_starting_and_says_the_way_out(
    settings_env: dict[str, str], short_tmp: Path, memmux: Memmux
) -> None:
    letter = short_tmp / "letter.db"
    letter.write_text("Dear Sir or Madam")
    with adopting(settings_env, letter) as client, pytest.raises(AdoptionFailedError, match="MEMMUX_ADOPT_FROM=none"):
        client.status()
    failed = memmux("list", MEMMUX_ADOPT_FROM=str(letter))
    assert failed.returncode == 1
    assert b"adoption_failed" in failed.stderr
    assert memmux("store", "x", MEMMUX_ADOPT_FROM="none").returncode == 0


def test_a_terminal_sees_how_far_an_adoption_is(settings_env: dict[str, str], short_tmp: Path) -> None:
    path = many(short_tmp / "theirs.db", 25_000)
    main, terminal = pty.openpty()
    command = [sys.executable, "-P", "-m", "memmux", "list", "--limit", "1"]
    env = {**settings_env, "MEMMUX_ADOPT_FROM": str(path)}
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=terminal) as listing:
        os.close(terminal)
        seen = b""
        with suppress(OSError):  # the terminal's other end was closed
            while part := os.read(main, 1 << 16):
                seen += part
        assert listing.wait(BOUND_S) == 0
    os.close(main)
    assert b"adopting" in seen


def test_their_variable_is_enough_and_the_doctor_says_what_came_of_it(memmux: Memmux, short_tmp: Path) -> None:
    path = legacy_files.unpacked("10.59.0", short_tmp)
    variables = {
        "MCP_MEMORY_SQLITE_PATH": path.name,  # relative to the working directory of the client
        "MCP_SEMANTIC_DEDUP_ENABLED": "true",
        "LOG_LEVEL": "WARNING",
    }
    listed = json.loads(memmux("list", "--json", **variables).stdout)
    assert {memory["content"] for memory in listed["memories"]} >= {"First old memory about trains"}
    found = json.loads(memmux("doctor", "--json", **variables).stdout)["findings"]
    told = [(one["name"], one["level"], one["text"]) for one in found if one["name"] in ("adoption", "mcp-memory")]
    assert any(name == "adoption" and "4 memories" in text and str(path) in text for name, _, text in told)
    assert any(level == "warning" and "MCP_SEMANTIC_DEDUP_ENABLED" in text for _, level, text in told)
    assert any(level == "ok" and "LOG_LEVEL" in text for _, level, text in told)


def test_an_import_brings_what_changed_there_and_leaves_what_changed_here(memmux: Memmux, short_tmp: Path) -> None:
    path = legacy_files.unpacked("8.24.0", short_tmp)
    first = json.loads(memmux("import", path.name, "--json").stdout)
    assert first["outcome"]["created"] == 3
    trains, baker = legacy_files.TRAINS, legacy_files.BAKER
    memmux("update", trains, "--type", "ours")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE memories SET tags = 'changed', updated_at = 1800000000")
        add(connection, "new there")
        connection.commit()
    second = memmux("import", path.name)
    assert second.returncode == 0
    assert b"1 created, 2 updated, 1 conflict" in second.stdout
    assert json.loads(memmux("get", baker, "--json").stdout)["tags"] == ["changed"]
    assert json.loads(memmux("get", trains, "--json").stdout)["type"] == "ours"


def test_their_export_is_imported_and_a_database_of_theirs_exported(memmux: Memmux, short_tmp: Path) -> None:
    memory = {"content": "From there", "tags": ["a"], "created_at": 1.5, "updated_at": 2.5, "metadata": {"k": [1]}}
    export = {"export_metadata": {"exporter_version": "5.0.1"}, "memories": [memory, {"content": ""}]}
    (short_tmp / "export.json").write_text(json.dumps(export, indent=1))
    imported = memmux("import", "export.json", "--json")
    assert imported.returncode == 1  # one is no memory
    assert json.loads(imported.stdout)["odd"] == {"content_empty": 1}
    memmux("store", "From here", "--tag", "b")
    done = json.loads(memmux("export", "--format", "mcp-memory-service", "back.db", "--json").stdout)
    assert (done["count"], done["path"]) == (2, str((short_tmp / "back.db").resolve()))
    with sources.of_database(short_tmp / "back.db", None) as source:
        lines: list[dict[str, Any]] = [line for batch in source.batches() for line in batch]
    assert [(line["content"], line["tags"], line["aliases"]) for line in lines] == [
        ("From there", ["a"], [theirs("From there")]),
        ("From here", ["b"], [theirs("From here")]),
    ]
    again = memmux("export", "--format", "mcp-memory-service", "back.db")
    assert (again.returncode, b"there already" in again.stderr) == (2, True)
    assert memmux("export", "--format", "mcp-memory-service", "-").returncode == 2
    assert memmux("import", "back.db").returncode == 0


def test_the_settings_of_a_test_adopt_nothing_by_accident(settings: Settings) -> None:
    assert settings.adopt_from is None
