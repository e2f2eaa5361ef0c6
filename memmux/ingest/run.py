"""The two ways to ingest: files of this machine, and a file that was sent here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

from memmux import limits
from memmux.client.blocking import Client
from memmux.ingest import files
from memmux.ingest.file_memories import FileMemories, Progress
from memmux.ingest.parser import Cancelled, Parser, never
from memmux.ingest.report import Ingested
from memmux.ingest.sources import UPLOAD, prune
from memmux.wire.checks import check_range, check_tags, check_text
from memmux.wire.namespaces import Unnamed

CHUNK_SIZE = 1000  # characters
CHUNK_OVERLAP = 200  # characters
MAX_FILES = 100
LEAST_CHUNK = 50  # characters


def ingest(
    client: Client,
    path: str | Path | Sequence[Path],
    *,
    tags: Sequence[str] = (),
    namespace: str | None = None,
    chunk_size: int = CHUNK_SIZE,
    chunk_overlap: int = CHUNK_OVERLAP,
    recursive: bool = True,
    extensions: Collection[str] | None = None,
    max_files: int = MAX_FILES,
    roots: Sequence[Path] | None,
    prune_gone: bool = False,
    progress: Progress | None = None,
    cancelled: Cancelled = never,
) -> Ingested:
    """Make memories of files, or of the files in folders, and bring those that were made before up to date.

    Each chunk is a memory of type `document` with the tags and as metadata: source, the file's absolute path; chunk,
    its number from 0; chunks, how many there are; file_hash, SHA-256 of the file; chunking, size and overlap; title;
    of a PDF page; and file_tags, the tags that the file gives itself. What an interrupted ingest left undone, the next
    one does.

    path: one or several. namespace: None for the client's own. chunk_size, chunk_overlap: in characters.
    extensions: of the files to read of a folder. max_files: of a folder. roots: the folders that may be read; None
    if the path is the user's own word. prune_gone: delete what is known of files that are gone from the folders.
    cancelled: asked again and again whether nobody waits any more. A file that can't be read is a problem and stops
    nothing. Raises PathRefusedError, ArgumentInvalidError, LimitOutOfRangeError, TagInvalidError, CancelledError,
    and whatever the client raises.
    """
    check_tags(tags)
    namespace = Unnamed(client.settings.namespace) if namespace is None else namespace
    check_text("namespace", namespace, limits.NAMESPACE_CHARACTERS)
    check_range("chunk_size", chunk_size, LEAST_CHUNK, limits.CHUNK_CHARACTERS)
    check_range("chunk_overlap", chunk_overlap, 0, chunk_size // 2)
    check_range("max_files", max_files, 1, limits.INGEST_FILES)
    with Parser((chunk_size, chunk_overlap), cancelled) as parser:
        made = FileMemories(client, parser, cancelled, tuple(tags), namespace, (chunk_size, chunk_overlap))
        chosen = [
            files.choose(
                Path(named),
                roots=roots,
                recursive=recursive,
                extensions=extensions,
                max_files=max_files,
                complain=made.complain,
                cancelled=cancelled,
            )
            for named in ([path] if isinstance(path, str | Path) else path)
        ]
        made.left_out = sum((each.left_out for each in chosen), Counter())
        made.all(dict.fromkeys(file for each in chosen for file in each.files), progress or _nothing)
        if prune_gone:
            made.pruned = prune(
                client,
                chosen,
                namespace=namespace,
                recursive=recursive,
                complain=made.complain,
                cancelled=cancelled,
            )
    return made.result()


def ingest_upload(
    client: Client,
    name: str,
    file: Path,
    *,
    tags: Sequence[str] = (),
    namespace: str | None = None,
    chunk_size: int = CHUNK_SIZE,
    chunk_overlap: int = CHUNK_OVERLAP,
    progress: Progress | None = None,
    cancelled: Cancelled = never,
) -> Ingested:
    """Make memories of a file that was sent here, which is no file of this machine: their source is `upload:NAME`.

    name: of the file where it came from, with folders if they matter. file: where its bytes are for now. Sent again
    under the same name, it is brought up to date. Raises what `ingest` does, and ArgumentInvalidError if it can't be
    read.
    """
    check_tags(tags)
    namespace = Unnamed(client.settings.namespace) if namespace is None else namespace
    check_text("namespace", namespace, limits.NAMESPACE_CHARACTERS)
    check_range("chunk_size", chunk_size, LEAST_CHUNK, limits.CHUNK_CHARACTERS)
    check_range("chunk_overlap", chunk_overlap, 0, chunk_size // 2)
    size, report = files.size(file), progress or _nothing
    with Parser((chunk_size, chunk_overlap), cancelled) as parser:
        made = FileMemories(client, parser, cancelled, tuple(tags), namespace, (chunk_size, chunk_overlap), here=False)
        opened = files.read(file, cancelled)
        made.opened(Path(f"{UPLOAD}{name}"), opened, lambda part: report(int(size * part), size))
        made.clean_up()
    report(size, size)
    return made.result()


def _nothing(_done: int, _total: int) -> None:
    """Tell nobody."""
