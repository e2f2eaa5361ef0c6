"""What a client wrote down survives it."""

from __future__ import annotations

from pathlib import Path

from bench.faults import ledger
from bench.faults.ledger import Ack, Ledger


def test_entries_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "a.ledger"
    with Ledger(path, "a") as written:
        store = written.begin("memory.store", contents=("text",))
        written.end(store, acks=(Ack(memory="m", seq=3, status="created"),))
        update = written.begin("memory.update", memory="m", marked=True)
        written.end(update, error="busy")
        written.end(written.begin("get", memory="m"), wrong="other text")
        written.begin("memory.delete", memory="m")
    stored, updated, got, deleted = ledger.read(path)
    assert (stored.key, stored.contents, stored.acks) == ("a.1", ("text",), (Ack(memory="m", seq=3, status="created"),))
    assert stored.acknowledged
    assert (updated.mark, updated.error, updated.acknowledged) == ("mark a.2", "busy", False)
    assert (got.wrong, got.writes, got.acknowledged) == ("other text", False, False)
    assert (deleted.answered, deleted.acknowledged) == (False, False)


def test_entry_is_on_disk_before_the_call_begins(tmp_path: Path) -> None:
    path = tmp_path / "a.ledger"
    with Ledger(path, "a") as written:
        written.begin("memory.store", contents=("text",))
        (entry,) = ledger.read(path)
        assert not entry.answered


def test_line_that_was_cut_off_counts_as_not_written(tmp_path: Path) -> None:
    path = tmp_path / "a.ledger"
    with Ledger(path, "a") as written:
        written.end(written.begin("get", memory="m"))
        written.begin("get", memory="n")
    path.write_bytes(path.read_bytes()[:-10])
    assert [entry.memory for entry in ledger.read(path)] == ["m"]
