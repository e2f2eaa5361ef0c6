"""What a file is, by what is in it; archives that are more than they seem."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path

import pytest

from memmux import limits
from memmux.errors import ArgumentInvalidError
from memmux.mms import private_copy
from memmux.transfer import recognise
from memmux.transfer.formats import archive
from memmux.transfer.formats.base import NO_UTF_8, Skips

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


@pytest.mark.slow
def test_an_archive_that_unpacks_to_too_much_is_refused_by_its_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive._Member, "readinto", None)  # nothing is unpacked
    long = json.dumps([CHAT])[:-1] + ", 1" + " " * (20 << 20) + "]"
    noise = os.urandom(1 << 20).hex()
    for bomb in (packed(conversations__json=long), packed(a__md="\n" * (20 << 20), users__json=noise)):
        with pytest.raises(ArgumentInvalidError, match=r"too long: \d+ bytes of it unpack to \d+, more than 200 times"):
            recognise.of_file(opened(bomb), Skips())
    whole = packed(conversations__json=json.dumps([CHAT, noise]))
    monkeypatch.setattr(limits, "IMPORT_UNPACKED_BYTES", 1 << 20)
    with pytest.raises(ArgumentInvalidError, match="too long: it unpacks to more than 1048576 bytes"):
        recognise.of_file(opened(whole), Skips())


def test_an_archive_of_too_many_members_is_refused_by_its_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "IMPORT_MEMBERS", 3)
    notes = {f"{number}__md": "x" for number in range(4)}
    with pytest.raises(ArgumentInvalidError, match="too long: 4 members of it would be read, the most is 3"):
        recognise.of_file(opened(packed(**notes)), Skips())
    pictures = {f"{number}__png": "x" for number in range(9)}
    assert recognise.of_file(opened(packed(a__md="x", **pictures)), Skips()) is not None


def test_what_comes_through_a_pipe_and_can_not_is_to_be_named() -> None:
    for data, what in ((packed(a__md="x"), "an archive"), (private_copy.MAGIC + bytes(100), "a database")):
        reading, writing = os.pipe()
        os.write(writing, data)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe, pytest.raises(ArgumentInvalidError, match=f"the file: {what} can't"):
            recognise.of_file(pipe, Skips())


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_file_in_utf_16_is_refused_as_that(coding: str) -> None:
    for text in (json.dumps([CHAT]), '{"type":"entity","name":"a","entityType":"b","observations":[]}\n'):
        with pytest.raises(ArgumentInvalidError, match="the file is in UTF-16"):
            recognise.of_file(opened(text.encode(coding)), Skips())


@pytest.mark.parametrize(
    "text", ['{"type":"entity","name":"é","observations":[]}\n', '[{"uuid":"c","chat_messages":[]}, {"uuid":"é"}]']
)
def test_what_is_not_in_utf_8_is_left_out_as_that(text: str) -> None:
    skips = Skips()
    found = recognise.of_file(opened(text.encode("latin-1")), skips)
    assert found is not None
    assert list(found.lines("default")) == []
    assert dict(skips.counts) == {NO_UTF_8: 1}


def test_an_archive_with_nothing_says_so_without_a_format_that_nobody_named() -> None:
    for forced, said in ((None, "nothing that is read here"), ("claude", "nothing that --from claude reads")):
        with pytest.raises(ArgumentInvalidError, match=f"the archive holds {said}") as raised:
            recognise.of_file(opened(packed(a__txt="x")), Skips(), forced)
        assert "as anything" not in raised.value.message
        assert raised.value.message.count("that is read here") == (forced is None)


def test_what_is_left_out_and_has_no_name_is_known_by_its_place() -> None:
    skips = Skips()
    broken = [CHAT, {"chat_messages": []}, {"mapping": {}, "title": ""}, 5, {**CHAT, "chat_messages": [{}]}]
    found = recognise.of_file(opened(json.dumps(broken).encode()[:-1]), skips)
    assert found is not None
    list(found.lines("default"))
    assert [left.name for left in skips.named] == [f"conversation {number}" for number in (2, 3, 4, 5)]


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


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        ("md", [f"text {number}" for number in range(5)]),
        ("json", [json.dumps([CHAT, {**CHAT, "uuid": f"text {number}", "x": "x" * 400_000}]) for number in range(5)]),
    ],
)
def test_of_an_archive_with_one_damaged_member_the_others_are_read(kind: str, texts: list[str]) -> None:
    whole = packed(zipfile.ZIP_STORED, **{f"n{place}__{kind}": text for place, text in enumerate(texts)})
    skips = Skips()
    found = recognise.of_file(opened(whole.replace(b"text 3", b"text 8", 1)), skips)
    assert found is not None
    lines = list(found.lines("default"))
    whole_ones = {f"text {number}" for number in (0, 1, 2, 4)}
    assert whole_ones <= {line.get("thread") or line["content"].partition("\n\n")[2] for line in lines}
    assert (skips.broken, f"n3.{kind}" in skips.named[0].name) == (1, True)


def test_names_of_members_lead_nowhere(tmp_path: Path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("../../out.md", "x")
        made.writestr("/etc/note.md", "y")
    found = recognise.of_file(opened(file.getvalue()), Skips())
    assert found is not None
    assert [line["content"] for line in found.lines("default")] == ["# note\n\ny"]
    assert not list(tmp_path.parent.glob("out.md"))
