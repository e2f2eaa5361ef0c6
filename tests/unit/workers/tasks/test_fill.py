"""A new database that is filled with the memories of a dump."""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import apsw
import orjson
import pytest

from memmux.config.settings import Settings
from memmux.errors import StorageError
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


def test_a_database_whose_log_can_not_be_emptied_is_not_given(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the disk is full, or fails: here a reader keeps the log."""
    desk.store("one")
    lines, target = tmp_path / "lines", tmp_path / "made.db"
    lines.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in dumped(desk)))
    load = fill._load
    with ExitStack() as stack:

        def loaded(*given: Any) -> dict[str, Any]:
            reader = stack.enter_context(closing(apsw.Connection(str(target))))
            reader.execute("BEGIN; SELECT * FROM memories").fetchall()
            return load(*given)

        monkeypatch.setattr(fill, "_load", loaded)
        with pytest.raises(StorageError, match="still in its log"):
            fill.run(Settings(database=tmp_path / "none.db"), [str(target), str(lines)])
