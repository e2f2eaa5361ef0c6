"""Storage on PostgreSQL: what a reader sees of a replica that is late."""

from __future__ import annotations

import math
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench.harness.differential.clock import Moving
from memmux.postgres.server import url as url_of
from memmux.postgres.servers import Servers
from memmux.wire.requests import HealthRow
from tests.integration.postgres_storage.calls import applied, caught_up, contents, stored, told
from tests.postgres_server import eventually, value
from tests.unit.workers.desk import job
from workers.runtime.jobs import silent
from workers.storage.postgres import reader as reading
from workers.storage.postgres.reader import PostgresReader
from workers.storage.postgres.writer import PostgresWriter


def test_a_reader_sees_what_it_was_told_of_though_its_replica_is_late(postgres: Servers, tmp_path: Path) -> None:
    primary, replica = postgres.primary(), postgres.replica()
    with closing(PostgresWriter(primary.url, tmp_path)) as writer:
        caught_up(primary)
        with closing(PostgresReader(url_of([primary, replica]), tmp_path)) as reader:
            value(replica, "SELECT pg_wal_replay_pause()")
            seq = stored(writer, "written just now")["seq"]
            assert contents(reader, "written") == []
            assert contents(reader, "written", min_seq=seq) == ["written just now"]
            with reader.snapshot(math.inf, silent, min_seq=seq):
                assert reader.degraded == ("replica_behind",)
            value(replica, "SELECT pg_wal_replay_resume()")
            eventually(replica, "SELECT max(seq) FROM changes", seq)
            with reader.snapshot(math.inf, silent, min_seq=seq):
                assert (reader.seq, reader.degraded) == (seq, ())


def test_a_replica_that_is_late_for_long_is_not_waited_for_by_each_read(
    postgres: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = [0.0]
    sleeping = SimpleNamespace(monotonic=lambda: times[-1], sleep=lambda pause: times.append(times[-1] + pause))
    monkeypatch.setattr(reading, "time", sleeping)  # whose time passes by its sleep alone
    monkeypatch.setattr(reading, "LATE_S", 1.0)
    primary, replica = postgres.primary(), postgres.replica()
    clock = Moving()
    with closing(PostgresWriter(primary.url, tmp_path)) as writer:
        caught_up(primary)
        with closing(PostgresReader(url_of([primary, replica]), tmp_path, clock=clock)) as reader:
            value(replica, "SELECT pg_wal_replay_pause()")
            seq = stored(writer, "written just now")["seq"]
            waited = [0.0]
            for _ in range(4):
                with reader.snapshot(math.inf, silent, min_seq=seq):
                    assert (reader.seq, reader.degraded) == (seq, ("replica_behind",))
                waited.append(float(str(reader.facts()["waited_s"])))
                clock.at += 0.5
            assert [later - sooner >= 1.0 for sooner, later in pairwise(waited)] == [True, False, True, False]
            value(replica, "SELECT pg_wal_replay_resume()")
            eventually(replica, "SELECT max(seq) FROM changes", seq)
            with reader.snapshot(math.inf, silent, min_seq=seq):
                assert reader.degraded == ()


def test_a_health_check_is_not_failed_by_a_replica_that_is_late(postgres: Servers, tmp_path: Path) -> None:
    primary, replica = postgres.primary(), postgres.replica()
    with closing(PostgresWriter(primary.url, tmp_path)) as writer:
        caught_up(primary)
        with closing(PostgresReader(url_of([primary, replica]), tmp_path)) as reader:
            value(replica, "SELECT pg_wal_replay_pause()")
            row = HealthRow(id="0198c0de-0000-7000-8000-000000000001")
            told(*applied(writer, job("health.write", {"id": row.id})))
            with reader.snapshot(math.inf, silent):
                assert "row" not in reader.missed(row, ())
                assert reader.degraded == ("replica_behind",)
            with reader.snapshot(math.inf, silent):
                assert "row" in reader.missed(HealthRow(id="0198c0de-0000-7000-8000-000000000002"), ())


def test_a_reader_waits_for_a_replica_that_is_late_by_a_moment(postgres: Servers, tmp_path: Path) -> None:
    primary, replica = postgres.primary(), postgres.replica()
    with closing(PostgresWriter(primary.url, tmp_path)) as writer:
        caught_up(primary)
        with closing(PostgresReader(url_of([primary, replica]), tmp_path)) as reader:
            for number in range(40):
                seq = stored(writer, f"number {number}")["seq"]
                with reader.snapshot(math.inf, silent, min_seq=seq):
                    assert reader.seq == seq


def test_a_reader_begins_anew_where_a_promoted_server_lacks_the_last_changes(postgres: Servers, tmp_path: Path) -> None:
    primary, replica = postgres.primary(), postgres.replica()
    both = url_of([primary, replica])
    with closing(PostgresWriter(both, tmp_path)) as writer:
        seq = stored(writer, "kept by both")["seq"]
        caught_up(primary)
        replica.kill()
        stored(writer, "lost words")
        with closing(PostgresReader(both, tmp_path)) as reader:
            assert contents(reader, "kept lost") == ["kept by both", "lost words"]
            primary.kill()
            replica.start()
            replica.promote()
            stored(writer, "in its place")
            stored(writer, "newer words")
            assert contents(reader, "kept lost newer") == ["kept by both", "newer words"]
            assert reader.rewound == 1
            with reader.snapshot(math.inf, silent, min_seq=seq + 9):
                assert reader.seq == writer.seq
