"""The files that memories are from: which are known below a path, and the deletion of what is known of some."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from memmux import limits
from memmux.client.blocking import Client
from memmux.errors import NotFoundError
from memmux.ingest.files import Chosen, Complain, is_gone
from memmux.ingest.parser import Cancelled, check, never
from memmux.wire.answers import Forgotten, Memory
from memmux.wire.requests import DEFAULT_NAMESPACE

TYPE = "document"  # of the memories
UPLOAD = "upload:"  # before the name of a file that was sent here; no absolute path begins so
NEAREST = 3  # files that are named in the place of one that is not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which memories of documents are meant: the fields of a filter."""

    tags: Sequence[str] = ()
    any_tag: bool = False
    type: str | None = TYPE
    after: datetime | str | None = None
    before: datetime | str | None = None
    namespace: str | None = DEFAULT_NAMESPACE


def forget(client: Client, path: Path, selection: Selection, *, dry_run: bool = False) -> Forgotten:
    """Delete the memories of a file, or of all files that were in a folder, whether they are there or not."""
    known = _known(client, selection, never)
    meant = {os.path.abspath(path.expanduser()), str(path.expanduser().resolve())}  # noqa: PTH100 - a link may be meant
    sources = sorted(source for source in known if any(_is_in(source, Path(each)) for each in meant))
    parts = [
        client.forget(
            tags=selection.tags,
            any_tag=selection.any_tag,
            type=selection.type,
            after=selection.after,
            before=selection.before,
            namespace=selection.namespace,
            metadata={"source": source},
            dry_run=dry_run,
        )
        for source in sources
    ]
    return joined(parts, dry_run=dry_run)


def joined(parts: Sequence[Forgotten], *, dry_run: bool) -> Forgotten:
    """Return what several deletions did as one, whose changes are named where they follow each other."""
    ids = tuple(memory_id for part in parts for memory_id in part.ids)
    seqs = [(part.first_seq, part.last_seq) for part in parts]
    made = [(first, last) for first, last in seqs if first is not None and last is not None]
    unbroken = all(last + 1 == first for (_, last), (first, _) in pairwise(made))
    first, last = (made[0][0], made[-1][1]) if made and unbroken else (None, None)
    return Forgotten(ids=ids, count=len(ids), dry_run=dry_run, first_seq=first, last_seq=last)


def nearest(client: Client, path: Path, selection: Selection) -> list[str]:
    """Return the known files with paths most like this one."""
    known = _known(client, selection, never)
    same = [source for source in known if Path(source).name == path.name]
    alike = difflib.get_close_matches(os.path.abspath(path.expanduser()), known, NEAREST)  # noqa: PTH100 - as above
    return list(dict.fromkeys([*same, *alike]))[:NEAREST]


def prune(
    client: Client,
    chosen: Sequence[Chosen],
    *,
    namespace: str,
    recursive: bool,
    complain: Complain,
    cancelled: Cancelled,
) -> int:
    """Delete the memories of files that are gone from the folders that were ingested; return how many.

    A folder in which nothing is left, or nothing of what is known of it, may be one that is not mounted: what is known
    of it stays, with a complaint that says how to delete it.
    """
    folders = [each for each in chosen if each.folder]
    if not folders:
        return 0
    known = _known(client, Selection(namespace=namespace), cancelled)
    pruned = 0
    for folder in folders:
        inside = [Path(source) for source in known if _is_in(source, folder.named)]
        if not recursive:
            inside = [path for path in inside if path.parent == folder.named]
        gone = [path for path in inside if is_gone(path)]
        if gone and len(gone) == len(inside):
            complain(folder.named, _doubt(folder.named, len(gone)))
            continue
        kept: dict[Path, int] = {}
        for path in gone:
            place = _nearest(path)
            if _is_empty(place):
                kept[place] = kept.get(place, 0) + 1
                continue
            for memory_id in known[str(path)]:
                check(cancelled)
                with suppress(NotFoundError):  # somebody else was quicker
                    client.delete(memory_id, namespace=namespace)
                    pruned += 1
        for place, count in kept.items():
            complain(place, _doubt(place, count))
    return pruned


def _doubt(folder: Path, files: int) -> str:
    return (
        f"none of the {files} files that are known of it is there; if it is not mounted, mount it, and if they are gone"
        f" for good, say `memmux forget --source {folder}`; their memories stay"
    )


def _known(client: Client, selection: Selection, cancelled: Cancelled) -> dict[str, list[str]]:
    """Return the ids of the memories of each file."""
    ids: dict[str, list[str]] = {}
    for memory in _all(client, selection, cancelled):
        if isinstance(source := memory.metadata.get("source"), str):
            ids.setdefault(source, []).append(memory.id)
    return ids


def _all(client: Client, selection: Selection, cancelled: Cancelled) -> Iterator[Memory]:
    """Yield the memories, newest first; one that is stored meanwhile moves the others, none of which is left out."""
    offset = 0
    while True:
        check(cancelled)
        page = client.list(
            tags=selection.tags,
            any_tag=selection.any_tag,
            type=selection.type,
            after=selection.after,
            before=selection.before,
            namespace=selection.namespace,
            limit=limits.LIST_LIMIT,
            offset=offset,
        )
        yield from page.memories
        offset += len(page.memories)
        if not page.memories or offset >= page.total:
            return


def _is_in(source: str, folder: Path) -> bool:
    return os.path.isabs(source) and Path(source).is_relative_to(folder)  # noqa: PTH117 - a text, of anybody's making


def _nearest(path: Path) -> Path:
    """Return the nearest folder above a file that is gone that is still there."""
    return next(folder for folder in path.parents if not is_gone(folder))


def _is_empty(folder: Path) -> bool:
    """Return whether nothing is in a folder, as where something was mounted; one that can't be read counts as empty."""
    try:
        return next(folder.iterdir(), None) is None
    except OSError:
        return True
