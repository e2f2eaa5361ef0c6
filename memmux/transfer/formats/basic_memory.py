"""The notes of basic-memory: a folder of Markdown files.

Each has front matter in YAML (title, type, tags, permalink, and whatever else), and anywhere in its text observations,
`- [category] text #tag (context)`, and relations, `- type [[Target]] (context)`; a `[[Target]]` elsewhere is a relation
`links_to`. A target is a title, a permalink, or the path of a file. So say its NOTE-FORMAT.md and its page "Knowledge
Format" of 2026. A tick box, `- [ ]` or `- [x]`, and a link, `- [text](address)`, are no observations.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from memmux import limits
from memmux.transfer.formats.base import OPEN, Line, Skips, clean, line, link, moment, stable_id

NAME = "basic-memory"
LABEL = "notes of basic-memory"
EXTENSION = ".md"
NOTES = 100_000  # that are read
MATTER_BYTES = 64 << 10  # of front matter
KIND_CHARACTERS = 128  # of a relation's
DEPTH = 20  # of lists and objects in one another, in front matter
_HOME = "https://github.com/basicmachines-co/basic-memory"
_MATTER = re.compile(r"\A---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_OBSERVATION = re.compile(r"^[ \t]*[-*][ \t]+\[([^\[\]()\n]{1,128})\](?!\()[ \t]+(\S[^\n]*)$", re.MULTILINE)
_RELATION = re.compile(r"^[ \t]*[-*][ \t]([^\[\]\n]*+)\[\[([^\[\]\n]{1,512})\]\]", re.MULTILINE)
_MENTION = re.compile(r"\[\[([^\[\]\n]{1,512})\]\]")
_TAG = re.compile(r"(?:^|\s)#([^\s#,;()\[\]]{1,128})")
_HEADING = re.compile(r"\A(?:#[ \t]+([^ \t\n][^\n]*)|([^\n]+)\n=+[ \t]*)(?:\n|\Z)")
_FENCE = re.compile(r"^(```|~~~).*?(?:^\1[^\n]*$|\Z)", re.DOTALL | re.MULTILINE)
_WRITTEN = {4: "%Y", 8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}  # a date as a number, by its digits
_SECONDS = 10  # digits of seconds since 1970, from 2001 to 2286
_TICKS = {"", "x", "-", "/"}
_LONG = f"a note of more than {limits.CONTENT_BYTES} bytes, the most"


@dataclass(frozen=True, slots=True)
class Note:
    """A file; name: its path in the folder, with slashes. at: when it was written, in seconds since 1970."""

    name: str
    data: bytes
    at: float


Notes = Callable[[Skips], Iterator[Note]]
"""Gives all notes, each time anew."""


def in_folder(folder: Path) -> Notes:
    """Return what gives the notes of a folder and of those in it, in order of their names; what is hidden is left out.

    No link is followed, neither to a folder nor to a file: it may lead anywhere.
    """

    def notes(skips: Skips) -> Iterator[Note]:
        def failed(error: OSError) -> None:
            skips.add("a folder that can't be read", error.filename)

        for here, folders, files in os.walk(folder, onerror=failed):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(files):
                if not name.lower().endswith(EXTENSION) or name.startswith("."):
                    continue
                path = Path(here, name)
                if (note := _read(path, path.relative_to(folder).as_posix(), skips)) is not None:
                    yield note

    return notes


def lines(notes: Notes, namespace: str, skips: Skips) -> Iterator[Line]:
    """Yield each note as a memory: its text as it stands, with its relations as links."""
    known = _Names(namespace)
    for number, note in enumerate(notes(Skips()), start=1):
        if number > NOTES:
            skips.add(f"notes beyond the first {NOTES}")
            break
        known.add(_parsed(note))
    for number, note in enumerate(notes(skips), start=1):
        if number > NOTES:
            break
        read = _parsed(note)
        if read.unreadable:
            skips.add("front matter that can't be read, which was taken as text", note.name)
        made = line(
            skips,
            home=_HOME,
            namespace=namespace,
            name=read.key,
            content=read.content,
            created_at=read.time("created", "created_at", "date", default=note.at),
            updated_at=read.time("modified", "updated", "updated_at", default=note.at),
            tags=read.tags,
            type_=read.kind,
            metadata=read.metadata,
            links=known.links(read, skips),
        )
        if made is not None:
            yield made


def _read(path: Path, name: str, skips: Skips) -> Note | None:
    """Return a file as a note; None, which is noted, if it is none."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as opened:
            found = os.fstat(opened.fileno())
            if not stat.S_ISREG(found.st_mode):
                skips.add("no ordinary file", name)
                return None
            data = opened.read(limits.CONTENT_BYTES + MATTER_BYTES + 1)
    except OSError as error:
        skips.add("a link, which is not followed" if path.is_symlink() else f"a file: {error.strerror}", name)
        return None
    if len(data) > limits.CONTENT_BYTES + MATTER_BYTES:
        skips.add(_LONG, name)
        return None
    return Note(name, data, found.st_mtime)


