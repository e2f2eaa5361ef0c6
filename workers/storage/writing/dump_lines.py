"""Lines of a dump: a memory as a dump has it, read and checked before it is put into the database."""

from __future__ import annotations

import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from memmux import limits
from memmux.errors import ArgumentInvalidError, ProtocolError, UnknownFieldError
from memmux.wire.answers import Memory
from memmux.wire.checks import check_metadata, check_object, check_text
from memmux.wire.requests import Store
from memmux.wire.shown import shown
from memmux.wire.times import from_epoch
from workers.storage.records.embeddings import Embedded, embedded
from workers.storage.records.filters import spellings
from workers.storage.records.state import State, digest
from workers.storage.records.threads import placed

_STORED = ("content", "tags", "type", "metadata", "namespace", "thread", "place")
_TIMES = ("created_at", "updated_at", "deleted_at")
_VERSIONS = ("supersedes", "superseded_by")
_USES = ("uses", "used_at")
_NAMES = {"id", *_STORED, *_TIMES, *_VERSIONS, *_USES, "content_hash", "aliases", "origin", "links", "vectors"}
_LINK = {"target", "relation", "similarity", "types", "metadata", "created_at"}
Fields = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One memory of a dump.

    state: how it is. times: created_at, updated_at and deleted_at, in seconds since 1970 as they are kept. texts: its
    vectors, of each model once. uses: how often it was of use, and when last; None if it never was.
    """

    state: State
    times: Mapping[str, float | None]
    texts: Sequence[Embedded]
    uses: tuple[int, float] | None = None

    @property
    def memory(self) -> Memory:
        """The fields of the memory."""
        return self.state.memory

    @property
    def origin(self) -> Mapping[str, Any]:
        """What its former home knew; empty if it had none."""
        return self.state.origin or {}

    @property
    def links(self) -> Sequence[Mapping[str, Any]]:
        """The links that start at it, by their targets."""
        return self.state.links or ()

    def dumped(self) -> Fields:
        """Return the memory as a dump without vectors and uses has it."""
        memory = self.memory
        rare = {
            "superseded_by": memory.superseded_by,
            "aliases": list(memory.aliases),
            "origin": self.origin,
            "links": list(self.links),
            "thread": memory.thread,
        }
        return {
            "id": memory.id,
            "namespace": memory.namespace,
            "type": memory.type,
            "tags": list(memory.tags),
            "metadata": memory.metadata,
            **self.times,
            "supersedes": memory.supersedes,
            "content_hash": memory.content_hash,
            "content": memory.content,
            **{name: value for name, value in rare.items() if value},
            **({} if memory.place is None else {"place": memory.place}),
        }


def read(fields: Any, *, adopt: bool = False) -> Line:
    """Return the memory that the fields describe; raise the RequestError that says why it is none.

    adopt: vectors that can't be right, such as one without a direction, are left out; new ones follow.
    """
    if not isinstance(fields, dict):
        raise ArgumentInvalidError("the memory is not a JSON object")
    for name in fields.keys() - _NAMES:
        raise UnknownFieldError(f"a memory has no field {shown(name)}")
    store = Store.from_json({name: fields[name] for name in _STORED if name in fields})
    names = [fields.get("id"), *(value for name in _VERSIONS if (value := fields.get(name)) is not None)]
    if not all(map(_is_name, names)):
        raise ArgumentInvalidError(
            f"id, supersedes and superseded_by are texts of 1 to {limits.TYPE_CHARACTERS} characters"
        )
    content_hash = digest(store.content)
    if fields.get("content_hash", content_hash) != content_hash:
        raise ArgumentInvalidError("the content is not the one that the content hash was made from")
    times = {name: _time(name, fields.get(name)) for name in _TIMES}
    created_at, updated_at = times["created_at"], times["updated_at"]
    if created_at is None or updated_at is None:
        raise ArgumentInvalidError("a memory has created_at and updated_at")
    thread, place = placed(store.thread, store.place, store.metadata)
    memory = Memory(
        id=fields["id"],
        content=store.content,
        content_hash=content_hash,
        namespace=store.namespace,
        type=store.type,
        tags=tuple(spellings(store.tags).values()),
        metadata=store.metadata,
        created_at=from_epoch(created_at),
        updated_at=from_epoch(updated_at),
        supersedes=fields.get("supersedes"),
        superseded_by=fields.get("superseded_by"),
        aliases=_aliases(fields.get("aliases", ())),
        thread=thread,
        place=place,
    )
    deleted = times["deleted_at"] is not None
    try:
        texts = _vectors(fields.get("vectors", ()), deleted=deleted)
    except ArgumentInvalidError:
        if not adopt:
            raise
        texts = []
    links = _links(fields.get("links", ()), created_at)
    state = State(memory, deleted, _origin(fields.get("origin", {})), links)
    return Line(state=state, times=times, texts=texts, uses=_uses(fields))


def _aliases(given: object) -> tuple[str, ...]:
    """Return aliases in order; however many a database has, another one takes."""
    if not isinstance(given, list | tuple):
        raise ArgumentInvalidError("aliases are a list of texts")
    for alias in given:
        check_text("an alias", alias, limits.TYPE_CHARACTERS)
    return tuple(sorted(set(given)))


def _uses(fields: Fields) -> tuple[int, float] | None:
    count, last_at = fields.get("uses"), _time("used_at", fields.get("used_at"))
    if count is None and last_at is None:
        return None
    if last_at is None or not isinstance(count, int) or isinstance(count, bool) or not 0 < count <= limits.USES:
        raise ArgumentInvalidError(f"uses are a number from 1 to {limits.USES}, and used_at is there with them alone")
    return count, last_at


def _origin(given: Any) -> Fields:
    check_object("the origin", given, limits.ORIGIN_BYTES)
    return dict(given)


def _links(given: object, created_at: float) -> list[Fields]:
    """Return links in the order of a dump, of each target and relation one; created_at: of a link that has no time."""
    if not isinstance(given, list | tuple):
        raise ArgumentInvalidError("links are a list")
    found = {(link["target"], link["relation"]): link for link in (_link(one, created_at) for one in reversed(given))}
    return [found[key] for key in sorted(found)]


def _link(given: Any, created_at: float) -> Fields:
    if not isinstance(given, dict) or given.keys() - _LINK:
        raise ArgumentInvalidError(f"a link is a JSON object of {', '.join(sorted(_LINK))}")
    target, relation = given.get("target"), given.get("relation", "related")
    if not _is_name(target) or not _is_name(relation):
        raise ArgumentInvalidError(
            f"the target and the relation of a link are texts of 1 to {limits.TYPE_CHARACTERS} characters"
        )
    similarity = given.get("similarity")
    if similarity is not None and (isinstance(similarity, bool) or not isinstance(similarity, int | float)):
        raise ArgumentInvalidError("the similarity of a link is a number, or null")
    types, metadata = given.get("types", []), given.get("metadata", {})
    if not isinstance(types, list) or not all(map(_is_name, types)):
        raise ArgumentInvalidError("the types of a link are a list of texts")
    check_metadata(metadata)
    at = _time("created_at", given.get("created_at"))
    return {
        "target": target,
        "relation": relation,
        "similarity": None if similarity is None else float(similarity),
        "types": types,
        "metadata": metadata,
        "created_at": created_at if at is None else at,
    }


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and len(value) <= limits.TYPE_CHARACTERS


def _time(name: str, value: object) -> float | None:
    if value is None:
        return None
    wrong = ArgumentInvalidError(f"{name} is not a time in seconds since 1970")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong
    try:
        from_epoch(value)  # one that can't be read back would be in the way of every list
    except (ValueError, OverflowError, OSError):
        raise wrong from None
    return float(value)


def _vectors(given: object, *, deleted: bool) -> list[Embedded]:
    """Return the vectors of one memory, of each model once; a deleted one has none."""
    if not isinstance(given, list | tuple):
        raise ArgumentInvalidError("the vectors of a memory are a list")
    if given and deleted:
        raise ArgumentInvalidError("a deleted memory has no vectors")
    found = [_embedded(one) for one in given]
    if len({text.model for text in found}) != len(found):
        raise ArgumentInvalidError("a memory has the vectors of a model once")
    return found


def _embedded(given: Any) -> Embedded:
    described: Mapping[str, Any] = given if isinstance(given, dict) else {}
    try:
        data = binascii.a2b_base64(described["data"], strict_mode=True)
        frame = {"model": described["model"], "dimensions": described["dimensions"], "windows": [described["windows"]]}
    except (KeyError, ValueError, TypeError):
        raise ArgumentInvalidError("vectors have a model, dimensions, windows, and data in base64") from None
    try:
        (text,) = embedded((orjson.dumps(frame), data), 1)  # by the checks of a request's own frames
    except ProtocolError as error:
        raise ArgumentInvalidError(error.message) from None
    except orjson.JSONEncodeError:
        raise ArgumentInvalidError("a model, dimensions or windows have lists in each other too deeply") from None
    return text
