"""The answers about changes: of one memory, and of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, Field
from pydantic.json_schema import SkipJsonSchema

from mcp_dealer.schemas.base import Text, Texts, codes, iso
from mcp_dealer.schemas.bounds import MEMORY_CHARACTERS, Listing, cut
from memmux.wire import answers
from memmux.wire.counts import amount


class Step(BaseModel):
    """One change of a memory; before: its content as it was, if it was there. memory: its id."""

    memory: Annotated[str, Field(exclude=True), SkipJsonSchema()]
    seq: int
    at: str
    did: str
    client: str
    before: str | None = None

    @classmethod
    def of(cls, change: answers.Change) -> Self:
        """Return the change as the tools show it."""
        before = None if change.before is None else change.before.content
        return cls(
            seq=change.seq, at=iso(change.at), did=change.did, client=change.client, before=before, memory=change.id
        )

    @property
    def length(self) -> int:
        """How many characters the content had."""
        return len(self.before or "")

    def short(self, most: int = MEMORY_CHARACTERS) -> Self:
        """Return the change with no more than `most` characters of the content."""
        before = None if self.before is None else cut(self.before, most, self.memory)
        return self.model_copy(update={"before": before})


class History(Listing):
    """The changes of one memory, newest first."""

    parts: ClassVar[str] = "changes"

    changes: list[Step]

    @classmethod
    def of(cls, history: answers.History, offset: int = 0) -> Self:
        """Return the answer for a memory's history, without the newest changes up to the offset."""
        return cls(changes=list(map(Step.of, history.changes[offset:])), degraded=codes(history.degraded))

    def lines(self) -> Iterable[str]:
        """Return each change, and what the memory said before it."""
        yield amount(len(self.changes), "change")
        for step in self.changes:
            yield f"{step.seq} · {step.at} · {step.did} · {step.client}"
            if step.before is not None:
                yield f"  before: {step.before}"


class Happened(BaseModel):
    """One change of any memory."""

    seq: int
    id: str
    at: str
    operation: str
    client: str
    namespace: Text = None
    deleted: Annotated[bool | None, SkipJsonSchema()] = None
    tags: Texts = None

    @classmethod
    def of(cls, notice: answers.Notice) -> Self:
        """Return the change as the tools show it."""
        return cls(
            seq=notice.seq,
            id=notice.id,
            at=iso(notice.at),
            operation=notice.operation,
            client=notice.client,
            namespace=notice.namespace,
            deleted=notice.deleted or None,
            tags=list(notice.tags) or None,
        )

    length: ClassVar[int] = 0
    """It has no long text."""

    def short(self, most: int = 0) -> Self:
        """Return it as it is."""
        del most
        return self


class Feed(Listing):
    """What happened, oldest first, and the number to go on with."""

    parts: ClassVar[str] = "changes"

    changes: list[Happened]
    next: int

    @classmethod
    def of(cls, changes: answers.Changes) -> Self:
        """Return the answer for changes."""
        happened, notes = list(map(Happened.of, changes)), codes(changes.notes)
        return cls(changes=happened, next=changes.next, notes=notes, degraded=codes(changes.degraded))

    def within(self, most: int, rest: Callable[[int], str]) -> Self:
        """Return the answer in `most` characters; what is left out comes when it is gone on with `next`."""
        cut = super().within(most, rest)
        return cut if not cut.omitted else cut.model_copy(update={"next": cut.changes[-1].seq})

    def lines(self) -> Iterable[str]:
        """Return each change, and how to wait for more."""
        yield f"{amount(len(self.changes), 'change')}; next: {self.next}"
        for change in self.changes:
            gone = " · deleted since" if change.deleted else ""
            yield f"{change.seq} · {change.at} · {change.operation} · {change.client} · {change.id}{gone}"
