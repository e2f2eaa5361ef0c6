"""The way back: a database that releases 12.x of mcp-memory-service open, made from a dump of all memories.

What memmux has and theirs has not is left behind: the windows of long texts but the first, the change log, and all but
one of several links between the same two memories. Each of these that was there is counted.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import orjson

from memmux import named_queries
from memmux.errors import ArgumentInvalidError, StorageError, StorageFullError, of_system
from memmux.files import durable, replacement
from memmux.mms import from_memory
from memmux.mms.ids import DIMENSIONS, memory_id
from memmux.mms.report import Oddity
from memmux.mms.vectors import FLOAT_BYTES

if TYPE_CHECKING:
    import apsw

_FOLDER = Path(__file__).with_name("sql")
_SQL = named_queries.load(_FOLDER / "back.sql")
_NAMED = 1_000  # oddities that are named
_SIMILARITY = 1.0  # of a link of which none is known; theirs must have one
_BESIDE = ("-journal", "-wal", "-shm")

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "tag_with_comma": "a tag with a comma, by which theirs divides tags: written with a semicolon",
        "same_hash": "content that theirs takes for the same as another memory's, as only case or namespace differ: "
        "written under another hash",
        "deleted_twice": "a deleted memory whose content another memory has, too: left out",
        "links_joined": "several links between the same two memories, of which theirs has one: the first was written",
        "relation_lost": "a newer or older version that is not there any more: left out",
    }
)
"""What can't be written as it is, and what becomes of it."""


@dataclass(slots=True)
class Written:
    """Counts of what was written; pending: live memories without a vector, which theirs will make. odd: as KINDS."""

    memories: int = 0
    deleted: int = 0
    links: int = 0
    vectors: int = 0
    pending: int = 0
    odd: dict[str, int] = field(default_factory=dict)
    named: list[Oddity] = field(default_factory=list)

    def note(self, kind: str, content_hash: str, message: str = "") -> None:
        """Count something that can't be written as it is."""
        assert kind in KINDS, kind
        self.odd[kind] = self.odd.get(kind, 0) + 1
        if len(self.named) < _NAMED:
            self.named.append(Oddity(kind, content_hash, message))

    def lines(self) -> list[str]:
        """Return it for people."""
        head = (
            f"{self.memories} memories, {self.deleted} of them deleted, with {self.vectors} vectors and {self.links} "
            "links" + (f"; {self.pending} are yet to be embedded there" if self.pending else "")
        )
        return [head, *(f"{kind} ({count}): {KINDS[kind]}" for kind, count in sorted(self.odd.items()))]


