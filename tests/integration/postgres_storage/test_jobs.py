"""Storage on PostgreSQL: jobs have the same answers as on SQLite, and words are made as the index has them."""

from __future__ import annotations

import time
from contextlib import closing, suppress
from pathlib import Path

import psycopg
import pytest

from bench.harness.differential.clock import Moving
from bench.harness.differential.differential import Differential
from bench.harness.differential.side import Side
from memmux.errors import (
    ArgumentInvalidError,
    MemmuxError,
    StorageFullError,
)
from memmux.wire.requests import Filter, Get, History, List, Mode, Search
from tests.bounds import BOUND_S
from tests.integration.postgres_storage.calls import applied, contents, stored, told
from tests.unit.workers.desk import embedding, job
from workers.runtime.jobs import silent
from workers.storage.postgres.reader import PostgresReader
from workers.storage.postgres.writer import PostgresWriter
from workers.storage.sqlite.reader import SqliteReader
from workers.storage.sqlite.writer import SqliteWriter

STEPS = 60
COUNTED = ("seq", "memories", "pending", "model", "dimensions", "vectors", "unaudited", "source", "unneeded")


def test_random_jobs_have_the_same_answers_as_on_sqlite(url: str, tmp_path: Path) -> None:
    clock = Moving()
    database = tmp_path / "memory.db"
    with (
        closing(SqliteWriter(database, now=clock)) as lite,
        closing(PostgresWriter(url, tmp_path, now=clock)) as server,
        closing(SqliteReader(database, now=clock)) as lite_reader,
        closing(PostgresReader(url, tmp_path, now=clock)) as server_reader,
    ):
        differential = Differential(20, (Side.of(lite, lite_reader), Side.of(server, server_reader)), clock)
        assert [found for _ in range(STEPS) for found in differential.step()] == []
        assert {name: server.facts()[name] for name in COUNTED} == {name: lite.facts()[name] for name in COUNTED}


def test_a_text_with_nul_is_refused_alone(writer: PostgresWriter, reader: PostgresReader) -> None:
    line = {"created_at": 1.0, "updated_at": 1.0}
    lines = [{**line, "id": "x", "content": "a \0 b"}, {**line, "id": "y", "content": "loaded"}]
    refused = applied(
        writer,
        job("memory.store", {"content": "a \0 b"}),
        job("memory.store", {"content": "metadata", "metadata": {"a": ["\0"]}}),
        job("memory.store", {"content": "tags", "tags": ["a\0"]}),
        job("memory.load", {"memories": lines}),
        job("memory.store", {"content": "backslash \\u0000 is none"}),
    )
    assert [isinstance(outcome, ArgumentInvalidError) for outcome in refused] == [True, True, True, False, False]
    assert [problem["status"] for problem in told(refused[3])["problems"]] == ["broken"]
    assert contents(reader, "backslash metadata tags loaded") == ["backslash \\u0000 is none", "loaded"]


def test_nul_in_what_is_asked_for_harms_no_reader(writer: PostgresWriter, reader: PostgresReader) -> None:
    told(*applied(writer, job("memory.store", {"content": "x", "metadata": {"a": "b"}})))
    tagged = Filter(tags=("a\0",))
    with pytest.raises(ArgumentInvalidError, match="NUL"), reader.snapshot(time.monotonic() + BOUND_S, silent):
        reader.get(Get(id="a\0"))
    for metadata in ({"a": "\0"}, {"a\0": 1}):
        with (
            pytest.raises(ArgumentInvalidError, match="NUL"),
            reader.snapshot(time.monotonic() + BOUND_S, silent),
        ):
            reader.list(List(filter=Filter(metadata=metadata)))
    for asked in (
        lambda: reader.history(History(id="a\0")),
        lambda: reader.list(List(filter=tagged)),
        lambda: reader.search(Search(query="x", mode=Mode.KEYWORD, filter=tagged), ()),
    ):
        with suppress(MemmuxError), reader.snapshot(time.monotonic() + BOUND_S, silent):
            asked()
    with suppress(MemmuxError), reader.snapshot(time.monotonic() + BOUND_S, silent):
        reader.place(List(filter=Filter(namespace="a\0")))
    assert contents(reader, "still there") == []


def test_what_the_server_refuses_of_one_job_leaves_the_others(
    writer: PostgresWriter, reader: PostgresReader, url: str
) -> None:
    with psycopg.connect(url, autocommit=True) as other:
        other.execute(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'no space' USING ERRCODE = 'disk_full'; END $$"
        )
        other.execute(
            "CREATE TRIGGER full_disk BEFORE INSERT ON memories FOR EACH ROW "
            "WHEN (new.content = 'too much') EXECUTE FUNCTION full_disk()"
        )
    asked = [job("memory.store", {"content": text}) for text in ("alpha", "too much", "omega")]
    before, full, after = applied(writer, *asked)
    assert isinstance(full, StorageFullError)
    assert (told(before)["seq"], told(after)["seq"]) == (1, 2)
    assert contents(reader, "alpha much omega") == ["alpha", "omega"]


def test_a_rebuild_makes_words_and_counts_anew(writer: PostgresWriter, reader: PostgresReader, url: str) -> None:
    text = "words that were lost"
    told(*applied(writer, job("memory.store", {"content": text}, *embedding(text, (0.6, 0.8)))))
    with psycopg.connect(url, autocommit=True) as other:
        for harm in ("DELETE FROM postings", "DELETE FROM texts", "UPDATE meta SET value = '7' WHERE key = 'memories'"):
            other.execute(harm.encode())
    assert contents(reader, "lost") == []
    assert told(writer.rebuild(job("admin.rebuild", {}), silent)) == {"texts": 1, "vectors": 1, "dropped": 0}
    assert contents(reader, "lost") == ["words that were lost"]
    assert writer.facts()["memories"] == 1


def test_other_stems_make_the_words_anew(writer: PostgresWriter, url: str, tmp_path: Path) -> None:
    stored(writer, "Die Datenbanken wurden gesichert")
    writer.close()
    with (
        closing(PostgresWriter(url, tmp_path, languages=("german",))),
        closing(PostgresReader(url, tmp_path)) as reader,
    ):
        assert contents(reader, "gesicherte Datenbank") == ["Die Datenbanken wurden gesichert"]


def test_a_writer_cuts_words_as_another_one_has_made_the_index(
    writer: PostgresWriter, url: str, tmp_path: Path
) -> None:
    stored(writer, "an index without stems")
    with (
        closing(PostgresWriter(url, tmp_path, languages=("german",))),
        closing(PostgresReader(url, tmp_path)) as reader,
    ):
        stored(writer, "Die Datenbanken wurden gesichert")
        assert contents(reader, "gesicherte Datenbank") == ["Die Datenbanken wurden gesichert"]
