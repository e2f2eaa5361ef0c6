"""Transfer: all memories as a file of JSON lines, and back, through a client, a page at a time.

The first line is a header, each other one a memory as `Client.dump` gives it, with its times in ISO 8601. Nothing is
lost on the way: an import into an empty database, exported again, gives the same lines.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, BinaryIO

import orjson

from memmux import limits
from memmux.client.blocking import Client
from memmux.errors import ArgumentInvalidError
from memmux.transfer import exact_times
from memmux.transfer.formats.base import Line
from memmux.transfer.made import Made
from memmux.version import __version__

FORMAT = "memmux"
VERSION = 1
NO_EXPORT = (
    'the file is no export: its first line is not a header with "format": "memmux"; make one with `memmux export`'
)
LINE_BYTES = limits.MESSAGE_BYTES // 2  # of one memory with its vectors
BATCH_BYTES = 8 << 20  # of the lines of one request; a line that is longer goes alone
PROBLEMS = 1_000  # that are named; the rest is only counted
TIMEOUT_S = 300.0  # for a page, as others may be before it

Report = Callable[[int, int], None]
"""Called with how far the transfer is and how far it goes, in whatever unit; 0 for an end that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """Counts of an export: memories, and the deleted ones among them."""

    memories: int
    deleted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LineProblem:
    """A line that was not imported; line: counted from 1. status: conflict, duplicate or broken."""

    line: int
    id: str | None
    status: str
    message: str


@dataclass(slots=True, kw_only=True)
class Imported:
    """Counts of an import; problems: the first lines that were not imported. memories: how many lines are some.

    skipped: were there already, as they are given. conflicts: their id is there with another state, which stays.
    duplicates: another memory has their content. broken: are no memories. made: the changes.
    """

    memories: int = 0
    created: int = 0
    skipped: int = 0
    conflicts: int = 0
    duplicates: int = 0
    broken: int = 0
    problems: list[LineProblem] = field(default_factory=list)
    made: Made = field(default_factory=Made)

    def add(self, problem: LineProblem) -> None:
        """Count a problem, and keep it if there is room."""
        match problem.status:
            case "conflict":
                self.conflicts += 1
            case "duplicate":
                self.duplicates += 1
            case _:
                self.broken += 1
        if len(self.problems) < PROBLEMS:
            self.problems.append(problem)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a file: its number, and its text without the line feed."""

    number: int
    text: bytes


def write(client: Client, file: BinaryIO, *, vectors: bool, report: Report) -> Exported:
    """Write all memories to `file`; vectors: with theirs.

    A memory that is changed meanwhile is written as it is when its page is read.
    """
    file.write(header(vectors=vectors))
    memories = deleted = 0
    after: int | None = 0
    while after is not None:
        page = client.dump(after=after, vectors=vectors, timeout_s=TIMEOUT_S)
        for memory in page.memories:
            file.write(written(memory))
            deleted += memory["deleted_at"] is not None
        memories += len(page.memories)
        after = page.next
        report(page.last if after is None else after, page.last)
    return Exported(memories=memories, deleted=deleted)


def header(*, vectors: bool) -> bytes:
    """Return the first line of an export."""
    said = {
        "format": FORMAT,
        "version": VERSION,
        "exported_at": datetime.now(UTC).isoformat(),
        "memmux": __version__,
        "vectors": vectors,
    }
    return orjson.dumps(said) + b"\n"


def written(memory: Mapping[str, Any]) -> bytes:
    """Return the line of a memory, as `Client.dump` gives it."""
    return orjson.dumps(exact_times.written(memory)) + b"\n"


def read(
    client: Client | None,
    file: BinaryIO,
    *,
    namespace: str | None = None,
    told: Callable[[Line], None] = lambda _: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Imported:
    """Import what `write` wrote.

    client: None only looks. namespace: where all go; None for their own. told: is told of each memory. stopped: asked
    before each request whether to take no more.

    A line that can't be imported is reported and does not stop the others. What was imported before, in this run or in
    one that was interrupted, is skipped. Raises ArgumentInvalidError for a file that is no export.
    """
    lines = _lines(file)
    _check_header(next(lines, _Line(1, b"")))
    imported = Imported()
    for batch in _batches(_parsed(lines, imported)):
        if stopped():
            break
        for _, memory in batch:
            told(memory)
        imported.memories += len(batch)
        if client is None:
            continue
        elsewhere = {} if namespace is None else {"namespace": namespace}
        answer = client.load([{**memory, **elsewhere} for _, memory in batch], timeout_s=TIMEOUT_S)
        imported.created += answer.created
        imported.skipped += answer.skipped
        imported.made.add(answer)
        for problem in answer.problems:
            line = batch[problem.place][0].number
            imported.add(LineProblem(line=line, id=problem.id, status=problem.status, message=problem.message))
    return imported


def _lines(file: BinaryIO) -> Iterator[_Line]:
    """Yield the lines that are not blank; of one that is too long only the beginning, which is too long still."""
    number = 0
    while text := file.readline(LINE_BYTES + 1):
        number += 1
        rest = text
        while not rest.endswith(b"\n") and (rest := file.readline(LINE_BYTES)):
            pass
        if stripped := text.strip():
            yield _Line(number, stripped)


def begins(line: bytes) -> bool:
    """Return whether a line is the header of an export."""
    return _header(line) is not None


def _header(line: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(line.removeprefix(codecs.BOM_UTF8))
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) and found.get("format") == FORMAT else None


def _check_header(line: _Line) -> None:
    found = _header(line.text)
    if found is None:
        raise ArgumentInvalidError(NO_EXPORT)
    version = found.get("version")
    if type(version) is not int or not 1 <= version <= VERSION:
        raise ArgumentInvalidError(
            f"the export has version {version!r}, this memmux reads {VERSION} at most; upgrade it"
        )


def _parsed(lines: Iterable[_Line], imported: Imported) -> Iterator[tuple[_Line, dict[str, Any]]]:
    """Yield the lines that are JSON objects, and count the others."""
    for line in lines:
        memory: Any = None
        message = "it is not a JSON object"
        if len(line.text) > LINE_BYTES:
            message = f"it has more than {LINE_BYTES} bytes"
        else:
            try:
                memory = orjson.loads(line.text)
                memory = exact_times.read(memory) if isinstance(memory, dict) else None
                if memory is not None and not isinstance(memory.get("content"), str):
                    memory, message = None, "it has no content that is a text"
            except orjson.JSONDecodeError as error:
                message = f"it is not JSON: {error}"
            except ArgumentInvalidError as error:
                memory, message = None, error.message
        if memory is not None:
            yield line, memory
        else:
            imported.add(LineProblem(line=line.number, id=None, status="broken", message=message))


def _batches(lines: Iterable[tuple[_Line, dict[str, Any]]]) -> Iterator[list[tuple[_Line, dict[str, Any]]]]:
    batch: list[tuple[_Line, dict[str, Any]]] = []
    size = 0
    for line, memory in lines:
        if batch and (len(batch) == limits.DUMP_MEMORIES or size + len(line.text) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((line, memory))
        size += len(line.text)
    if batch:
        yield batch
