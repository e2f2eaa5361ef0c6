"""The answers of tools that write: what was kept, changed, removed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Self

from pydantic import BaseModel
from pydantic.json_schema import SkipJsonSchema

from mcp_dealer.schemas.base import Answer, Count, Text, Texts, codes, shown_hash
from memmux.wire import answers
from memmux.wire.counts import amount

REMOVED_IDS = 100  # of a delete by a filter that are named


class Removed(Answer):
    """The acknowledgement of a delete, of one memory or of those that a filter means; count: how many they are.

    ids: the first of them. dry_run: nothing was deleted. undo: what `memmux undo` takes to bring all of them back.
    """

    count: int
    id: str | None = None
    content_hash: Text = None
    ids: Texts = None
    dry_run: Annotated[bool | None, SkipJsonSchema()] = None
    undo: Annotated[str | None, SkipJsonSchema()] = None

    @classmethod
    def of(cls, removed: answers.Memory | answers.Deleted, *, dry_run: bool = False) -> Self:
        """Return the answer for the delete of one memory."""
        return cls(
            count=1,
            id=removed.id,
            content_hash=shown_hash(removed) or None,
            dry_run=dry_run or None,
            undo=str(removed.seq) if isinstance(removed, answers.Deleted) else None,
            degraded=codes(removed.degraded),
        )

    @classmethod
    def of_many(cls, forgotten: answers.Forgotten) -> Self:
        """Return the answer for a delete by a filter."""
        ids = list(forgotten.ids[:REMOVED_IDS])
        return cls(
            count=forgotten.count,
            ids=ids,
            dry_run=forgotten.dry_run or None,
            undo=forgotten.undo,
            notes=codes(forgotten.notes),
            degraded=codes(forgotten.degraded),
        )

    def lines(self) -> Iterable[str]:
        """Return what happened."""
        did = "would delete" if self.dry_run else "deleted"
        back = f"; `memmux undo {self.undo}` brings {'it' if self.count == 1 else 'them'} back" if self.undo else ""
        if self.ids is None:
            yield f"{did} {self.id}{back}"
            return
        more = self.count - len(self.ids)
        yield f"{did} {self.count}{back}" + (":" if self.ids else "")
        yield from self.ids
        if more:
            yield f"and {more} more"


class Changed(Answer):
    """The acknowledgement of an update; `indexed` says whether search by meaning finds it already, as words do."""

    id: str
    indexed: bool
    content_hash: Text = None
    supersedes: Text = None

    @classmethod
    def of(cls, updated: answers.Updated, supersedes: str | None = None) -> Self:
        """Return the answer for an update; supersedes: the memory whose new version this is."""
        return cls(
            id=updated.id,
            indexed=updated.indexed,
            content_hash=shown_hash(updated),
            supersedes=supersedes,
            degraded=codes(updated.degraded),
        )

    def lines(self) -> Iterable[str]:
        """Return what happened."""
        yield f"updated {self.id}" if self.supersedes is None else f"created {self.id}, supersedes {self.supersedes}"


class Alike(BaseModel):
    """A memory that says nearly the same; score: cosine."""

    id: str
    score: float


class Kept(Answer):
    """The acknowledgement of a store; a duplicate is the memory that was there, and took up what it lacked.

    similar: memories that say nearly the same; they are there as well. merged: the fields that got more.
    """

    id: str
    status: str
    indexed: bool
    content_hash: Text = None
    similar: Annotated[list[Alike] | None, SkipJsonSchema()] = None
    merged: Annotated[list[str] | None, SkipJsonSchema()] = None

    @classmethod
    def of(cls, stored: answers.Stored) -> Self:
        """Return the answer for a store."""
        return cls(
            id=stored.id,
            status=stored.status,
            indexed=stored.indexed,
            content_hash=shown_hash(stored),
            similar=[Alike(id=alike.id, score=round(alike.score, 4)) for alike in stored.similar] or None,
            merged=list(stored.merged) or None,
            degraded=codes(stored.degraded),
        )

    def lines(self) -> Iterable[str]:
        """Return what happened."""
        yield f"{self.status} {self.id}" + (f", merged {', '.join(self.merged)}" if self.merged else "")
        for alike in self.similar or ():
            yield f"similar: [{alike.score:.2f}] {alike.id}"


class StoredSession(Kept):
    """The acknowledgement of a conversation, whose memories have the tag `session:<session_id>`; of the first of them.

    stored: how many memories are new; of a conversation that was stored before, those of the turns since.
    """

    session_id: str
    turns: int
    stored: Count = None

    @classmethod
    def of_turns(cls, stored: Sequence[answers.Stored], session_id: str, turns: int) -> Self:
        """Return the answer for a conversation of so many turns, which became some memories."""
        created = sum(one.status == "created" for one in stored)
        first = Kept.of(stored[0]).model_dump() | {
            "status": "created" if created else "duplicate",
            "indexed": all(one.indexed for one in stored),
            "degraded": codes(list(dict.fromkeys(code for one in stored for code in one.degraded))),
        }
        return cls(**first, session_id=session_id, turns=turns, stored=created)

    def lines(self) -> Iterable[str]:
        """Return what happened."""
        yield from super().lines()
        yield f"session {self.session_id}, {amount(self.turns, 'turn')}"
