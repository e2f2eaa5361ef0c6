"""Documents as memories of a real cluster: ingested, changed, and ingested again."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest

from mcp_dealer.arguments import Ingest as Ingesting
from mcp_dealer.full_tools import ExtraTools
from memmux import Client, limits
from memmux.config.settings import Settings
from memmux.errors import (
    ArgumentInvalidError,
    CancelledError,
    LimitOutOfRangeError,
    PathRefusedError,
    TagInvalidError,
)
from memmux.ingest import sources
from memmux.ingest.report import Ingested
from memmux.ingest.run import ingest
from memmux.wire.answers import Memory
from tests import commands
from tests.bounds import BOUND_S, PAUSE_S
from tests.unit.memmux.ingest.pdfs import pdf, slow_pdf

PARAGRAPHS = [f"Paragraph {number} says something of its own about the number {number}." for number in range(40)]
Ingest = Callable[..., Ingested]


def text(paragraphs: list[str]) -> str:
    return "\n\n".join(paragraphs) + "\n"


@pytest.fixture
def client(own_client: Client) -> Client:
    """A client for documents of this test alone."""
    return own_client


@pytest.fixture
def folder(short_tmp: Path) -> Path:
    """An empty folder for documents."""
    made = (short_tmp / "documents").resolve()
    made.mkdir()
    return made


@pytest.fixture
def into(client: Client) -> Ingest:
    """Ingest with small chunks, so that a few paragraphs are some."""

    def run(path: Path | list[Path], **options: object) -> Ingested:
        arguments: dict[str, object] = {"chunk_size": 200, "chunk_overlap": 0, "roots": None, **options}
        return ingest(client, path, **arguments)  # type: ignore[arg-type]  # options of the test

    return run


def chunks_of(client: Client, path: Path) -> list[Memory]:
    found = client.list(type="document", metadata={"source": str(path)}, limit=1000)
    return sorted(found, key=lambda memory: int(str(memory.metadata["chunk"])))


def counts(done: Ingested) -> tuple[int, int, int, int]:
    assert done.problems == ()
    return done.files, done.chunks, done.replaced, done.skipped


def test_file_becomes_chunks_that_say_where_they_are_from(client: Client, into: Ingest, folder: Path) -> None:
    file = folder / "notes.md"
    file.write_text("# My notes\n\n" + text(PARAGRAPHS))
    done = into(file, tags=["docs", "Mine"])
    chunks = chunks_of(client, file)
    assert counts(done) == (1, len(chunks), 0, 0)
    assert len(chunks) > 10
    for number, chunk in enumerate(chunks):
        assert chunk.tags == ("docs", "Mine")
        assert chunk.metadata == {
            "source": str(file),
            "chunk": number,
            "chunks": len(chunks),
            "file_hash": hashlib.sha256(file.read_bytes()).hexdigest(),
            "chunking": [200, 0],
            "title": "My notes",
        }
    assert "\n\n".join(chunk.content for chunk in chunks) == file.read_text().strip()


def test_file_that_did_not_change_is_skipped(client: Client, into: Ingest, folder: Path) -> None:
    (folder / "a.txt").write_text(text(PARAGRAPHS))
    (folder / "b.txt").write_text("something else")
    into(folder)
    before = client.status().seq
    assert counts(into(folder)) == (0, 0, 0, 2)
    assert client.status().seq == before


def test_chunks_of_a_changed_file_are_replaced_and_the_others_stay(client: Client, into: Ingest, folder: Path) -> None:
    file = folder / "a.txt"
    file.write_text(text(PARAGRAPHS))
    into(file)
    before = {chunk.content: chunk for chunk in chunks_of(client, file)}
    file.write_text(
        text([*PARAGRAPHS[:20], "This one is new and changes what follows it only a little.", *PARAGRAPHS[21:30]])
    )
    done = into(file)
    after = {chunk.content: chunk for chunk in chunks_of(client, file)}
    stayed = set(before) & set(after)
    assert len(stayed) >= 9
    assert counts(done) == (1, len(set(after) - stayed), len(set(before) - stayed), 0)
    assert all(after[content].id == before[content].id for content in stayed)
    assert [chunk.metadata["chunk"] for chunk in chunks_of(client, file)] == list(range(len(after)))
    assert {chunk.metadata["file_hash"] for chunk in after.values()} == {hashlib.sha256(file.read_bytes()).hexdigest()}
    assert client.list(type="document").total == len(after)
    assert counts(into(file)) == (0, 0, 0, 1)


def test_file_that_became_empty_has_no_chunks(client: Client, into: Ingest, folder: Path) -> None:
    file = folder / "a.txt"
    file.write_text(text(PARAGRAPHS[:4]))
    stored = into(file).chunks
    file.write_text(" \n")
    assert counts(into(file)) == (1, 0, stored, 0)
    assert client.list().total == 0


def test_other_chunk_size_or_tags_are_a_change(client: Client, into: Ingest, folder: Path) -> None:
    file = folder / "a.txt"
    file.write_text(text(PARAGRAPHS))
    into(file, tags=["one"])
    assert into(file, chunk_size=400, tags=["one"]).chunks > 0
    assert max(len(chunk.content) for chunk in chunks_of(client, file)) > 200
    assert counts(into(file, chunk_size=400, tags=["ONE", "two"])) == (1, 0, 0, 0)
    assert {chunk.tags for chunk in chunks_of(client, file)} == {("one", "two")}
    assert counts(into(file, chunk_size=400)) == (0, 0, 0, 1)


def test_ingest_that_was_interrupted_is_completed(client: Client, into: Ingest, folder: Path) -> None:
    file = folder / "a.txt"
    file.write_text(text(PARAGRAPHS))

    def stop(done: int, total: int) -> None:
        if 0 < done < total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        into(file, chunk_size=60, progress=stop)
    half = client.list(limit=1).total
    assert half > 0
    into(file, chunk_size=60)
    chunks = chunks_of(client, file)
    assert len(chunks) > half
    assert [chunk.metadata["chunk"] for chunk in chunks] == list(range(len(chunks)))


def test_chunk_that_two_files_share_is_kept_as_long_as_one_has_it(client: Client, into: Ingest, folder: Path) -> None:
    first, second = folder / "a.txt", folder / "b.txt"
    for file in (first, second):
        file.write_text("Both have this.")
    assert counts(into(folder)) == (2, 1, 0, 0)
    first.write_text("Only the first has this.")
    assert into(folder).replaced == 0
    assert [chunk.content for chunk in chunks_of(client, second)] == ["Both have this."]
    second.write_text("Only the second has this.")
    assert into(folder).replaced == 1
    assert client.list().total == 2


def test_file_that_was_moved_keeps_its_chunks(client: Client, into: Ingest, folder: Path) -> None:
    file = folder / "a.txt"
    file.write_text(text(PARAGRAPHS))
    into(folder)
    ids = [chunk.id for chunk in chunks_of(client, file)]
    moved = file.rename(folder / "b.txt")
    assert into(folder).chunks == 0
    assert [chunk.id for chunk in chunks_of(client, moved)] == ids
    assert counts(into(folder)) == (0, 0, 0, 1)


def test_memory_of_the_user_with_the_same_text_is_left_alone(client: Client, into: Ingest, folder: Path) -> None:
    mine = client.store("The very same text.", tags=["mine"])
    file = folder / "a.txt"
    file.write_text("The very same text.")
    assert counts(into(file)) == (1, 0, 0, 0)
    file.write_text("Another text.")
    assert into(file).replaced == 0
    assert client.get(mine.id).tags == ("mine",)
    assert client.get(mine.id).metadata == {}


def test_every_kind_of_document_is_found_by_its_words(client: Client, into: Ingest, folder: Path) -> None:
    (folder / "a.txt").write_bytes("Zebras in UTF-16".encode("utf-16"))
    (folder / "b.json").write_text('[{"animal": "giraffe", "legs": 4}]')
    (folder / "c.pdf").write_bytes(pdf(["Elephants never forget.", "Whales sing."], title="Animals"))
    (folder / "d.md").write_text("# Birds\n\nPenguins swim.\n")
    assert counts(into(folder)) == (4, 5, 0, 0)
    for words, name, page in (
        ("zebras", "a.txt", None),
        ("giraffe", "b.json", None),
        ("whales", "c.pdf", 2),
        ("penguins", "d.md", None),
    ):
        found = client.search(words, mode="keyword")[0].memory
        assert found.metadata["source"] == str(folder / name)
        assert found.metadata.get("page") == page
    assert client.search("elephants", mode="keyword")[0].memory.metadata["title"] == "Animals"


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


def test_namespaces_know_nothing_of_each_other(client: Client, into: Ingest, folder: Path) -> None:
    (folder / "a.txt").write_text("a text")
    into(folder)
    assert counts(into(folder, namespace="another")) == (1, 1, 0, 0)
    assert client.list(namespace="another").total == 1


def test_progress_goes_from_nothing_to_all_bytes(into: Ingest, folder: Path) -> None:
    (folder / "a.txt").write_text(text(PARAGRAPHS))
    (folder / "b.txt").write_text("b")
    seen: list[tuple[int, int]] = []
    into(folder, progress=lambda done, total: seen.append((done, total)))
    total = sum(file.stat().st_size for file in folder.iterdir())
    assert seen[0] == (0, total)
    assert seen[-1] == (total, total)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_tags_of_front_matter_are_those_of_the_file_as_it_is_now(client: Client, into: Ingest, folder: Path) -> None:
    file = folder / "a.md"
    file.write_text("---\ntitle: Mine\ntags: [one, two]\n---\nSome text.\n")
    into(file, tags=["docs"])
    (chunk,) = chunks_of(client, file)
    assert (chunk.tags, chunk.metadata["title"]) == (("docs", "one", "two"), "Mine")
    client.update(chunk.id, tags=[*chunk.tags, "by hand"])
    file.write_text("---\ntitle: Mine\ntags: [TWO, three]\n---\nSome text.\n")
    assert counts(into(file, tags=["docs"])) == (1, 0, 0, 0)
    (changed,) = chunks_of(client, file)
    assert (changed.id, set(changed.tags)) == (chunk.id, {"docs", "two", "three", "by hand"})
    file.write_text("Some text.\n")
    into(file)
    (plain,) = chunks_of(client, file)
    assert set(plain.tags) == {"docs", "by hand"}
    assert "file_tags" not in plain.metadata


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


def test_tool_call_that_is_cancelled_ends_the_reading_of_a_file(settings: Settings, folder: Path) -> None:
    (folder / "slow.pdf").write_bytes(slow_pdf())

    async def progress(done: float, total: float) -> None:
        assert done <= total

    def reads(child: psutil.Process) -> bool:
        with suppress(psutil.NoSuchProcess):
            return "memmux.ingest.parser_process" in child.cmdline()
        return False

    def readers() -> list[psutil.Process]:
        return [child for child in psutil.Process().children() if reads(child)]

    async def until(done: Callable[[], bool], bound_s: float = BOUND_S) -> None:
        async with asyncio.timeout(bound_s):
            while not done():  # noqa: ASYNC110 - another process has no events
                await asyncio.sleep(PAUSE_S)

    async def call() -> None:
        allowed = replace(settings, ingest_roots=(folder,))
        tools = ExtraTools(lambda: pytest.fail("no client is asked for"), lambda: allowed)
        asked = tools.memory_ingest(Ingesting(path=str(folder)), progress)
        task = asyncio.create_task(asked)
        await until(lambda: bool(readers()) or task.done())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: not readers(), limits.INGEST_CPU_S / 2)  # before it ends by itself

    asyncio.run(call())


# files that are gone


def test_memories_of_files_that_are_gone_stay_until_they_are_pruned(
    client: Client, into: Ingest, folder: Path, short_tmp: Path
) -> None:
    elsewhere = short_tmp.resolve() / "elsewhere.txt"
    for path in (folder / "a.txt", folder / "b.txt", folder / "deep" / "c.txt", folder / "deep" / "d.txt", elsewhere):
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"The text of {path.name}.")
    into([folder, elsewhere])
    into(folder, namespace="other")
    mine = client.store("A note.", type="document", metadata={"source": "mail"})
    for path in (folder / "b.txt", folder / "deep" / "c.txt", elsewhere):
        path.unlink()
    assert into(folder).pruned == 0
    assert into(folder, prune_gone=True, recursive=False).pruned == 1
    done = into(folder, prune_gone=True)
    assert (done.pruned, done.skipped, done.problems) == (1, 2, ())
    names = sorted(Path(str(memory.metadata["source"])).name for memory in client.list())
    assert names == ["a.txt", "d.txt", "elsewhere.txt", "mail"]
    assert client.get(mine.id)
    assert client.list(namespace="other").total == 4


def test_chunk_that_a_file_which_is_there_has_too_is_not_pruned(client: Client, into: Ingest, folder: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (folder / name).write_text("Both have this.")
    into(folder)
    (folder / "a.txt").unlink()
    assert into(folder, prune_gone=True).pruned == 0
    assert [chunk.content for chunk in chunks_of(client, folder / "b.txt")] == ["Both have this."]


def test_folder_that_may_not_be_mounted_is_not_pruned(client: Client, into: Ingest, folder: Path) -> None:
    for name in ("a.txt", "disk/b.txt", "disk/deep/c.txt", "old/d.txt"):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"The text of {name}.")
    into(folder)
    for name in ("disk/deep/c.txt", "disk/b.txt", "old/d.txt"):
        (folder / name).unlink()
    (folder / "disk" / "deep").rmdir()  # what a mount point looks like
    (folder / "old").rmdir()
    done = into(folder, prune_gone=True)
    assert done.pruned == 1
    assert [(problem.path, f"forget --source {folder}/disk" in problem.message) for problem in done.problems] == [
        (str(folder / "disk"), True)
    ]
    (folder / "a.txt").unlink()
    (folder / "x.png").touch()
    done = into(folder, prune_gone=True)
    assert done.pruned == 0
    assert f"forget --source {folder}`" in done.problems[-1].message
    assert client.list().total == 3
    folder.rename(folder.with_name("moved"))
    with pytest.raises(ArgumentInvalidError, match="memmux forget --source"):
        into(folder, prune_gone=True)
    assert client.list().total == 3


def test_what_is_known_of_a_file_or_a_folder_is_forgotten(client: Client, into: Ingest, folder: Path) -> None:
    for name in ("a.txt", "ab.txt", "deep/c.txt"):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"The text of {name}.")
    into(folder, tags=["docs"])
    (folder / "a.txt").unlink()
    own = partial(sources.Selection, namespace=client.settings.namespace)
    assert sources.forget(client, folder / "a", own()).count == 0
    assert sources.forget(client, folder / "a.txt", own(tags=["none"])).count == 0
    assert sources.forget(client, folder / "a.txt", own(tags=["docs"]), dry_run=True).count == 1
    assert sources.forget(client, folder / "a.txt", own()).count == 1
    assert sorted(Path(str(memory.metadata["source"])).name for memory in client.list()) == ["ab.txt", "c.txt"]
    assert sources.forget(client, folder, sources.Selection(namespace=None)).count == 2


def test_the_command_line_ingests_and_searches_by_words_for_a_time(settings_env: dict[str, str], folder: Path) -> None:
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
