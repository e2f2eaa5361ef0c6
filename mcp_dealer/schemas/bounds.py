"""The bounds of answers: no answer fills a model's context, however much there is to tell, and each says what it lacks.

A bound is in characters and holds for the text and for the structured form, as JSON, each by itself.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, Self

from mcp_dealer.schemas.base import Answer, Count, as_json, text

ANSWER_CHARACTERS = 24_000  # of one answer
MEMORY_CHARACTERS = 2_000  # of the content of one memory among others
PAGE_CHARACTERS = 20_000  # of the content of one memory by itself
DETAIL_CHARACTERS = 1_000  # of the metadata, and of the tags, of one memory among others
BESIDE_CHARACTERS = 100  # of each content, from which on what is beside a hit is shown

Rest = Callable[[int], str]
"""Tells how to go on after so many parts of an answer, as a part of a sentence."""


class Part(Protocol):
    """What an answer has many of."""

    def short(self, most: int = MEMORY_CHARACTERS) -> Self:
        """Return it with no more than `most` characters of its content."""
        ...

    @property
    def length(self) -> int:
        """How many characters its content has."""
        ...


def cut(content: str, most: int, memory_id: str) -> str:
    """Return a content, up to the end of a word where there is one, and what is missing of it."""
    if len(content) <= most:
        return content
    told = "… ({} of " + f"{len(content)} characters; memory_get {memory_id})"
    head = content[: max(0, most - len(told) - len(str(most)))]
    words = _whole_words(head) if content[len(head)].strip() else head.rstrip()
    head = words if len(words) > len(head) // 2 else head  # a text without blanks is cut anywhere
    return head + told.format(len(head))


def _whole_words(head: str) -> str:
    """Return a text without its last word, which goes on, and without the blanks before it."""
    if head[-1:].isspace():
        return head.rstrip()
    *before, _ = head.rsplit(None, 1) or [""]
    return before[0] if before else head


def size(answer: Answer) -> int:
    """Return the length of an answer, in the longer one of its forms."""
    return max(len(text(answer)), len(as_json(answer.structured())))


def detailed(metadata: Mapping[str, Any] | None, tags: Sequence[str] | None, most: int) -> dict[str, Any]:
    """Return the fields of a memory's metadata and tags, and of what is left out since it has more than `most`."""
    left_out = []
    if metadata and (length := len(as_json(metadata))) > most:
        metadata = None
        left_out.append(f"metadata ({length} characters)")
    tags = tags or ()
    kept = tags[: bisect_right(range(1, len(tags) + 1), most, key=lambda count: len(as_json(tags[:count])))]
    if len(kept) < len(tags):
        left_out.append(f"{len(tags) - len(kept)} of {len(tags)} tags")
    return {"metadata": metadata, "tags": kept or None, "left_out": left_out or None}


class Listing(Answer):
    """An answer with many parts, of which the last are left out if it would be too long; the first is always there.

    omitted: how many are left out.
    """

    parts: ClassVar[str]
    """The field that has the parts."""

    omitted: Count = None

    def within(self, most: int, rest: Rest) -> Self:
        """Return the answer in `most` characters, with a note of what is left out."""
        full: Sequence[Any] = getattr(self, self.parts) or ()
        parts = [part.short() for part in full]
        whole = self._with(parts, len(parts), rest)
        if not parts or size(whole) <= most:
            return whole
        fit = bisect_left(range(1, len(parts)), most + 1, key=lambda count: size(self._with(parts, count, rest)))
        if fit:
            return self._with(parts, fit, rest)
        answer, room = self._with(parts, 1, rest), parts[0].length
        while room and (length := size(answer)) > most:
            room = min(room - 1, room * most // length)
            answer = self._with([full[0].short(room), *parts[1:]], 1, rest)
        return answer

    def _with(self, parts: Sequence[Any], count: int, rest: Rest) -> Self:
        """Return the answer with the first `count` of its parts."""
        if count == len(parts):
            return self.model_copy(update={self.parts: parts or getattr(self, self.parts)})
        note = f"{count} of {len(parts)} shown; {rest(count)}"
        notes = [*(self.notes or ()), note]
        return self.model_copy(update={self.parts: parts[:count], "omitted": len(parts) - count, "notes": notes})
