from __future__ import annotations

from pathlib import Path

import pytest

from memmux.config.settings import Settings
from memmux.errors import DatabaseForeignError
from memmux.wire.operations import Stage
from tests.unit.workers.desk import Desk, job
from workers.runtime.jobs import Answer, Worker
from workers.write import WriteWorker


def test_the_write_worker_makes_the_database_and_writes_to_it(tmp_path: Path) -> None:
    worker: Worker = WriteWorker(Settings(database=tmp_path / "new" / "memories.db"))
    worker.open()
    asked = job("memory.store", {"content": "one"})
    ((found, outcome),) = worker.handle([asked], lambda: None)
    assert found is asked
    assert isinstance(outcome, Answer)
    worker.idle()
    assert worker.facts()["seq"] == 1
    assert (worker.stage, worker.credit, worker.retiring) == (Stage.WRITE, 64, False)
    worker.close()


def test_the_write_worker_does_not_start_on_a_foreign_file(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear Sir")
    with pytest.raises(DatabaseForeignError):
        WriteWorker(Settings(database=tmp_path / "letter.txt")).open()
    assert (tmp_path / "letter.txt").read_text() == "Dear Sir"


def test_cancelled_write_that_has_not_begun_is_skipped_alone(desk: Desk) -> None:
    wanted = job("memory.store", {"content": "wanted"})
    outcomes = desk.write(job("memory.store", {"content": "given up"}, cancelled=lambda: True), wanted)
    assert [getattr(outcome, "code", "ok") for _, outcome in outcomes] == ["cancelled", "ok"]
    assert desk.contents("wanted", mode="keyword") == ["wanted"]
    assert desk.ask("memory.list", {"limit": 10, "offset": 0, "filter": {}})["total"] == 1
