"""What a file is, by what is in it; archives that are more than they seem."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from memmux.errors import ArgumentInvalidError
from memmux.transfer import recognise
from memmux.transfer.formats import archive
from memmux.transfer.formats.base import Skips

CHAT = {"uuid": "c", "chat_messages": [{"uuid": "m", "sender": "human", "text": "hi"}]}


def opened(data: bytes) -> io.BufferedReader:
    return io.BufferedReader(io.BytesIO(data), recognise.BUFFER_BYTES)  # type: ignore[type-var]


def packed(method: int = zipfile.ZIP_DEFLATED, **members: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as made:
        for name, text in members.items():
            made.writestr(name.replace("__", "."), text)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b'{"type":"entity","name":"a","entityType":"b","observations":[]}\n', "server-memory"),
        (b'{"type":"relation","from":"a","to":"b","relationType":"c"}', "server-memory"),
        (b'{"type":"entity","name":"a","observations":["' + b"x" * 100_000 + b'"]}\n', "server-memory"),
        (json.dumps([None, CHAT]).encode(), "claude"),
        (b'[{"mapping": {}}]', "chatgpt"),
        (packed(conversations__json=json.dumps([CHAT]), users__json="[{}]"), "claude"),
        (packed(memory__jsonl='{"type":"entity","name":"a","observations":[]}'), "server-memory"),
        (packed(a__md="note", b__txt=""), "basic-memory"),
        (b'{"format":"memmux"}', None),
        (b"{}", None),
        (b"", None),
        (b"hello", None),
    ],
)
def test_it_is_told_by_what_is_in_it(data: bytes, name: str | None) -> None:
    found = recognise.of_file(opened(data), Skips())
    assert (found.format if found is not None else None) == name


def test_what_is_forced_must_be_so(tmp_path: Path) -> None:
    for data in (json.dumps([CHAT]).encode(), b"hello", packed(conversations__json=json.dumps([CHAT]))):
        with pytest.raises(ArgumentInvalidError):
            recognise.of_file(opened(data), Skips(), "chatgpt")
    with pytest.raises(ArgumentInvalidError):
        recognise.of_folder(tmp_path, Skips())
    (tmp_path / "a.md").write_text("x")
    assert recognise.of_folder(tmp_path, Skips()).format == "basic-memory"


def test_an_archive_that_unpacks_to_too_much_is_stopped_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "UNPACKED_BYTES", 1 << 20)
    bomb = packed(conversations__json=json.dumps([CHAT])[:-1] + ", 1" + " " * (8 << 20) + "]")
    found = recognise.of_file(opened(bomb), Skips())
    assert found is not None
    with pytest.raises(ArgumentInvalidError, match="unpacks to more"):
        list(found.lines("default"))


def test_an_archive_that_is_none_or_has_nothing_is_refused() -> None:
    whole = packed(conversations__json=json.dumps([CHAT]))
    for data in (
        whole[: len(whole) // 2],
        packed(a__txt="x"),
        packed(a__json="[1]"),
        b"PK\x03\x04" + bytes(50),
        packed(),
    ):
        with pytest.raises(ArgumentInvalidError):
            recognise.of_file(opened(data), Skips())


def test_names_of_members_lead_nowhere(tmp_path: Path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("../../out.md", "x")
        made.writestr("/etc/note.md", "y")
    found = recognise.of_file(opened(file.getvalue()), Skips())
    assert found is not None
    assert [line["content"] for line in found.lines("default")] == ["# note\n\ny"]
    assert not list(tmp_path.parent.glob("out.md"))
