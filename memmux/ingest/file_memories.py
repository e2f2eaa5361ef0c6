"""The memories that are made of files: brought up to date with them, one file after the other."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from memmux import limits
from memmux.client.blocking import Client
from memmux.errors import ArgumentInvalidError, NotFoundError
from memmux.ingest import files
from memmux.ingest.files import Opened
from memmux.ingest.formats.base import clean
from memmux.ingest.parser import Cancelled, Parser, check
from memmux.ingest.report import FileProblem, Ingested
from memmux.ingest.sources import TYPE, UPLOAD
from memmux.wire.answers import Memory
from memmux.wire.requests import Store

BATCH = 32  # chunks of one request; small, so that progress is seen
TIMEOUT_S = 300.0  # for a batch, which waits for the embedder
_KEYS = ("source", "chunk", "chunks", "file_hash", "chunking", "title", "page", "file_tags")  # of a chunk's metadata

Progress = Callable[[int, int], None]
"""Called with how many bytes of the files are done, and how many there are."""


@dataclass(slots=True)
class FileMemories:
    """The memories of files, during one ingest.

    here: whether the files are of this machine, and none that was sent here. shared: chunks whose content another
    memory has, by its id. gone: memories that their files have no more; they are deleted last of all, as another file
    may turn out to have the same content.
    """

    client: Client
    parser: Parser
    cancelled: Cancelled
    tags: tuple[str, ...]
    namespace: str
    chunking: tuple[int, int]
    here: bool = True
    files: int = 0
    chunks: int = 0
    replaced: int = 0
    skipped: int = 0
    pruned: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    problems: list[FileProblem] = field(default_factory=list)
    remarks: list[FileProblem] = field(default_factory=list)
    degraded: dict[str, None] = field(default_factory=dict)
    shared: dict[str, Store] = field(default_factory=dict)
    gone: list[Memory] = field(default_factory=list)

    def complain(self, path: Path, message: str) -> None:
        """Remember a problem."""
        self.problems.append(_problem(path, message))

    def all(self, paths: Iterable[Path], progress: Progress) -> None:
        """Bring the memories of files up to date."""
        sizes = {path: files.size(path) for path in paths}
        done, total = 0, sum(sizes.values())
        for path, size in sizes.items():

            def partly(part: float, done: int = done, size: int = size) -> None:
                progress(done + int(size * part), total)

            partly(0)
            check(self.cancelled)
            try:
                self.file(path, partly)
            except ArgumentInvalidError as error:
                self.complain(path, error.message)
            done += size
        self.clean_up()
        progress(total, total)

    def file(self, path: Path, partly: Callable[[float], None]) -> None:
        """Bring the memories of one file up to date; raise ArgumentInvalidError if it can't be read."""
        try:
            str(path).encode()
        except UnicodeEncodeError:
            raise ArgumentInvalidError("its name is not UTF-8; rename it") from None
        self.opened(path, files.read(path, self.cancelled), partly)

    def opened(self, path: Path, opened: Opened, partly: Callable[[float], None]) -> None:
        """Bring the memories of a file that is read up to date; path: what they have as their source."""
        known = self._known(path)
        if self._complete(known, opened.digest):
            self.skipped += 1
            return
        wanted = self._wanted(path, opened)
        self.files += 1
        known_by_content = {memory.content: memory for memory in known}
        missing = [chunk for chunk in wanted if chunk.content not in known_by_content]
        for chunk in wanted:
            if memory := known_by_content.get(chunk.content):
                self._adapt(memory, chunk)
        for first in range(0, len(missing), BATCH):
            check(self.cancelled)
            self._store(missing[first : first + BATCH])
            partly(min(1.0, (first + BATCH) / len(missing)))
        contents = {chunk.content for chunk in wanted}
        self.gone += [memory for memory in known if memory.content not in contents]

    def clean_up(self) -> None:
        """Delete what no file has any more; what another one has becomes its own."""
        for memory in self.gone:
            check(self.cancelled)
            if chunk := self.shared.get(memory.id):
                self._adapt(memory, chunk)
                continue
            with suppress(NotFoundError):  # somebody else was quicker
                self.client.delete(memory.id, namespace=self.namespace)
                self.replaced += 1

    def result(self) -> Ingested:
        """Return what was done."""
        return Ingested(
            files=self.files,
            chunks=self.chunks,
            replaced=self.replaced,
            skipped=self.skipped,
            shared=len(self.shared),
            pruned=self.pruned,
            left_out=dict(self.left_out.most_common()),
            problems=tuple(self.problems),
            remarks=tuple(self.remarks),
            degraded=tuple(self.degraded),
        )

    def _known(self, path: Path) -> list[Memory]:
        """Return the memories that were made of a file."""
        found: list[Memory] = []
        while True:
            page = self.client.list(
                type=TYPE,
                metadata={"source": str(path)},
                namespace=self.namespace,
                limit=limits.LIST_LIMIT,
                offset=len(found),
            )
            found += page.memories
            if not page.memories or len(found) >= page.total:
                return found

    def _complete(self, known: Sequence[Memory], digest: str) -> bool:
        """Return whether the memories are all those of a file with this hash, cut and tagged as they shall be."""
        if not known:
            return False
        chunking = list(self.chunking)
        as_wanted = all(
            memory.metadata.get("file_hash") == digest
            and memory.metadata.get("chunking") == chunking
            and not _missing(self.tags, memory.tags)
            for memory in known
        )
        numbers = {memory.metadata.get("chunk") for memory in known}
        return as_wanted and numbers == set(range(len(known))) and known[0].metadata.get("chunks") == len(known)

    def _wanted(self, path: Path, opened: Opened) -> list[Store]:
        """Return the memories that a file shall be, each content once."""
        parsed = self.parser.parse(path.name, opened.data)
        if parsed.remark:
            self.remarks.append(_problem(path, parsed.remark))
        tags = (*self.tags, *_missing(parsed.tags, self.tags))[: limits.TAGS]
        return [
            Store(
                content=content,
                tags=tags,
                type=TYPE,
                metadata={
                    "source": str(path),
                    "chunk": number,
                    "chunks": len(parsed.contents),
                    "file_hash": opened.digest,
                    "chunking": list(self.chunking),
                    "title": parsed.title,
                    **({} if page is None else {"page": page}),
                    **({"file_tags": list(parsed.tags)} if parsed.tags else {}),
                },
                namespace=self.namespace,
                merge=False,  # a memory of somebody's own does not become one of the file's
            )
            for number, (content, page) in enumerate(parsed.contents.items())
        ]

    def _adapt(self, memory: Memory, chunk: Store) -> None:
        """Have a memory say what is true of the chunk; its content is that of the chunk already."""
        metadata: Mapping[str, object] = {key: chunk.metadata.get(key) for key in _KEYS}
        tags = _tags(memory, chunk)
        if tags == memory.tags and all(memory.metadata.get(key) == value for key, value in metadata.items()):
            return
        with suppress(NotFoundError):  # somebody deleted it meanwhile
            self.client.update(
                memory.id,
                metadata=metadata,
                tags=tags if tags != memory.tags else None,
                namespace=self.namespace,
            )

    def _store(self, chunks: Sequence[Store]) -> None:
        for chunk, stored in zip(chunks, self.client.store_batch(chunks, timeout_s=TIMEOUT_S), strict=True):
            self.degraded.update(dict.fromkeys(stored.degraded))
            if stored.status == "duplicate":
                self._share(stored.id, chunk)
            else:
                self.chunks += 1

    def _share(self, memory_id: str, chunk: Store) -> None:
        """Note that another memory has the content; if its file is gone, as after a move, the memory is ours.

        Not of one that was sent here: who sends it would learn which files are there.
        """
        self.shared[memory_id] = chunk
        if not self.here:
            return
        with suppress(NotFoundError):
            memory = self.client.get(memory_id, namespace=self.namespace)
            source = memory.metadata.get("source")
            if memory.type == TYPE and isinstance(source, str) and _was_here(source):
                self._adapt(memory, chunk)


def _was_here(source: str) -> bool:
    """Return whether a source is a file of this machine that is gone, and none that was sent here."""
    return not source.startswith(UPLOAD) and files.is_gone(Path(source))


def _problem(path: Path, message: str) -> FileProblem:
    return FileProblem(path=os.fsencode(path).decode(errors="replace"), message=clean(message))


def _tags(memory: Memory, chunk: Store) -> tuple[str, ...]:
    """Return the tags of a memory with those of the chunk, without those that its file gave it and gives no more."""
    said = memory.metadata.get("file_tags")
    former = [tag for tag in said if isinstance(tag, str)] if isinstance(said, list) else []
    dropped = {tag.strip().casefold() for tag in _missing(former, chunk.tags)}
    kept = [tag for tag in memory.tags if tag.strip().casefold() not in dropped]
    return (*kept, *_missing(chunk.tags, kept))[: limits.TAGS]


def _missing(wanted: Iterable[str], there: Iterable[str]) -> tuple[str, ...]:
    """Return the tags that are not there; case does not matter."""
    names = {tag.strip().casefold() for tag in there}
    return tuple(tag for tag in wanted if tag.strip().casefold() not in names)
