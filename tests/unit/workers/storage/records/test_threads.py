"""Which thread metadata name, and which memories are of one run."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

from memmux import limits
from tests.unit.workers.desk import Desk
from workers.storage.records import threads
from workers.storage.records.threads import GAP_S, named, placed
from workers.storage.sqlite import engine, fulltext, migrate, schema

LONG = "x" * (limits.THREAD_CHARACTERS + 1)
NAMED: list[tuple[Mapping[str, Any], threads.Placed]] = [
    ({}, (None, None)),
    ({"conversation_id": "c"}, ("c", None)),
    ({"conversation_id": 7}, ("7", None)),
    ({"session_id": "s"}, ("s", None)),
    ({"conversation_id": "c", "session_id": "s", "source": "/f", "chunk": 1}, ("c", None)),
    ({"conversation_id": "", "session_id": "s"}, ("s", None)),
    ({"conversation_id": " ", "source": "/f", "chunk": 1}, ("/f", 1)),
    ({"conversation_id": True}, (None, None)),
    ({"conversation_id": 1.5}, (None, None)),
    ({"conversation_id": None, "session_id": ["s"]}, (None, None)),
    ({"conversation_id": LONG}, (None, None)),
    ({"source": "/f", "chunk": 0}, ("/f", 0)),
    ({"source": "/f"}, (None, None)),
    ({"source": "/f", "chunk": "1"}, (None, None)),
    ({"source": "/f", "chunk": True}, (None, None)),
    ({"source": "/f", "chunk": 1.0}, (None, None)),
    ({"source": 5, "chunk": 1}, (None, None)),
    ({"chunk": 1}, (None, None)),
]


@pytest.mark.parametrize(("metadata", "wanted"), NAMED)
def test_metadata_name_a_thread(metadata: Mapping[str, Any], wanted: threads.Placed) -> None:
    assert named(metadata) == wanted


def test_what_is_given_goes_before_what_metadata_name() -> None:
    assert placed("t", None, {"source": "/f", "chunk": 1}) == ("t", None)
    assert placed(None, 4, {"source": "/f", "chunk": 1}) == ("/f", 4)
    assert placed(None, 4, {"session_id": "s"}) == ("s", 4)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Return a database of the version before, with memories of two clients."""
    path = tmp_path / "memories.db"
    migrate.prepare(path, {step: script for step, script in schema.migrations().items() if step < 5})
    with closing(engine.open_writer(path)) as writer:
        fulltext.teach(writer, ())
        insert = (
            "INSERT INTO memories (id, namespace, created_at, updated_at, content_hash, metadata, content)"
            " VALUES (?1, ?2, ?3, ?3, ?1, ?4, ?1)"
        )
        log = (
            "INSERT INTO changes (at, operation, memory, row, client, request) VALUES (?, 'memory.store', ?, ?, ?, '')"
        )
        for number, (metadata, _) in enumerate(NAMED):
            writer.execute(insert, (f"named {number}", "named", 1.0, orjson.dumps(metadata).decode()))
        for number, (client, namespace, at) in enumerate(STORED):
            writer.execute(insert, (f"stored {number}", namespace, at, "{}"))
            writer.execute(log, (at, f"stored {number}", writer.last_insert_rowid(), client))
    return path


STORED = [
    ("one", "default", 10_000.0),
    ("two", "default", 10_001.0),
    ("one", "default", 10_002.0),
    ("one", "work", 10_003.0),
    ("one", "default", 10_002.0 + GAP_S),
    ("one", "default", 10_003.0 + 2 * GAP_S),
    ("one", "default", 10_003.0 + GAP_S),
    ("two", "default", 10_002.0),
]
RUNS = [0, 1, 0, 3, 0, 5, 5, 1]  # the first one of the run of each


def test_an_older_database_has_its_threads_once_it_is_opened(old: Path) -> None:
    desk = Desk(old)
    found = desk.sql("SELECT thread, place FROM memories WHERE namespace = 'named' ORDER BY row")
    assert found == [wanted for _, wanted in NAMED]
    rows = dict(desk.sql("SELECT row, coalesce(run, row) FROM memories WHERE id LIKE 'stored %' ORDER BY row"))
    first = min(rows)
    assert [run - first for run in rows.values()] == RUNS
    desk.close()


def test_what_is_stored_now_has_the_runs_that_a_migration_would_make(desk: Desk) -> None:
    for number, (client, namespace, at) in enumerate(STORED):
        body = {"content": f"stored {number}", "namespace": namespace, "created_at": at}
        desk.ask("memory.store", body, client=client)
    assert [run - 1 for (run,) in desk.sql("SELECT coalesce(run, row) FROM memories ORDER BY row")] == RUNS


def test_a_run_does_not_go_on_with_what_was_rolled_back(desk: Desk) -> None:
    batch = {"memories": [{"content": "text"}, {"content": "other", "id": "0198c5a2-6f1e-7c3a-9d42-5b8e1f2a3c4d"}]}
    taken = {"content": "taken", "id": "0198c5a2-6f1e-7c3a-9d42-5b8e1f2a3c4d"}
    desk.ask("memory.store", taken, client="other")
    with pytest.raises(Exception, match="0198c5a2"):
        desk.ask("memory.store_batch", batch, client="one")
    desk.ask("memory.store", {"content": "of another"}, client="two")
    desk.ask("memory.store", {"content": "of one"}, client="one")
    assert desk.sql("SELECT run FROM memories") == [(None,), (None,), (None,)]
