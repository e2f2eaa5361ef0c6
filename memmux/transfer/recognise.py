"""Recognition: which format a file has, by what is in it, and its memories as lines for `memory.load`."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from types import ModuleType
from typing import Any

from memmux.errors import ArgumentInvalidError
from memmux.mms import private_copy
from memmux.transfer.formats import archive, basic_memory, chatgpt, claude, elements, server_memory
from memmux.transfer.formats.base import Line, Skips, parsed

NAMES = (server_memory.NAME, basic_memory.NAME, claude.NAME, chatgpt.NAME)
"""The formats of others that are read, but for those of mcp-memory-service."""

BUFFER_BYTES = 64 << 10  # that a file is opened with, to be recognised by its beginning
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
READ = (
    "an export, a database or a backup of memmux, a database or an export of "
    "mcp-memory-service, memory.jsonl of server-memory, a folder of basic-memory, or exported conversations of Claude "
    "or ChatGPT; `memmux docs migrating` has how to get each"
)
UNKNOWN = f"it is nothing that is read here: {READ}"
_BEGIN = (b"[", b"{")  # of JSON
_BLANK = b" \t\r\n\xef\xbb\xbf"
_GRAPH = re.compile(rb'\{\s*"type"\s*:\s*"(?:entity|relation)"')  # a first line that is longer than what is seen of it
_CONVERSATIONS = (claude, chatgpt)
OF_CONVERSATIONS = tuple(kind.NAME for kind in _CONVERSATIONS)
_TRIED = 100  # elements of a list, of which the first may be broken
_NO_CONVERSATION = "an element of a list that is no conversation"


@dataclass(frozen=True, slots=True)
class RecognisedFile:
    """What a file is; format: one of NAMES. label: its name for people. lines: gives its memories, for a namespace.

    times: how often they read the file, to know what they name before they yield it.
    """

    format: str
    label: str
    lines: Callable[[str], Iterator[Line]]
    times: int = 1


def of_folder(folder: Path, skips: Skips, forced: str | None = None) -> RecognisedFile:
    """Return what a folder is; raise ArgumentInvalidError if it has no notes, or if another format is forced."""
    _agree(basic_memory, forced)
    notes = basic_memory.in_folder(folder)
    if next(notes(Skips()), None) is None:
        raise ArgumentInvalidError(f"the folder {folder} has no Markdown files, so there are no notes in it to import")
    return _notes(notes, skips)


def of_file(file: io.BufferedReader, skips: Skips, forced: str | None = None) -> RecognisedFile | None:
    """Return what an open file is; None if it is none of NAMES, and then nothing was read of it.

    skips: is told what is left out, while the lines are read. Raises ArgumentInvalidError for a list or an archive in
    which there is nothing to import, and for a file that is not what is forced.
    """
    head = file.peek(BUFFER_BYTES)
    if head.startswith(private_copy.MAGIC):
        raise ArgumentInvalidError("name the file: a database can't be read from standard input")
    _refuse_utf_16(head)
    if head.startswith(archive.MAGIC):
        return _of_archive(archive.Archive(file), skips, forced)
    if head.lstrip(_BLANK).startswith(b"["):
        found = elements.elements(file, skips)
        kind, found = _kind(found)
        if kind is None:
            raise ArgumentInvalidError(f"the list has no conversations of Claude or ChatGPT; {UNKNOWN}")
        _agree(kind, forced)
        return RecognisedFile(kind.NAME, kind.LABEL, lambda namespace: _turns(found, namespace, skips))
    if _is_graph(head):
        _agree(server_memory, forced)
        return RecognisedFile(
            server_memory.NAME, server_memory.LABEL, lambda namespace: server_memory.lines(file, namespace, skips)
        )
    if forced is not None:
        raise ArgumentInvalidError(f"the file is not what --from {forced} reads; leave that out to have it recognised")
    return None


def _of_archive(opened: archive.Archive, skips: Skips, forced: str | None) -> RecognisedFile:
    kinds = {name: kind for name in opened.data if (kind := _kind_of_member(opened, name, skips)) is not None}
    kinds = {name: kind for name, kind in kinds.items() if forced in {None, kind.NAME}}
    others = opened.others + len(opened.data) - len(kinds)
    if kinds and forced != basic_memory.NAME:
        skips.add("other files of the archive", count=others + len(opened.notes))
        first = next(iter(kinds.values()))
        return RecognisedFile(first.NAME, first.LABEL, lambda namespace: _members(opened, kinds, namespace, skips))
    if not opened.notes or forced not in {None, basic_memory.NAME}:
        what = "nothing that is read here" if forced is None else f"nothing that --from {forced} reads"
        why = f"; {skips.named[0].reason}: {skips.named[0].name}" if skips.named else ""
        raise ArgumentInvalidError(f"the archive holds {what}{why}; {READ}")
    skips.add("other files of the archive", count=others)
    return _notes(opened.read_notes, skips)


def _kind_of_member(opened: archive.Archive, name: str, skips: Skips) -> ModuleType | None:
    """Return which format a member has; None if it has none of them, or can't be read."""
    try:
        with opened.open(name) as member:
            head = member.peek(BUFFER_BYTES)
            _refuse_utf_16(head)
            if head.lstrip(_BLANK).startswith(b"["):
                return _kind(elements.elements(member, Skips()))[0]
            return server_memory if _is_graph(head) else None
    except ArgumentInvalidError as error:
        skips.add("a file that can't be read or is no list", error.message)
        return None


