"""The report of an adoption: what was there, what became of it, and what was odd."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import orjson

from memmux.wire.counts import amount, amounts

NAMED = 1_000  # oddities that are named; of the rest only the number is known
SHOWN = 5  # of each kind in the text

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "content_empty": "no content: left out, as there is nothing to remember",
        "content_too_long": "more content than a memory may have: left out; it is still in the file",
        "content_not_text": "content that is not valid text: what can't be read stands as �",
        "hash_odd": "a content hash that can't be a name: the memory can't be found by it",
        "tags_cut": "more or longer tags than a memory may have: cut; all of them are kept as its origin",
        "tags_not_text": "tags that are not valid text: what can't be read stands as �",
        "type_cut": "a type that is too long or not valid text: cut; it is kept as its origin",
        "store_cut": "a store whose name is too long or not valid text: cut; it is kept as its origin",
        "metadata_broken": "metadata that is no JSON object: read as none, as there; the text is kept as its origin",
        "metadata_changed": "metadata with what JSON has not, such as NaN: replaced; the text is kept as its origin",
        "metadata_too_large": "more metadata than a memory may have: the largest values are left out; the text is kept "
        "as its origin as far as there is room",
        "time_missing": "no time: the other one, or 1970, stands for it",
        "time_odd": "a time that is no number of seconds since 1970: read as well as it could be",
        "times_disagree": "two times that say different things: the number counts; the text is kept as its origin",
        "link_broken": "a link without a usable target, or of no memory that is there: left out",
        "link_changed": "a link with broken metadata or types: they are read as none",
        "links_cut": "more links than a memory may have: the weakest are left out",
        "successor_missing": "superseded by a memory that is not in the file: hidden from searches, as there",
        "vector_dimensions": "a vector of another length than the model's: left out; the memory is embedded anew",
        "vector_invalid": "a vector that is zero, holds NaN, or is not where it should be: left out; embedded anew",
        "vectors_of_another_model": "vectors that the model in use did not make: left out; embedded anew",
        "merged": "content that another memory has, too: they became one, which goes by both hashes",
        "conflict": "changed here since it was adopted: left as it is here",
        "duplicate": "changed there to what another memory here says: left as it is here",
        "broken": "what memmux would not take: left out",
    }
)
"""Each kind of oddity: what it is, and what becomes of it."""

LEFT_OUT = ("content_empty", "content_too_long", "broken")


@dataclass(frozen=True, slots=True)
class Oddity:
    """Something that was odd with one memory; hash: its content hash there. message: what exactly, if it is known."""

    kind: str
    hash: str
    message: str = ""


@dataclass(slots=True)
class Oddities:
    """The oddities so far; named: the first of them."""

    counts: dict[str, int] = field(default_factory=dict)
    named: list[Oddity] = field(default_factory=list)

    def add(self, kind: str, content_hash: str, message: str = "") -> None:
        """Note one; the kind is one of KINDS."""
        assert kind in KINDS, kind
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if len(self.named) < NAMED:
            self.named.append(Oddity(kind, content_hash, message))


@dataclass(slots=True)
class Counts:
    """Counts of a source as far as it was read: memories by kind, links, vectors."""

    memories: int = 0
    deleted: int = 0
    superseded: int = 0
    links: int = 0
    vectors: int = 0


@dataclass(slots=True)
class Outcome:
    """The result for the memories that were handed in."""

    created: int = 0
    skipped: int = 0
    updated: int = 0
    merged: int = 0
    conflicts: int = 0
    duplicates: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The report on a file of theirs.

    source: its path. at: when, in seconds since 1970. found, outcome: what was there, and what became of it.
    odd: how many of each kind; named: the first of them. seconds: what it took.
    """

    source: str
    at: float
    found: Counts
    outcome: Outcome
    odd: Mapping[str, int]
    named: tuple[Oddity, ...]
    seconds: float

    @property
    def left_out(self) -> int:
        """How many memories were not taken up in any form."""
        return sum(self.odd.get(kind, 0) for kind in LEFT_OUT)

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object, with what became of each kind of oddity."""
        fields: dict[str, Any] = orjson.loads(orjson.dumps(self))
        return {**fields, "left_out": self.left_out, "became": {kind: KINDS[kind] for kind in self.odd}}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Report:
        """Return what `to_json` wrote; raise KeyError or TypeError if it is something else."""
        return cls(
            source=fields["source"],
            at=fields["at"],
            found=Counts(**fields["found"]),
            outcome=Outcome(**fields["outcome"]),
            odd=dict(fields["odd"]),
            named=tuple(Oddity(**one) for one in fields["named"]),
            seconds=fields["seconds"],
        )

    def lines(self, *, dry_run: bool = False) -> list[str]:
        """Return it for people: a line for the counts, and some for each kind of oddity.

        dry_run: whether nothing was handed in; then nothing is said of what became of it but what is left out.
        """
        found, outcome = self.found, self.outcome
        states = {
            "created": outcome.created,
            "updated": outcome.updated,
            "there already": outcome.skipped,
            "merged": outcome.merged,
            "left out": self.left_out,
        }
        nouns = {"conflict": outcome.conflicts, "duplicate": outcome.duplicates}
        apart = f"{found.deleted} deleted, {found.superseded} superseded"
        held = f"{amount(found.memories, 'memory')} in {self.source} ({apart})"
        became = amounts(states, nouns) or ("" if dry_run else "nothing to take up")
        lines = [
            f"{held}, with {amount(found.vectors, 'vector')} and {amount(found.links, 'link')}",
            *filter(None, [became]),
        ]
        for kind, count in sorted(self.odd.items()):
            lines.append(f"{kind} ({count}): {KINDS[kind]}")
            examples = [one for one in self.named if one.kind == kind][:SHOWN]
            lines += [f"    {one.hash[:12]}  {one.message}".rstrip() for one in examples]
        return lines
