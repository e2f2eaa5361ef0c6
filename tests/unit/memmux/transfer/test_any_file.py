"""The one choice of a format, by what a file begins with, and how far it is read."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from memmux.errors import ArgumentInvalidError
from memmux.transfer import any_file

EXPORT = {"export_metadata": {"source_machine": "x"}, "memories": []}
ENTITY = {"type": "entity", "name": "Thing", "entityType": "thing", "observations": ["It is there."]}
CHAT = {"uuid": "c", "name": "sea", "chat_messages": []}


def _archive() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("notes/one.md", "# One\n\nIt says something.\n")
    return packed.getvalue()


@pytest.mark.parametrize(
    ("body", "format_"),
    [
        (b'{"format": "memmux", "version": 1}\n', "memmux"),
        (b"SQLite format 3\0" + bytes(100), "mcp-memory-service"),
        (json.dumps(ENTITY).encode(), "server-memory"),
        (json.dumps([CHAT]).encode(), "claude"),
        (_archive(), "basic-memory"),
        (json.dumps(EXPORT).encode(), "mcp-memory-service"),
    ],
)
def test_a_file_is_what_it_begins_with(tmp_path: Path, body: bytes, format_: str) -> None:
    file = tmp_path / "file"
    file.write_bytes(body)
    with any_file.reading(file, lambda _done, _total: None) as opened:
        assert any_file.look(opened, file, "the file").format == format_


def test_what_must_be_read_as_a_whole_has_a_bound(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text(json.dumps(EXPORT))
    for most, said in ((10, "called so has more than 10 bytes"), (1000, "")):
        with any_file.reading(file, lambda _done, _total: None) as opened:
            if said:
                with pytest.raises(ArgumentInvalidError, match=said):
                    any_file.look(opened, file, "called so", most=most)
            else:
                any_file.look(opened, file, "called so", most=most)


def test_it_tells_how_much_was_read_of_all_that_will_be(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(300_000))
    told: list[tuple[int, int]] = []
    with any_file.reading(file, lambda done, total: told.append((done, total))) as opened:
        assert isinstance(opened.raw, any_file.Followed)
        opened.raw.times = 2
        for _ in range(2):
            opened.seek(0)
            while opened.read(10_000):
                pass
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert {total for _, total in told} == {600_000}
    assert told[-1][0] == 600_000
