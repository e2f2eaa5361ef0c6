"""Answers of the everyday tools as a model reads them: a text that names each memory once, by its id.

A content hash is for scripts that were written for mcp-memory-service, and costs a model as much as a short memory.
The structured form has it, and so has the text of the full list of tools and of the older ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from mcp_dealer.schemas.base import Answer
from mcp_dealer.schemas.hits import Hit, Hits
from mcp_dealer.schemas.memories import Listed, Read, SearchAnswer, listed


class BriefRead(Read):
    """One memory by itself, or a page of it."""

    brief: ClassVar[bool] = True


class BriefFound(SearchAnswer):
    """One memory."""

    brief: ClassVar[bool] = True


class BriefHit(Hit):
    """One memory that a search found."""

    brief: ClassVar[bool] = True


class BriefHits(Hits):
    """The hits of a search."""

    hits: Sequence[BriefHit]


class BriefListed(Listed):
    """A page of a list, to be read."""

    memories: Sequence[BriefFound]

    def script(self) -> None:
        """Return that it is for readers."""

    def lines(self) -> Iterable[str]:
        """Return how many there are, where the next page begins, then each memory."""
        more = "" if self.next_offset is None else f"; continue with offset {self.next_offset}"
        return listed(f"{len(self.memories)} of {self.total}, newest first{more}", self.memories)


def as_brief(answer: Answer) -> Answer:
    """Return an answer as an everyday tool gives it."""
    said = vars(answer)  # its fields; for dict() it would make an error, as it has no keys()
    if isinstance(answer, Hits):
        return BriefHits.model_construct(
            **said | {"hits": [BriefHit.model_construct(**vars(hit)) for hit in answer.hits]}
        )
    if isinstance(answer, Listed):
        memories = [BriefFound.model_construct(**vars(memory)) for memory in answer.memories]
        return BriefListed.model_construct(**said | {"memories": memories})
    form = _FORMS.get(type(answer))
    return answer if form is None else form.model_construct(**said)


_FORMS: Mapping[type[Answer], type[Answer]] = {Read: BriefRead}
