"""To memories: one of theirs as `memory.load` takes it. What has no field, or no room, is kept as its origin."""

from __future__ import annotations

import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from memmux import limits
from memmux.mms import metadata, texts, times, vectors
from memmux.mms.ids import DEFAULT_STORE, SOURCE, computed_hash, memory_id
from memmux.mms.report import Counts, Oddities

Line = dict[str, Any]
_TAG_TEXT = 256 << 10  # characters of a tag text that are kept as an origin
_METADATA_TEXT = 192 << 10  # of metadata; with the escapes of JSON the two fit into an origin
_SHORT = 4096  # of any other text of an origin
_EPOCH = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A link in their graph, as it is stored."""

    source: object
    target: object
    similarity: object = None
    types: object = None
    metadata: object = None
    created_at: object = None
    relation: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMemory:
    """A memory as it is stored, of whatever types; vector: float32, or why there is none although there should be."""

    hash: object
    content: object
    tags: object = None
    type: object = None
    metadata: object = None
    created_at: object = None
    updated_at: object = None
    created_at_iso: object = None
    updated_at_iso: object = None
    deleted_at: object = None
    store: object = None
    parent_id: object = None
    version: object = None
    confidence: object = None
    last_accessed: object = None
    superseded_by: object = None
    vector: bytes | None = None
    vector_oddity: str | None = None
    edges: Sequence[Edge] = ()


@dataclass(slots=True, kw_only=True)
class Reader:
    """Makes lines, counts, and notes what was odd.

    model, dimensions: of the vectors that are of use; those of another length are left out, and so are all if model is
    None. there: whether a name is the hash of a memory of the file, by which links to what is no memory are told.
    """

    model: str | None
    dimensions: int
    there: Mapping[str, object]
    odd: Oddities = field(default_factory=Oddities)
    counts: Counts = field(default_factory=Counts)

    def line(self, found: StoredMemory) -> Line | None:
        """Return the memory as a line; None if it can't be one, which is noted."""
        self.counts.memories += 1
        name = self._hash(found)
        deleted = found.deleted_at is not None
        self.counts.deleted += deleted
        content = self._content(found, name)
        if content is None:
            return None
        origin: Line = {"source": SOURCE, "hash": name}
        if (computed := computed_hash(content)) != name:  # as of an older release
            origin["computed_hash"] = computed
        created_at, updated_at, deleted_at = self._times(found, name, origin)
        line: Line = {
            "id": memory_id(name),
            "namespace": self._store(found, name, origin),
            "type": self._type(found, name, origin),
            "tags": self._tags(found, name, origin),
            "metadata": self._metadata(found, name, origin),
            "created_at": created_at,
            "updated_at": updated_at,
            "deleted_at": deleted_at,
            **self._versions(found, name, origin),
            "content": content,
        }
        if name.strip() and len(name) <= limits.TYPE_CHARACTERS:
            line["aliases"] = [name]
        else:
            self.odd.add("hash_odd", name)
        if links := self._links(found.edges, name, created_at):
            line["links"] = links
        if not deleted and (embedded := self._vector(found, name, content)):
            line["vectors"] = [embedded]
        line["origin"] = _fitting(origin)
        return line

    def _hash(self, found: StoredMemory) -> str:
        return texts.valid(texts.text_of(found.hash) or "")[0]

    def _content(self, found: StoredMemory, name: str) -> str | None:
        content, was_valid = texts.valid(texts.text_of(found.content) or "")
        if not content.strip():
            self.odd.add("content_empty", name)
            return None
        if (size := len(content.encode())) > limits.CONTENT_BYTES:
            self.odd.add("content_too_long", name, f"{size} bytes, the most is {limits.CONTENT_BYTES}")
            return None
        if not was_valid:
            self.odd.add("content_not_text", name)
        return content

    def _times(self, found: StoredMemory, name: str, origin: Line) -> tuple[float, float, float | None]:
        created = times.read(found.created_at, found.created_at_iso)
        updated = times.read(found.updated_at, found.updated_at_iso)
        for column, time in (("created_at", created), ("updated_at", updated)):
            if time.at is None or time.oddity is not None:
                self.odd.add(time.oddity or "time_missing", name, column)
            if time.twin is not None:
                origin[f"{column}_iso"] = time.twin[:_SHORT]
        known = [time.at for time in (created, updated) if time.at is not None] or [_EPOCH]
        created_at = known[0] if created.at is None else created.at
        updated_at = created_at if updated.at is None else updated.at
        if found.deleted_at is None:
            return created_at, updated_at, None
        deleted = times.read(found.deleted_at, None)
        if deleted.oddity is not None or deleted.at is None:
            self.odd.add("time_odd", name, "deleted_at")
        return created_at, updated_at, updated_at if deleted.at is None else deleted.at

    def _store(self, found: StoredMemory, name: str, origin: Line) -> str:
        stored = texts.text_of(found.store) or ""
        if not stored.strip():
            return DEFAULT_STORE
        store, as_given = texts.cut(stored, limits.NAMESPACE_CHARACTERS)
        if not as_given:
            self.odd.add("store_cut", name, store)
            origin["store"] = texts.valid(stored)[0][:_SHORT]
        return store

    def _type(self, found: StoredMemory, name: str, origin: Line) -> str | None:
        stored = texts.text_of(found.type)
        if stored is None:
            return None
        if not stored.strip():
            origin["type"] = stored[:_SHORT]
            return None
        type_, as_given = texts.cut(stored, limits.TYPE_CHARACTERS)
        if not as_given:
            self.odd.add("type_cut", name, type_)
            origin["type"] = texts.valid(stored)[0][:_SHORT]
        return type_

    def _tags(self, found: StoredMemory, name: str, origin: Line) -> list[str]:
        stored = found.tags
        tags = texts.tags(stored)
        if not tags.valid:
            self.odd.add("tags_not_text", name)
        if not tags.whole:
            self.odd.add("tags_cut", name)
        text = ",".join(map(str, stored)) if isinstance(stored, list | tuple) else texts.text_of(stored)
        if text is not None:
            origin["tags"] = texts.valid(text)[0][:_TAG_TEXT]
        return tags.names

    def _metadata(self, found: StoredMemory, name: str, origin: Line) -> Line:
        read = metadata.read(found.metadata)
        if read.oddity is not None:
            self.odd.add(read.oddity, name, ", ".join(read.left_out)[:_SHORT])
            stored = found.metadata
            text = json.dumps(stored) if isinstance(stored, dict | list) else texts.text_of(stored) or ""
            origin["metadata"] = texts.valid(text)[0][:_METADATA_TEXT]
        return read.value

    def _versions(self, found: StoredMemory, name: str, origin: Line) -> Line:
        for column, default in (("version", 1), ("confidence", 1.0), ("last_accessed", None)):
            value = getattr(found, column)
            if isinstance(value, bytes | str):
                value = texts.valid(texts.text_of(value) or "")[0][:_SHORT]
            if value is not None and value != default:
                origin[column] = value
        parent = texts.valid(texts.text_of(found.parent_id) or "")[0]
        successor = texts.valid(texts.text_of(found.superseded_by) or "")[0]
        versions: Line = {"supersedes": memory_id(parent) if parent else None}
        if parent:
            origin["parent_id"] = parent[:_SHORT]
        if successor:
            self.counts.superseded += 1
            versions["superseded_by"] = memory_id(successor)
            if successor not in self.there:
                self.odd.add("successor_missing", name, successor[:_SHORT])
                origin["superseded_by"] = successor[:_SHORT]
        return versions

    def _links(self, edges: Sequence[Edge], name: str, created_at: float) -> list[Line]:
        links = [link for edge in edges if (link := self._link(edge, name, created_at)) is not None]
        if len(links) > limits.LINKS:
            self.odd.add("links_cut", name, f"{len(links)} links, the most is {limits.LINKS}")
            links = sorted(links, key=lambda link: link["similarity"] or 0.0, reverse=True)[: limits.LINKS]
        self.counts.links += len(links)
        return links

    def _link(self, edge: Edge, name: str, created_at: float) -> Line | None:
        target, target_valid = texts.valid(texts.text_of(edge.target) or "")
        relation, relation_valid = texts.valid(texts.text_of(edge.relation) or "related")
        most = limits.TYPE_CHARACTERS
        if not target.strip() or len(target) > most or not relation.strip() or len(relation) > most:
            self.odd.add("link_broken", name, target[:_SHORT])
            return None
        similarity = edge.similarity if isinstance(edge.similarity, int | float) else None
        types, types_fine = _types(edge.types)
        described = metadata.read(edge.metadata)
        if not (target_valid and relation_valid and types_fine and described.oddity is None):
            self.odd.add("link_changed", name, target)
        at = times.read(edge.created_at, None).at
        return {
            "target": memory_id(target) if target in self.there else target,
            "relation": relation,
            "similarity": None if similarity is None else float(similarity),
            "types": types,
            "metadata": described.value,
            "created_at": created_at if at is None else at,
        }

    def _vector(self, found: StoredMemory, name: str, content: str) -> Line | None:
        if found.vector_oddity is not None:
            self.odd.add(found.vector_oddity, name)
        if found.vector is None:
            return None
        length = len(found.vector) // vectors.FLOAT_BYTES
        oddity = None
        if self.model is None:
            oddity = "vectors_of_another_model"
        elif length != self.dimensions:
            oddity = "vector_dimensions"
        elif not vectors.is_direction(found.vector):
            oddity = "vector_invalid"
        if oddity is not None:
            self.odd.add(oddity, name)
            return None
        self.counts.vectors += 1
        return {
            "model": self.model,
            "dimensions": self.dimensions,
            "windows": [[0, len(content)]],
            "data": binascii.b2a_base64(found.vector, newline=False).decode(),
        }


def _types(stored: object) -> tuple[list[str], bool]:
    """Return the types of a link, a JSON array of texts, and whether it is one."""
    if stored is None or stored == "":
        return [], True
    try:
        given = stored if isinstance(stored, list) else json.loads(texts.text_of(stored) or "")
    except (ValueError, RecursionError):
        return [], False
    if not isinstance(given, list):
        return [], False
    kept = [one for one in given if isinstance(one, str) and one.strip() and texts.cut(one, limits.TYPE_CHARACTERS)[1]]
    return kept, len(kept) == len(given)


def _fitting(origin: Line) -> Line:
    """Return the origin, without its longest texts if there is no room for them."""
    for name in ("metadata", "tags"):
        if len(orjson.dumps(origin)) > limits.ORIGIN_BYTES:
            origin = {key: value for key, value in origin.items() if key != name}
    return origin
