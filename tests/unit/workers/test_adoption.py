"""The adoption at the first start, in this process."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

from memmux.config.paths import Places
from memmux.config.settings import EmbedderChoice, Settings
from memmux.errors import AdoptionFailedError, StorageError
from memmux.mms.report import Report
from tests import legacy_files
from tests.legacy_files import add, made, unit
from tests.unit.workers.desk import job
from workers.runtime.jobs import Answer, silent
from workers.tasks import check
from workers.write import WriteWorker


@pytest.fixture
def settings(tmp_path: Path) -> Callable[[Path], Settings]:
    """The settings of a database that does not exist yet and adopts a file."""

    def of(theirs: Path, **changes: Any) -> Settings:
        state = tmp_path / "state"
        (state / "logs").mkdir(parents=True, exist_ok=True)
        found = Settings(database=tmp_path / "ours" / "memories.db", adopt_from=theirs, state_dir=state, **changes)
        Places(found).logs.mkdir(exist_ok=True)
        return found

    return of


def started(settings: Settings, alive: Callable[[], None] = silent) -> dict[str, object]:
    """Open a write worker and return its facts."""
    worker = WriteWorker(settings)
    worker.open(alive)
    facts = worker.facts()
    worker.close()
    return facts


def report_of(settings: Settings) -> Report:
    return Report.from_json(orjson.loads(Places(settings).adoption.read_bytes()))


def names(settings: Settings) -> set[str]:
    folder = settings.database.parent
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


@pytest.mark.slow
@pytest.mark.parametrize("release", legacy_files.RELEASES)
def test_the_first_start_adopts_a_database(release: str, settings: Callable[..., Settings], tmp_path: Path) -> None:
    theirs = legacy_files.unpacked(release, tmp_path)
    before = theirs.read_bytes()
    ours = settings(theirs)
    facts = started(ours)
    report = report_of(ours)
    count = legacy_files.MEMORIES[release]
    assert (report.found.memories, report.outcome.created, report.left_out) == (count, count, 0)
    assert facts["memories"] == count - report.found.deleted
    assert facts["vectors"] == report.found.vectors
    assert facts["unaudited"]
    assert theirs.read_bytes() == before
    assert names(ours) == {"memories.db"}
    assert ours.database.stat().st_mode & 0o777 == 0o600
    assert check.run(ours, ["--deep"])["findings"] == []


def test_a_database_that_is_there_adopts_nothing(settings: Callable[..., Settings], tmp_path: Path) -> None:
    theirs = legacy_files.unpacked("5.2.0", tmp_path)
    started(Settings(database=settings(theirs).database))
    assert started(settings(theirs))["memories"] == 0


def test_an_empty_file_is_no_database_yet(settings: Callable[..., Settings], tmp_path: Path) -> None:
    ours = settings(legacy_files.unpacked("5.2.0", tmp_path))
    ours.database.parent.mkdir()
    ours.database.touch()
    assert started(ours)["memories"] == 3


@pytest.mark.parametrize(
    "changes", [{"embedder": EmbedderChoice.HASH}, {"model": "all-mpnet-base-v2"}, {"model": "/no/such/folder"}]
)
def test_vectors_come_along_only_if_the_model_can_have_made_them(
    changes: dict[str, Any], settings: Callable[..., Settings], tmp_path: Path
) -> None:
    ours = settings(legacy_files.unpacked("5.2.0", tmp_path), **changes)
    facts = started(ours)
    assert (facts["vectors"], facts["pending"], facts["unaudited"]) == (0, 3, 0)
    assert report_of(ours).odd == {"vectors_of_another_model": 3}


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


def test_what_was_killed_half_way_starts_over(
    settings: Callable[..., Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = settings(legacy_files.unpacked("12.4.0", tmp_path))
    calls = 0

    def dying() -> None:
        nonlocal calls
        calls += 1
        if Places(ours).adopting.joinpath("memories.db").exists():
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("workers.adoption.Adoption._clear", lambda _: None)  # a killed process cleans nothing up
        with pytest.raises(Killed):
            started(ours, dying)
    assert "memories.db.adopting" in names(ours)
    assert not ours.database.exists()
    assert calls
    assert started(ours)["memories"] == 202
    assert names(ours) == {"memories.db"}


@pytest.mark.slow
def test_signs_of_life_are_given_and_progress_is_told(settings: Callable[..., Settings], tmp_path: Path) -> None:
    theirs = made(tmp_path / "theirs.db")
    with closing(sqlite3.connect(theirs)) as connection:
        for number in range(600):
            add(connection, f"memory {number}", unit(number))
        connection.commit()
    worker = WriteWorker(settings(theirs))
    assert worker.progress() == {}
    seen: list[dict[str, Any]] = []
    worker.open(lambda: seen.append(worker.progress()))
    worker.close()
    told = [one["adopting"]["done"] for one in seen if one]
    assert len(told) > 10
    assert told == sorted(told)
    assert any(0 < done < 600 for done in told)
    assert {one["adopting"]["total"] for one in seen if one and one["adopting"]["done"]} == {600}


def test_a_file_that_can_not_be_adopted_is_named_with_the_way_out(
    settings: Callable[..., Settings], tmp_path: Path
) -> None:
    for theirs in (tmp_path / "nothing.db", tmp_path / "letter.db"):
        ours = settings(theirs)
        with pytest.raises(AdoptionFailedError, match="MEMMUX_ADOPT_FROM=none"):
            started(ours)
        assert names(ours) == set()
        (tmp_path / "letter.db").write_text("Dear Sir or Madam")


def test_a_log_of_a_database_that_is_gone_does_not_meet_the_adopted_one(
    settings: Callable[..., Settings], tmp_path: Path
) -> None:
    ours = settings(legacy_files.unpacked("5.2.0", tmp_path))
    ours.database.parent.mkdir()
    log = ours.database.with_name("memories.db-wal")
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("PRAGMA journal_mode = wal")
        other.execute("CREATE TABLE t (a)")
        other.commit()
        log.write_bytes((tmp_path / "other.db-wal").read_bytes())
    assert started(ours)["memories"] == 3
    assert any(name.startswith("memories.db-wal.orphaned") for name in names(ours))


def test_a_folder_that_can_not_be_written_is_named(settings: Callable[..., Settings], tmp_path: Path) -> None:
    ours = settings(legacy_files.unpacked("5.2.0", tmp_path))
    ours.database.parent.mkdir()
    Places(ours).adopting.write_text("a file in the way")
    with pytest.raises(StorageError):
        started(ours)


def test_an_adopted_memory_is_found_by_its_hash_there(settings: Callable[..., Settings], tmp_path: Path) -> None:
    ours = settings(legacy_files.unpacked("8.24.0", tmp_path))
    worker = WriteWorker(ours)
    worker.open()
    asked = job("memory.delete", {"id": legacy_files.TRAINS})
    ((_, outcome),) = worker.handle([asked], silent)
    worker.close()
    assert isinstance(outcome, Answer)
