"""Documents that are no good, that may not be read, and an ingest that is given up."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from mcp_dealer.arguments import Ingest as Ingesting
from mcp_dealer.tools.full_tools import ExtraTools
from memmux import Client, limits
from memmux.config.settings import Settings
from memmux.errors import (
    CancelledError,
    LimitOutOfRangeError,
    PathRefusedError,
    TagInvalidError,
)
from tests.bounds import BOUND_S, PAUSE_S
from tests.integration.ingest.documents import PARAGRAPHS, Ingest, chunks_of, text
from tests.unit.memmux.ingest.pdfs import slow_pdf


def test_file_that_can_not_be_read_is_reported_and_its_chunks_stay(client: Client, into: Ingest, folder: Path) -> None:
    good, bad = folder / "good.txt", folder / "bad.txt"
    good.write_text("good")
    bad.write_text("was good once")
    into(folder)
    bad.write_bytes(b"\x00\x01\x02")
    done = into(folder)
    assert [(problem.path, "NUL bytes" in problem.message) for problem in done.problems] == [(str(bad), True)]
    assert done.skipped == 1
    assert [chunk.content for chunk in chunks_of(client, bad)] == ["was good once"]


def test_name_that_is_not_utf_8_is_reported(into: Ingest, folder: Path) -> None:
    try:
        Path(os.fsdecode(bytes(folder) + b"/\xff.txt")).write_text("x")
    except OSError:
        pytest.skip("this file system takes no such name")
    assert ["UTF-8" in problem.message for problem in into(folder).problems] == [True]


def test_path_outside_the_roots_is_refused_and_nothing_is_stored(client: Client, into: Ingest, folder: Path) -> None:
    outside = folder.parent / "secret.txt"
    outside.write_text("secret")
    (folder / "link.txt").symlink_to(outside)
    (folder / "fine.txt").write_text("fine")
    for path in (outside, folder / "link.txt", folder / ".." / "secret.txt", [folder / "fine.txt", outside]):
        with pytest.raises(PathRefusedError, match="MEMMUX_INGEST_ROOTS"):
            into(path, roots=[folder])
    assert client.list().total == 0
    done = into(folder, roots=[folder])
    assert [Path(problem.path).name for problem in done.problems] == ["link.txt"]
    assert [memory.content for memory in client.list()] == ["fine"]


def test_arguments_out_of_range_are_refused(into: Ingest, folder: Path) -> None:
    for options in ({"chunk_size": 10}, {"chunk_size": 10**9}, {"chunk_overlap": 101}, {"max_files": 0}):
        with pytest.raises(LimitOutOfRangeError):
            into(folder, **options)
    with pytest.raises(TagInvalidError):
        into(folder, tags=[""])


def test_progress_goes_from_nothing_to_all_bytes(into: Ingest, folder: Path) -> None:
    (folder / "a.txt").write_text(text(PARAGRAPHS))
    (folder / "b.txt").write_text("b")
    seen: list[tuple[int, int]] = []
    into(folder, progress=lambda done, total: seen.append((done, total)))
    total = sum(file.stat().st_size for file in folder.iterdir())
    assert seen[0] == (0, total)
    assert seen[-1] == (total, total)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_file_that_can_not_be_parsed_is_a_problem_and_the_others_are_read(into: Ingest, folder: Path) -> None:
    (folder / "a.json").write_text(json.dumps({"k" * 10_000: [1] * 100_000}))
    os.mkfifo(folder / "b.txt")
    (folder / "c.txt").write_text("fine")
    (folder / "d.png").touch()
    done = into(folder)
    assert [(Path(problem.path).name, problem.message[:20]) for problem in done.problems] == [
        ("a.json", "its text has more th"),
        ("b.txt", "it is no ordinary fi"),
    ]
    assert (done.files, done.chunks, done.left_out) == (1, 1, {".png": 1})
    assert ["no ordinary file" in problem.message for problem in into(Path("/dev/zero")).problems] == [True]


def test_nobody_waits_for_an_ingest_that_was_given_up(client: Client, into: Ingest, folder: Path) -> None:
    for number in range(5):
        (folder / f"{number}.txt").write_text(f"text {number}")

    def stored() -> bool:
        return client.list(limit=1).total >= 2

    with pytest.raises(CancelledError, match="stored before stays"):
        into(folder, cancelled=stored)
    assert client.list().total == 2
    assert into(folder).chunks == 3


def test_tool_call_that_is_cancelled_ends_the_reading_of_a_file(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "INGEST_CPU_S", BOUND_S)
    (folder / "slow.pdf").write_bytes(slow_pdf())

    async def progress(done: float, total: float) -> None:
        assert done <= total

    def reads(child: psutil.Process) -> bool:
        with suppress(psutil.NoSuchProcess):
            return "memmux.ingest.parser_process" in child.cmdline()
        return False

    def readers() -> list[psutil.Process]:
        return [child for child in psutil.Process().children() if reads(child)]

    async def until(done: Callable[[], bool]) -> None:
        async with asyncio.timeout(BOUND_S):
            while not done():  # noqa: ASYNC110 - another process has no events
                await asyncio.sleep(PAUSE_S)

    async def call() -> None:
        allowed = replace(settings, ingest_roots=(folder,))
        tools = ExtraTools(lambda: pytest.fail("no client is asked for"), lambda: allowed)
        asked = tools.memory_ingest(Ingesting(path=str(folder)), progress)
        task = asyncio.create_task(asked)
        await until(lambda: bool(readers()) or task.done())
        for reader in readers():
            reader.suspend()  # so that it does not end by itself
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: not readers())

    asyncio.run(call())
