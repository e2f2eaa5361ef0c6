"""The one choice of a format, by what a file begins with, and how far it is read."""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
from pathlib import Path
from typing import cast

import pytest

from memmux.client.blocking import Client
from memmux.config.settings import Settings
from memmux.errors import ArgumentInvalidError
from memmux.transfer import any_file
from tests.unit.memmux.cli.desk_client import DeskClient
from tests.unit.workers.desk import Desk

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


@pytest.mark.parametrize(
    ("format_", "settings", "named", "new"),
    [
        ("memmux", Settings(), "WORK", set()),
        ("memmux", Settings(namespace="WORK"), None, {"Own"}),
        ("server-memory", Settings(), "Work ", set()),
        ("server-memory", Settings(namespace="WORK"), None, set()),
    ],
)
def test_a_namespace_that_is_named_is_the_one_that_a_store_means(
    tmp_path: Path, format_: str, settings: Settings, named: str | None, new: set[str]
) -> None:
    line = {"id": "one", "content": "It is there.", "namespace": "Own", "created_at": 1, "updated_at": 1}
    bodies = {
        "memmux": b'{"format": "memmux", "version": 1}\n' + json.dumps(line).encode(),
        "server-memory": json.dumps(ENTITY).encode(),
    }
    file = tmp_path / "file"
    file.write_bytes(bodies[format_])
    with contextlib.closing(Desk(tmp_path / "m.db")) as desk:
        for namespace in ("work", "own"):
            desk.store("It was there before.", namespace=namespace)
        with any_file.reading(file, lambda _done, _total: None) as opened:
            way = any_file.Way(settings=settings, namespace=named, report=lambda _done, _total: None)
            any_file.look(opened, file, "the file").bring(cast("Client", DeskClient(desk)), way)
        found = {one["name"] for one in desk.ask("memory.namespaces", {})["namespaces"]}
        assert desk.ask("memory.list", {"filter": {"namespace": None}})["total"] == 3
    assert found == {"work", "own"} | new


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