def _script(name: str, **values: object) -> str:
    """Return a script, with `values` for what stands in it in braces; not a format, as their schema has braces too."""
    text = (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")
    for placeholder, value in values.items():
        text = text.replace(f"{{{placeholder}}}", str(value))
    return text


@dataclass(frozen=True, slots=True)
class _Relations:
    """The relations of a memory to others, which are written once all are there."""

    row: int
    hash: str
    line: Mapping[str, Any]


class Writer:
    """Writes memories into a new database of theirs, in one transaction.

    model: the name of the model whose vectors are written.
    """

    def __init__(self, connection: apsw.Connection, model: str | None) -> None:
        self.written = Written()
        self._connection = connection
        self._model = model
        self._dimensions = 0  # of the vectors; 0 until the first is there
        self._names: dict[str, str] = {}  # the hash there of what has this id or alias here
        self._versions: dict[str, int] = {}  # by id, of those that are known
        self._related: list[_Relations] = []
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(_script("mms_12_4", applied_at=datetime.now(UTC).isoformat()))

    def add(self, line: Mapping[str, Any]) -> None:
        """Write a memory as a dump has it, with its vectors."""
        found, tags_whole = from_memory.row(line)
        vector = None if found.deleted_at is not None else self._vector(line)
        content_hash, left_out = self._hash_for(found, line["id"])
        for name in (line["id"], *line.get("aliases", ())):
            self._names.setdefault(name, content_hash)
        if left_out:
            return
        if not tags_whole:
            self.written.note("tag_with_comma", content_hash, found.tags)
        pending = vector is None and found.deleted_at is None
        values = {**asdict(found), "hash": content_hash, "embedding_pending": int(pending)}
        self._connection.execute(_SQL["insert"], values)
        row = self._connection.last_insert_rowid()
        if vector is not None:
            self._connection.execute(_SQL["insert_vector"], {"row": row, "vector": vector, "store": found.store})
        self.written.memories += 1
        self.written.deleted += found.deleted_at is not None
        self.written.vectors += vector is not None
        self.written.pending += pending
        made_here = not from_memory.origin_of(line) and line.get(
            "supersedes"
        )  # then it is one more than what it replaced
        version = from_memory.origin_of(line).get("version", None if made_here else 1)
        if isinstance(version, int):
            self._versions[line["id"]] = version
        if line.get("supersedes") or line.get("superseded_by") or line.get("links") or version != 1:
            self._related.append(_Relations(row, content_hash, _relations(line)))

    def finish(self) -> None:
        """Write what memories have to do with each other, and the full-text index, and commit."""
        parents = {one.line["id"]: one.line.get("supersedes") for one in self._related}
        for one in self._related:
            version = self._version(one.line["id"], parents)
            values = {
                "row": one.row,
                "parent_id": self._relation(one, "supersedes", "parent_id"),
                "superseded_by": self._relation(one, "superseded_by", "superseded_by"),
                "version": version,
            }
            self._connection.execute(_SQL["relate"], values)
            for link in one.line.get("links", ()):
                self._link(one, link)
        if not self._dimensions:
            self._make_vectors(DIMENSIONS)
        self._connection.execute(_script("mms_12_4_fulltext"))
        self._connection.execute("COMMIT")

    def _make_vectors(self, dimensions: int) -> None:
        self._connection.execute(_script("mms_12_4_vectors", dimensions=dimensions))
        self._dimensions = dimensions

    def _vector(self, line: Mapping[str, Any]) -> bytes | None:
        """Return the first vector of the memory; theirs are of the beginning of a text, too."""
        for made in line.get("vectors", ()):
            if made["model"] == self._model:
                if not self._dimensions:
                    self._make_vectors(made["dimensions"])
                return binascii.a2b_base64(made["data"])[: made["dimensions"] * FLOAT_BYTES]
        return None

    def _hash_for(self, found: from_memory.Row, id_: str) -> tuple[str, bool]:
        """Return the hash under which a memory is written, and whether it is left out; theirs must be unique."""
        known = self._connection.execute(_SQL["known"], {"hash": found.hash}).fetchone()
        if known is None:
            return found.hash, False
        row, deleted = known
        if found.deleted_at is not None:
            self.written.note("deleted_twice", found.hash)
            return found.hash, True
        if deleted:
            self._connection.execute(_SQL["remove"], {"row": row})
            self._related = [one for one in self._related if one.row != row]
            self.written.memories -= 1
            self.written.deleted -= 1
            self.written.note("deleted_twice", found.hash)
            return found.hash, False
        other = hashlib.sha256(f"{found.hash}\n{id_}".encode()).hexdigest()
        self.written.note("same_hash", other, f"the same as {found.hash}")
        return other, False

    def _relation(self, one: _Relations, ours: str, theirs: str) -> str | None:
        """Return the hash of the memory that a relation is to; as it was stored there, if it never was here."""
        target = one.line.get(ours)
        if target is None:
            return None
        if target in self._names:
            return self._names[target]
        stored = from_memory.origin_of(one.line).get(theirs)
        if isinstance(stored, str) and memory_id(stored) == target:
            return stored
        self.written.note("relation_lost", one.hash, ours)
        return None

    def _version(self, id_: str, parents: Mapping[str, str | None]) -> int:
        """Return which version of a memory it is: one more than the one that it took the place of."""
        chain: list[str] = []
        at: str | None = id_
        while at is not None and at not in self._versions and at not in chain:
            chain.append(at)
            at = parents.get(at)
        version = self._versions.get(at, 0) if at is not None else 0
        for name in reversed(chain):
            version += 1
            self._versions[name] = version
        return self._versions[id_]

    def _link(self, one: _Relations, link: Mapping[str, Any]) -> None:
        target = self._names.get(link["target"], link["target"])
        similarity = link["similarity"]
        values = {
            "source": one.hash,
            "target": target,
            "similarity": _SIMILARITY if similarity is None else similarity,
            "types": orjson.dumps(link["types"]).decode(),
            "metadata": orjson.dumps(link["metadata"]).decode(),
            "created_at": link["created_at"],
            "relation": link["relation"],
        }
        self._connection.execute(_SQL["insert_link"], values)
        if self._connection.changes():
            self.written.links += 1
        else:
            self.written.note("links_joined", one.hash, f"to {target}")


@contextmanager
def writing(target: Path, model: str | None) -> Iterator[Writer]:
    """Give a writer of a new database `target`, which is there, durable, once the block is done.

    Raises ArgumentInvalidError if there is a file: a log beside it could belong to that; StorageError and its kinds.
    """
    import apsw  # only the way back needs it

    if path := replacement.taken(target):
        raise ArgumentInvalidError(f"{path} is there already; name a file that is not, and put it there yourself")
    try:
        with durable.building(target, new=True) as partial, _filling(partial, model) as writer:
            yield writer
    except FileExistsError:
        raise ArgumentInvalidError(f"{target} is there by now; name another file") from None
    except OSError as error:
        raise of_system(error, f"{target} can't be written") from error
    except apsw.FullError as error:
        raise StorageFullError(f"there is no room for {target}; free some space, or name another file") from error
    except apsw.Error as error:
        raise StorageError(f"{target} can't be written: {error}") from error


@contextmanager
def _filling(database: Path, model: str | None) -> Iterator[Writer]:
    """Give a writer of an empty file, which is whole after the block, though not on the disk yet."""
    import apsw  # only the way back needs it, and the extension
    import sqlite_vec  # the same

    connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        connection.enable_load_extension(True)  # noqa: FBT003  # APSW names no arguments here
        connection.load_extension(sqlite_vec.loadable_path())
        connection.enable_load_extension(False)  # noqa: FBT003  # the same
        connection.pragma("synchronous", 0)  # the file is synced once, at the end
        writer = Writer(connection, model)
        yield writer
        writer.finish()
    finally:
        connection.close()
        for suffix in _BESIDE:
            database.with_name(database.name + suffix).unlink(missing_ok=True)


def _relations(line: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what of a memory is needed at the end, without its texts."""
    kept = ("id", "supersedes", "superseded_by", "links")
    origin = {name: value for name, value in from_memory.origin_of(line).items() if name not in ("tags", "metadata")}
    return {**{name: line[name] for name in kept if line.get(name)}, "origin": origin}
