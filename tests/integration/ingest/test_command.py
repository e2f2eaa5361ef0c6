"""`memmux ingest`, and what is found of it by words for a time."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

from tests import commands
from tests.bounds import BOUND_S
from tests.zones import zone_at


def test_the_command_line_ingests_and_searches_by_words_for_a_time(settings_env: dict[str, str], folder: Path) -> None:
    settings_env["TZ"] = zone_at(12)  # where today does not end meanwhile

    def memmux(*arguments: str, stderr: int = subprocess.PIPE) -> subprocess.CompletedProcess[bytes]:
        if stderr == subprocess.PIPE:
            return commands.run(arguments, settings_env, cwd=folder)
        command = [sys.executable, "-P", "-m", "memmux", *arguments]
        return subprocess.run(
            command, env=settings_env, cwd=folder, stdout=subprocess.PIPE, stderr=stderr, timeout=BOUND_S, check=False
        )

    (folder / "a.txt").write_text("Zebras have stripes.")
    (folder / "b.txt").write_bytes(b"\x00")
    done = memmux("ingest", "a.txt", ".", "--tag", "zoo", "--json")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["files"], answer["chunks"]) == (1, 1, 1)
    assert answer["problems"][0]["path"] == str(folder / "b.txt")
    (folder / "b.txt").unlink()
    again = memmux("ingest", ".")
    assert (again.returncode, again.stdout) == (0, b"files unchanged: 1\n")
    missing = memmux("ingest", "missing.txt")
    assert missing.returncode == 2
    (folder / "pictures").mkdir()
    (folder / "pictures" / "a.png").touch()
    nothing = memmux("ingest", "pictures")
    assert (nothing.returncode, b"no file in it is read: .png 1" in nothing.stderr) == (1, True)
    assert nothing.stdout == b"nothing to ingest\nleft out: 1 (.png 1)\n"
    (folder / "c.txt").write_text("Elephants never forget.")
    memmux("ingest", "c.txt")
    (folder / "c.txt").unlink()
    pruned = memmux("ingest", "--prune", ".")
    assert pruned.stdout.startswith(b"chunks of files that are gone deleted: 1, files unchanged: 1\n")
    forgotten = json.loads(memmux("forget", "--source", "a.txt", "--dry-run", "--json").stdout)
    assert (forgotten["count"], forgotten["dry_run"]) == (1, True)

    assert json.loads(memmux("list", "--when", "today", "--json").stdout)["total"] == 1
    assert json.loads(memmux("list", "--when", "since an hour ago", "--tag", "zoo", "--json").stdout)["total"] == 1
    assert json.loads(memmux("list", "--when", "last week", "--json").stdout)["total"] == 0
    assert len(json.loads(memmux("search", "zebras", "--when", "last 2 hours", "--json").stdout)["hits"]) == 1
    assert json.loads(memmux("search", "zebras", "--when", "yesterday", "--json").stdout)["hits"] == []
    both = memmux("list", "--when", "today", "--after", "2026-01-01")
    assert (both.returncode, b"--after" in both.stderr) == (2, True)
    nonsense = memmux("list", "--when", "nonsense words")
    assert (nonsense.returncode, b"time_not_understood" in nonsense.stderr) == (2, True)

    main, terminal = pty.openpty()
    try:
        assert memmux("ingest", ".", stderr=terminal).returncode == 0
        assert b"ingesting" in os.read(main, 1 << 16)
    finally:
        os.close(main)
        os.close(terminal)


def _memmux(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return commands.text(commands.run(arguments, env))


def test_broken_front_matter_is_told_per_file_and_the_file_is_ingested(
    settings_env: dict[str, str], short_tmp: Path
) -> None:
    broken, well = short_tmp / "broken.md", short_tmp / "well.md"
    broken.write_text("---\ntags: [a\n---\nThe ferry leaves at nine.\n")
    well.write_text("---\ntags: [a]\n---\nThe ferry leaves at ten.\n")
    ended = _memmux(settings_env, "ingest", str(broken), str(well))
    assert ended.returncode == 0
    (line,) = [line for line in ended.stderr.splitlines() if "front matter" in line]
    assert line.startswith(f"{broken}: its front matter can't be read")
    assert "files ingested: 2" in ended.stdout


def test_forget_of_a_source_that_is_not_known_names_the_nearest(settings_env: dict[str, str], short_tmp: Path) -> None:
    note = short_tmp / "notes" / "ferry.md"
    note.parent.mkdir()
    note.write_text("The ferry leaves at nine.\n")
    _memmux(settings_env, "ingest", str(note))
    elsewhere = short_tmp / "note" / "ferry.md"
    ended = _memmux(settings_env, "forget", "--source", str(elsewhere))
    assert (ended.returncode, ended.stdout) == (0, "0 deleted\n")
    assert f"no memory is from {elsewhere}; there are some from {note.resolve()}" in ended.stderr
    assert "--source" in _memmux(settings_env, "forget").stderr
