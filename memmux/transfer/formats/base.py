"""What the formats share: the line that a memory becomes, its stable id, and what was left out, by the reason."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from memmux import limits
from memmux.mms import metadata as json_metadata
from memmux.mms import texts
from memmux.wire.times import from_epoch

Line = dict[str, Any]
"""A memory as `memory.load` takes it; without `created_at` where its source has no times."""

NAMED = 100  # things that were left out that are named; the rest is only counted

OPEN = "open relations, to notes that do not exist yet"

MEANT = (
    "messages of tools and of the system",
    "messages without text",
    "answers that were replaced",
    "other files of the archive",
    OPEN,
)
"""Reasons for which something is left out that nobody misses; with any other reason something is broken."""


NO_UTF_8 = "no UTF-8, but perhaps Latin-1; save the file as UTF-8"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One thing that was not taken: its name in the source, and the reason."""

    name: str
    reason: str


@dataclass(slots=True)
class Skips:
    """What was left out so far: how many by the reason, and the first of those that are broken by name.

    place: where in the source what is read now stands, which names what has no name of its own.
    """

    counts: Counter[str] = field(default_factory=Counter)
    named: list[LeftOut] = field(default_factory=list)
    place: str = ""

    def add(self, reason: str, name: object = None, count: int = 1) -> None:
        """Note that something was left out."""
        if not count:
            return
        self.counts[reason] += count
        if reason not in MEANT and len(self.named) < NAMED:
            label = clean("" if name is None else str(name)).strip() or self.place or "the file"
            self.named.append(LeftOut(label[: limits.TYPE_CHARACTERS], reason))

    @property
    def broken(self) -> int:
        """How many things were left out that somebody may miss."""
        return sum(count for reason, count in self.counts.items() if reason not in MEANT)


def stable_id(home: str, namespace: str, name: str) -> str:
    """Return the id here of what a source calls `name`: the same each time it is read, another in each namespace."""
    return str(uuid.uuid5(uuid.uuid5(uuid.NAMESPACE_URL, home), f"{namespace}\n{clean(name)}"))


def clean(text: str) -> str:
    """Return a text without zeros, with line feeds only, and with U+FFFD for what is not Unicode."""
    return texts.valid(text)[0].replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")


def parsed(data: bytes) -> Any:
    """Return what JSON says, also where its texts hold lone surrogates or NaN; raise ValueError if it is none."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        try:
            return json.loads(data)
        except RecursionError:
            raise ValueError("it is nested too deeply") from None


def line(
    skips: Skips,
    *,
    home: str,
    namespace: str,
    name: str,
    content: str,
    created_at: float | None,
    updated_at: float | None = None,
    tags: Sequence[str] = (),
    type_: str | None = None,
    metadata: Mapping[str, object] | None = None,
    links: Sequence[Line] = (),
    thread: str | None = None,
    place: int | None = None,
) -> Line | None:
    """Return the memory that something becomes, its fields cut to what a memory may have; None if it can't be one."""
    content = clean(content)
    if not content.strip():
        skips.add("no text", name)
        return None
    if len(content.encode()) > limits.CONTENT_BYTES:
        skips.add(f"a text of more than {limits.CONTENT_BYTES} bytes, the most", name)
        return None
    kept = texts.tags([clean(tag) for tag in tags]).names
    named = texts.cut(clean(type_ or ""), limits.TYPE_CHARACTERS)[0].strip()
    made: Line = {
        "id": stable_id(home, namespace, name),
        "namespace": namespace,
        "type": named or None,
        "tags": kept,
        "metadata": json_metadata.read(dict(metadata or {})).value,
        "deleted_at": None,
        "content": content,
    }
    if created_at is not None:
        made |= {"created_at": created_at, "updated_at": created_at if updated_at is None else updated_at}
    if links:
        made["links"] = list(links)[: limits.LINKS]
    if thread is not None:
        made |= {"thread": texts.cut(clean(thread), limits.THREAD_CHARACTERS)[0], "place": place}
    return made


def link(target: str, relation: str) -> Line:
    """Return a link to the memory with an id."""
    name = texts.cut(clean(relation), limits.TYPE_CHARACTERS)[0].strip()
    return {"target": target, "relation": name or "related"}


def moment(value: object) -> float | None:
    """Return a time, given as seconds since 1970 or as ISO 8601 with UTC for no zone; None if it is none."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            at = float(value)
        elif isinstance(value, str):
            said = datetime.fromisoformat(value.strip())
            at = (said if said.tzinfo else said.replace(tzinfo=UTC)).timestamp()
        else:
            return None
        from_epoch(at)  # which fails for what is no date
    except (ValueError, OverflowError, OSError):
        return None
    return at
