"""A new database that is filled with the memories of a dump."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import orjson
import pytest

from memmux.config.settings import Settings
from tests.unit.workers.desk import Desk
from tests.unit.workers.storage.dumps import dumped
from workers.tasks import fill


def test_a_new_database_holds_what_the_lines_say_and_names_what_it_can_not_take(
    desk: Desk, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fill, "BATCH_BYTES", 1)  # each memory is a transaction
    old = desk.store("old", (1, 0), (0, 1), tags=["B"], metadata={"z": 1.5}, thread="talk")
    desk.ask("memory.rewrite", {"id": old["id"], "content": "new", "versioned": True})
    desk.ask("memory.delete", {"id": desk.store("gone")["id"]})
    lines, target = tmp_path / "lines", tmp_path / "made.db"
    lines.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in [*dumped(desk), {"id": "broken"}]))
    filled = fill.run(Settings(database=tmp_path / "none.db"), [str(target), str(lines)])
    assert (filled["created"], filled["skipped"], filled["refused"]) == (3, 0, 1)
    (problem,) = filled["problems"]  # type: ignore[misc]  # a list
    assert problem["status"] == "broken"
    told = [orjson.loads(line)["progress"] for line in capfdbinary.readouterr().out.splitlines() if b"progress" in line]
    assert [size for _, size in told] == [lines.stat().st_size] * 4
    with closing(Desk(target)) as other:
        assert dumped(other) == dumped(desk)
    assert not (tmp_path / "none.db").exists()
