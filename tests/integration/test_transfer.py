"""Export and import: all memories out of one cluster and into another."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from memmux import Client
from memmux.config.settings import Settings
from memmux.errors import ArgumentInvalidError
from memmux.transfer import jsonl
from memmux.wire import requests
from tests import commands
from tests.bounds import BOUND_S
from tests.conftest import stop_cluster
from tests.integration.helpers import status_until

Memmux = Callable[..., "subprocess.CompletedProcess[bytes]"]


def silent(done: int, total: int) -> None:
    """Report nothing."""


@pytest.fixture
def memmux(settings_env: dict[str, str], short_tmp: Path) -> Memmux:
    """Run `memmux` with these arguments to its end."""

    def run(*arguments: str, stdin: bytes = b"", stderr: int = subprocess.PIPE) -> subprocess.CompletedProcess[bytes]:
        if stderr == subprocess.PIPE:
            return commands.run(arguments, settings_env, cwd=short_tmp, stdin=stdin)
        command = [sys.executable, "-P", "-m", "memmux", *arguments]
        return subprocess.run(
            command,
            env=settings_env,
            cwd=short_tmp,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            timeout=BOUND_S,
            check=False,
        )

    return run


@pytest.fixture
def other(settings: Settings, short_tmp: Path) -> Iterator[Client]:
    """A client of the throwaway cluster of another, empty database."""
    elsewhere = replace(settings, database=short_tmp / "other.db")
    with ExitStack() as stack:
        stack.callback(stop_cluster, elsewhere)
        yield stack.enter_context(Client(settings=elsewhere, name="test"))


def fill(client: Client, count: int = 5) -> None:
    """Some memories, one of them deleted, one in another namespace."""
    client.store_batch([requests.Store(content=f"memory {number}", tags=("T", "u")) for number in range(count)])
    client.store("elsewhere\x00\U0001f600", namespace="other", metadata={"pi": 3.25, "none": None})
    client.delete(client.store("soon deleted", type="note").id)
    status_until(client, lambda status: status.pending == 0)  # every vector is there


def exported(client: Client, *, vectors: bool = True) -> bytes:
    file = io.BytesIO()
    jsonl.write(client, file, vectors=vectors, report=silent)
    return file.getvalue()


def imported(client: Client, data: bytes) -> jsonl.Imported:
    return jsonl.read(client, io.BytesIO(data))


def memories(data: bytes) -> list[bytes]:
    """The lines after the header."""
    return data.splitlines()[1:]


@pytest.mark.shared
def test_an_export_that_is_imported_is_exported_again_the_same(client: Client, other: Client) -> None:
    fill(client, 255)  # more than a page
    first = exported(client)
    assert len(memories(first)) == 257
    done = imported(other, first)
    assert (done.created, done.skipped, done.problems) == (257, 0, [])
    assert memories(exported(other)) == memories(first)
    assert other.status().pending == 0
    assert other.list(namespace="other")[0] == client.list(namespace="other")[0]


def test_an_import_that_was_interrupted_goes_on_where_it_was(client: Client, other: Client) -> None:
    fill(client, 255)
    first = exported(client)
    head = b"\n".join(first.splitlines()[:100])
    assert imported(other, head).created == 99
    again = imported(other, first)
    assert (again.created, again.skipped) == (158, 99)
    assert imported(other, first).skipped == 257
    assert memories(exported(other)) == memories(first)


@pytest.mark.shared
def test_what_was_purged_meanwhile_is_imported_again_and_not_only_said_to_be(client: Client) -> None:
    memory_id = client.store("one").id
    first = exported(client)
    client.delete(memory_id)
    client.purge(memory_id)
    assert imported(client, first).created == 1
    client.delete(memory_id)
    client.purge(memory_id)
    assert imported(client, first).created == 1
    assert client.get(memory_id).content == "one"


def test_lines_that_can_not_be_imported_are_named_and_stop_nothing(client: Client, other: Client) -> None:
    fill(client)
    header, *lines = exported(client).splitlines()
    fields: dict[str, Any] = orjson.loads(lines[0])
    other.store("memory 1")
    data = b"\n".join(
        [
            header,
            lines[0],
            b"{",
            b"",
            orjson.dumps({**fields, "type": "other"}),
            lines[1],
            orjson.dumps({**fields, "id": "x", "content": ""}),
            b"[]",
            *lines[2:],
        ]
    )
    done = imported(other, data)
    assert (done.created, done.conflicts, done.duplicates, done.broken) == (6, 1, 1, 3)
    found = sorted((problem.line, problem.status) for problem in done.problems)
    assert found == [(3, "broken"), (5, "conflict"), (6, "duplicate"), (7, "broken"), (8, "broken")]


def test_a_line_that_is_too_long_is_broken_and_the_next_one_is_read(
    client: Client, other: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(client, 1)
    header, *lines = exported(client, vectors=False).splitlines()
    monkeypatch.setattr(jsonl, "LINE_BYTES", max(map(len, [header, *lines])))
    long = b'{"content": "' + b"x" * 5000 + b'"}'
    done = imported(other, b"\n".join([header, lines[0], long, *lines[1:]]))
    assert (done.created, [(problem.line, problem.status) for problem in done.problems]) == (3, [(3, "broken")])


@pytest.mark.shared
@pytest.mark.parametrize("data", [b"", b"{}\n", b"[]\n", b"x", b'{"format": "memmux", "version": 2}\n'])
def test_a_file_that_is_no_export_is_refused(client: Client, data: bytes) -> None:
    with pytest.raises(ArgumentInvalidError):
        imported(client, data)


def test_the_command_line_exports_to_a_file_and_imports_it(memmux: Memmux, short_tmp: Path) -> None:
    memmux("store", "by hand", "--tag", "x")
    done = json.loads(memmux("export", "all.jsonl", "--vectors", "--json").stdout)
    assert (done["count"], done["deleted"]) == (1, 0)
    file = short_tmp / "all.jsonl"
    assert done["path"] == str(file.resolve())
    assert file.stat().st_mode & 0o777 == 0o600
    assert not (short_tmp / "all.jsonl.partial").exists()
    header, line = file.read_text().splitlines()
    assert json.loads(header)["format"] == "memmux"
    assert json.loads(line)["tags"] == ["x"]

    there = ("--database", "other.db")
    try:
        assert json.loads(memmux(*there, "import", "all.jsonl", "--json").stdout)["created"] == 1
        again = memmux(*there, "import", "all.jsonl")
        assert (again.returncode, again.stdout) == (0, b"1 there already\n")
        with file.open("a") as opened:
            opened.write("{\n")
        broken = memmux(*there, "import", "all.jsonl", "--json")
        assert broken.returncode == 1
        assert json.loads(broken.stdout)["broken"] == 1
        assert json.loads(broken.stdout)["problems"][0]["line"] == 3
        assert b"line 3: broken" in memmux(*there, "import", "all.jsonl").stderr
        piped = memmux("export", "-")
        assert piped.stdout.splitlines()[1:] == memmux(*there, "export", "-").stdout.splitlines()[1:]
        assert b"1 there already" in memmux(*there, "import", "-", stdin=piped.stdout).stdout
    finally:
        memmux(*there, "stop")


@pytest.mark.shared
def test_an_export_follows_a_link_writes_to_a_pipe_and_replaces_no_database(
    memmux: Memmux, settings: Settings, short_tmp: Path
) -> None:
    memmux("store", "kept")
    elsewhere, link, pipe = short_tmp / "elsewhere.jsonl", short_tmp / "link.jsonl", short_tmp / "pipe"
    elsewhere.write_text("before")
    link.symlink_to(elsewhere)
    assert memmux("export", str(link)).returncode == 0
    assert link.is_symlink()
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    assert memmux("export", str(pipe)).returncode == 0
    reader.join(BOUND_S)
    assert read[0].splitlines()[1:] == elsewhere.read_bytes().splitlines()[1:]
    assert pipe.is_fifo()
    refused = memmux("export", str(settings.database))
    assert (refused.returncode, b"is a database" in refused.stderr) == (2, True)
    made, log = short_tmp / "made.db", short_tmp / "made.db-wal"
    log.write_bytes(b"of a database that was moved away")
    assert str(log).encode() in memmux("export", "--to", str(made)).stderr
    assert not made.exists()


@pytest.mark.shared
def test_what_can_not_be_read_or_written_is_named(memmux: Memmux, short_tmp: Path) -> None:
    missing = memmux("import", "nothing.jsonl")
    assert (missing.returncode, b"nothing.jsonl" in missing.stderr) == (2, True)
    memmux("store", "one")
    unwritable = memmux("export", "no/such/folder.jsonl")
    assert unwritable.returncode == 1
    assert b"storage_permission" in unwritable.stderr
    assert memmux("export", "-", "--json").returncode == 2
    foreign = short_tmp / "foreign.jsonl"
    foreign.write_text('{"a": 1}\n')
    assert memmux("import", "foreign.jsonl").returncode == 2


@pytest.mark.shared
def test_a_terminal_sees_how_far_an_export_is(memmux: Memmux) -> None:
    memmux("store", "one")
    main, terminal = pty.openpty()
    try:
        assert memmux("export", "all.jsonl", stderr=terminal).returncode == 0
        assert b"exporting" in os.read(main, 1 << 16)
    finally:
        os.close(main)
        os.close(terminal)
