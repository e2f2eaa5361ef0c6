"""What the tools answer: small flat models, each with a text form for hosts that show no structured results.

Fields that are empty are left out, so an answer costs a model's context no more than it says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from memmux import models


class Answer(BaseModel):
    """What the answers share."""

    model_config = ConfigDict(frozen=True)

    def lines(self) -> Iterable[str]:
        """Return the answer as a person would read it, line by line."""
        raise NotImplementedError

    def structured(self) -> dict[str, Any]:
        """Return the answer as JSON values, as its schema says."""
        return self.model_dump(mode="json", exclude_none=True)


class Degradable(Answer):
    """An answer that may have had to do without something, whose code `degraded` then holds."""

    degraded: list[str] | None = None


class Found(Answer):
    """One memory; times are ISO 8601, UTC; `updated_at` is there when it was ever updated."""

    id: str
    content: str
    tags: list[str] | None = None
    type: str | None = None
    metadata: dict[str, Any] | None = None
    created_at: str
    updated_at: str | None = None

    @classmethod
    def of(cls, memory: models.Memory) -> Self:
        """Return the memory as the tools show it."""
        return cls(**_shown(memory))

    def lines(self) -> Iterable[str]:
        """Return a line that names the memory, then its content."""
        tags = " ".join(f"#{tag}" for tag in self.tags or ())
        yield " · ".join(filter(None, [self.id, self.created_at, self.type, tags]))
        yield self.content


class Hit(Found):
    """One memory that a search found; a higher score is better."""

    score: float

    @classmethod
    def of_hit(cls, hit: models.Hit) -> Self:
        """Return the hit as the tools show it."""
        return cls(**_shown(hit.memory), score=round(hit.score, 4))

    def lines(self) -> Iterable[str]:
        """Return the memory, with its score in front."""
        named, content = super().lines()
        return f"[{self.score:.2f}] {named}", content


class Hits(Degradable):
    """What a search found, best first, and how it ranked."""

    mode: str
    hits: list[Hit]

    @classmethod
    def of(cls, result: models.SearchResult) -> Self:
        """Return the answer for what a search found."""
        return cls(mode=result.mode, hits=[Hit.of_hit(hit) for hit in result.hits], degraded=_codes(result))

    def lines(self) -> Iterable[str]:
        """Return how many there are, then each."""
        return _listed(f"{len(self.hits)} found, {self.mode}", self.hits)


class Listed(Answer):
    """A page of a list, newest first, and how many there are in all."""

    total: int
    memories: list[Found]

    @classmethod
    def of(cls, page: models.Page) -> Self:
        """Return the answer for a page of a list."""
        return cls(total=page.total, memories=[Found.of(memory) for memory in page.memories])

    def lines(self) -> Iterable[str]:
        """Return how many there are, then each."""
        return _listed(f"{len(self.memories)} of {self.total}", self.memories)


class Removed(Answer):
    """The acknowledgement of a delete."""

    id: str

    @classmethod
    def of(cls, deleted: models.Deleted) -> Self:
        """Return the answer for a delete."""
        return cls(id=deleted.id)

    def lines(self) -> Iterable[str]:
        """Return what happened."""
        yield f"deleted {self.id}"


class Changed(Degradable):
    """The acknowledgement of an update; `indexed` says whether search by meaning finds it already, as words do."""

    id: str
    indexed: bool

    @classmethod
    def of(cls, updated: models.Updated) -> Self:
        """Return the answer for an update."""
        return cls(id=updated.id, indexed=updated.indexed, degraded=_codes(updated))

    def lines(self) -> Iterable[str]:
        """Return what happened."""
        yield f"updated {self.id}"


class Kept(Degradable):
    """The acknowledgement of a store; a duplicate is the memory that was there, and nothing was changed."""

    id: str
    status: str
    indexed: bool

    @classmethod
    def of(cls, stored: models.Stored) -> Self:
        """Return the answer for a store."""
        return cls(id=stored.id, status=stored.status, indexed=stored.indexed, degraded=_codes(stored))

    def lines(self) -> Iterable[str]:
        """Return what happened."""
        yield f"{self.status} {self.id}"


class Health(Degradable):
    """How the cluster is.

    pending: memories that still wait for their vector. clients: how many share the memory now. model: absent until an
    embedder is ready.
    """

    state: str
    memories: int
    pending: int
    clients: int
    model: str | None = None
    version: str

    @classmethod
    def of(cls, status: models.Status) -> Self:
        """Return the answer for a cluster's status."""
        return cls(
            state=status.state,
            memories=status.memories,
            pending=status.pending,
            clients=len(status.clients),
            model=status.model,
            version=status.version,
            degraded=_codes(status),
        )

    def lines(self) -> Iterable[str]:
        """Return the state in one line."""
        waiting = f" ({self.pending} without a vector yet)" if self.pending else ""
        yield (
            f"{self.state}: {self.memories} memories{waiting}, {self.clients} clients, "
            f"model {self.model or 'loading'}, version {self.version}"
        )


def text(answer: Answer) -> str:
    """Return the answer as a person would read it."""
    codes = answer.degraded if isinstance(answer, Degradable) else None
    return "\n".join([*answer.lines(), *([f"degraded: {', '.join(codes)}"] if codes else [])])


def compact(schema: Mapping[str, Any], definitions: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a JSON schema without what a model does not need: titles, docstrings, null as a choice, empty defaults.

    An optional argument may still be given as null; the schema says only what is of use, because every host sends it
    to its model again and again.
    """
    definitions = schema.get("$defs", {}) if definitions is None else definitions
    slim: dict[str, Any] = {}
    for name, value in schema.items():
        if name == "properties":
            slim[name] = {key: compact(inner, definitions) for key, inner in value.items()}
        elif name == "anyOf":
            (choice,) = (inner for inner in value if inner != {"type": "null"})
            slim |= compact(choice, definitions)
        elif name == "items":
            slim[name] = compact(value, definitions)
        elif name == "$ref":
            slim |= compact(definitions[value.rpartition("/")[2]], definitions)
        elif name in ("title", "$defs") or (name == "default" and not value) or value is True:
            continue  # the one keyword that is true is additionalProperties, which says nothing
        else:
            slim[name] = value
    if "properties" in slim:
        slim.pop("description", None)  # the class's docstring, which is for readers of the code
    return slim


def _listed(counted: str, memories: Sequence[Found]) -> Iterable[str]:
    yield counted
    for memory in memories:
        yield ""
        yield from memory.lines()


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds")


def _shown(memory: models.Memory) -> dict[str, Any]:
    return {
        "id": memory.id,
        "content": memory.content,
        "tags": list(memory.tags) or None,
        "type": memory.type,
        "metadata": dict(memory.metadata) or None,
        "created_at": _iso(memory.created_at),
        "updated_at": _iso(memory.updated_at) if memory.updated_at != memory.created_at else None,
    }


def _codes(answer: models.SearchResult | models.Stored | models.Updated | models.Status) -> list[str] | None:
    return list(answer.degraded) or None