def _members(opened: archive.Archive, kinds: dict[str, ModuleType], namespace: str, skips: Skips) -> Iterator[Line]:
    for name, kind in kinds.items():
        try:
            with opened.open(name) as member:
                if kind is server_memory:
                    yield from server_memory.lines(member, namespace, skips)
                else:
                    yield from _turns(elements.elements(member, skips), namespace, skips)
                while member.read(BUFFER_BYTES):  # to its end, where its checksum is compared
                    pass
        except ArgumentInvalidError as error:
            skips.add("the rest of a file, which can't be read", error.message)


def _kind(found: Iterator[Any]) -> tuple[ModuleType | None, Iterator[Any]]:
    """Return which format the elements of a list have, by the first that has any, and all elements."""
    looked = list[Any]()
    for element in islice(found, _TRIED):
        looked.append(element)
        if (kind := _kind_of(element)) is not None:
            return kind, chain(looked, found)
    return None, chain(looked, found)


def _kind_of(element: object) -> ModuleType | None:
    return next((kind for kind in _CONVERSATIONS if kind.is_one(element)), None)


def _turns(found: Iterable[Any], namespace: str, skips: Skips) -> Iterator[Line]:
    for number, element in enumerate(found, start=1):
        skips.place = f"conversation {number}"
        if (kind := _kind_of(element)) is None:
            skips.add(_NO_CONVERSATION)
        else:
            yield from kind.lines(element, namespace, skips)


def _refuse_utf_16(head: bytes) -> None:
    if head.startswith(UTF_16) or (b"\0" in head[:2] and head[:2].strip(b"\0") in _BEGIN):
        raise ArgumentInvalidError("the file is in UTF-16, and is read in UTF-8 only; save it as that")


def _notes(notes: basic_memory.Notes, skips: Skips) -> RecognisedFile:
    def lines(namespace: str) -> Iterator[Line]:
        return basic_memory.lines(notes, namespace, skips)

    return RecognisedFile(basic_memory.NAME, basic_memory.LABEL, lines, times=2)


def _is_graph(head: bytes) -> bool:
    begin = head.lstrip(_BLANK)
    try:
        return server_memory.is_one(parsed(begin.partition(b"\n")[0]))
    except ValueError:
        return _GRAPH.match(begin) is not None


def _agree(found: ModuleType, forced: str | None) -> None:
    if forced not in {None, found.NAME}:
        raise ArgumentInvalidError(f"it is {found.LABEL}, and not what --from {forced} reads; leave that out")