@dataclass(frozen=True, slots=True)
class _Parsed:
    """A note as it is understood; matter: what its front matter says. spoken: its text without blocks of code."""

    name: str
    matter: Mapping[str, Any]
    text: str
    spoken: str
    unreadable: bool

    @property
    def title(self) -> str:
        """Its title, or the name of its file."""
        return self.said_title or Path(self.name).stem

    @property
    def said_title(self) -> str:
        """The title of its front matter; empty if there is none."""
        said = self.matter.get("title")
        return str(said) if isinstance(said, str | int) and str(said).strip() else ""

    @property
    def key(self) -> str:
        """What it is known by for good: its permalink, or the path of its file without the extension."""
        said = self.matter.get("permalink")
        return said if isinstance(said, str) and said.strip() else self.name[: -len(EXTENSION)]

    @property
    def kind(self) -> str:
        """Its type."""
        said = self.matter.get("type")
        return said if isinstance(said, str) else "note"

    @property
    def content(self) -> str:
        """Its text, under its title unless it says that itself."""
        text, title = self.text.strip(), self.said_title
        heading = _HEADING.match(text)
        if heading is not None and (not title or _words(title) == _words(heading[1] or heading[2])):
            return text
        return text if self.title in text[: len(self.title) + 8] else f"# {self.title}\n\n{text}".rstrip()

    @property
    def tags(self) -> list[str]:
        """The tags of its front matter and of its observations."""
        said = self.matter.get("tags")
        own = said.split(",") if isinstance(said, str) else said if isinstance(said, list) else []
        found = [tag for _, text in self.observations for tag in _TAG.findall(text)]
        return [str(tag).strip().removeprefix("#") for tag in (*own, *found) if isinstance(tag, str | int)]

    @property
    def observations(self) -> list[tuple[str, str]]:
        """Its observations: the category and the text of each."""
        found = _OBSERVATION.findall(self.spoken)
        return [(kind.strip(), text) for kind, text in found if kind.strip().lower() not in _TICKS]

    @property
    def metadata(self) -> dict[str, Any]:
        """What else its front matter says, its title, and the categories of its observations."""
        rest = {key: value for key, value in self.matter.items() if key not in ("tags", "type")}
        categories = list(dict.fromkeys(kind for kind, _ in self.observations))
        return {**_plain(rest), "title": self.title, **({"categories": categories} if categories else {})}

    @property
    def relations(self) -> dict[tuple[str, str], None]:
        """What it is related to, and how: the type and the target of each."""
        found: dict[tuple[str, str], None] = {}
        typed: set[str] = set()
        for said, target in _RELATION.findall(self.spoken):
            if len(kind := said.strip()) <= KIND_CHARACTERS:
                found[kind or "relates_to", target] = None
                typed.add(target)
        found |= {("links_to", target): None for target in _MENTION.findall(self.spoken) if target not in typed}
        return found

    def time(self, *names: str, default: float) -> float:
        """Return the first time that its front matter has under these names."""
        said = (_moment(self.matter.get(name)) for name in names)
        return next((at for at in said if at is not None), default)


class _Names:
    """What each note may be called in a relation, and its id."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._ids: dict[str, str] = {}

    def add(self, note: _Parsed) -> None:
        """Note what a note may be called; a name that several have is the first one's."""
        memory_id = stable_id(_HOME, self._namespace, note.key)
        for name in (note.key, note.title, note.name, note.name[: -len(EXTENSION)]):
            self._ids.setdefault(_folded(name), memory_id)

    def links(self, note: _Parsed, skips: Skips) -> list[Line]:
        """Return the relations of a note to notes that are there."""
        found = []
        for kind, target in note.relations:
            name = target.partition("|")[0].partition("#")[0]
            if (memory_id := self._ids.get(_folded(name))) is None:
                skips.add(OPEN)
            else:
                found.append(link(memory_id, kind))
        return found


def _words(title: str) -> list[str]:
    return re.findall(r"\w+", title.casefold().replace("_", " "))


def _folded(name: str) -> str:
    return clean(name).strip().casefold()


def _parsed(note: Note) -> _Parsed:
    """Return a note as it is understood, whatever is in it."""
    text = clean(note.data.removeprefix(b"\xef\xbb\xbf").decode(errors="replace"))
    found = _MATTER.match(text[:MATTER_BYTES])
    matter = _yaml(found[1]) if found is not None else {}
    rest = text if found is None or matter is None else text[found.end() :]
    return _Parsed(note.name, matter or {}, rest, _FENCE.sub("", rest), unreadable=matter is None)


def _yaml(text: str) -> Mapping[str, Any] | None:
    """Return the object that YAML says; None if it says none, or holds an alias, which may stand for a bomb."""
    import yaml  # costs 20 ms, and only these notes need it

    loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
    depth = 0
    try:
        for event in yaml.parse(text, Loader=loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEPTH or isinstance(event, yaml.AliasEvent):
                return None
        said = yaml.load(text, Loader=loader)  # noqa: S506 - safe
        str(said)  # which fails for a number of more digits than Python writes
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    if said is None:
        return {}
    return {str(key): value for key, value in said.items()} if isinstance(said, dict) else None


def _plain(value: Any) -> Any:
    """Return what YAML says as JSON has it: its dates and times become texts."""
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(part) for part in value]
    return value if value is None or isinstance(value, str | int | float | bool) else _iso(value)


def _moment(value: Any) -> float | None:
    """Return the time that front matter has; of a number the date that it is written as, or seconds of our time."""
    if isinstance(value, str) and value.strip().isdecimal():
        value = float(value)
    if not isinstance(value, int | float):
        return moment(_iso(value))
    try:
        if len(digits := str(int(value))) == _SECONDS:
            return moment(value)
        return moment(datetime.strptime(digits, _WRITTEN[len(digits)]).isoformat())  # noqa: DTZ007 - as others
    except (KeyError, ValueError, OverflowError):
        return None


def _iso(value: Any) -> object:
    """Return a time of YAML as text; a value that is none, as it is."""
    return value.isoformat() if hasattr(value, "isoformat") else value if isinstance(value, str | int | float) else None
