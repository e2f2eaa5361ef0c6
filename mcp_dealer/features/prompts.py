"""The prompts: texts about what is remembered that a user has a host ask for, as those of mcp-memory-service."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate

from mcp_dealer.arguments.base import blank, split
from mcp_dealer.arguments.time_words import Now
from mcp_dealer.schemas.base import as_json, iso
from mcp_dealer.schemas.bounds import ANSWER_CHARACTERS, MEMORY_CHARACTERS, cut
from mcp_dealer.schemas.memories import SearchAnswer, scripted
from memmux.client.asynchronous import AsyncClient
from memmux.errors import ArgumentInvalidError, TimeNotUnderstoodError, UnknownOperationError
from memmux.wire.answers import Memory

REVIEWED = 20  # memories of a review
LOOKED_AT = 100  # memories of an analysis or an export
TOP_TAGS = 10
ALL_TIME = "all time"
TOPIC_CHARACTERS = 100  # of a topic that becomes a tag
Said = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A prompt; needed, optional: what its arguments are, by name."""

    text: str
    needed: Mapping[str, str]
    optional: Mapping[str, str]


KINDS = {
    "memory_review": Kind(
        text="Review the memories of a time",
        needed={"time_period": "E.g. last week, yesterday"},
        optional={"focus_area": "What it is about"},
    ),
    "memory_analysis": Kind(
        text="Tags and types of the memories",
        needed={},
        optional={"tags": "With commas between them", "time_range": "E.g. last month, all time"},
    ),
    "knowledge_export": Kind(
        text="Memories in a format",
        needed={"format": "json, markdown or text"},
        optional={"filter": "Tags with commas between them, or what to look for"},
    ),
    "memory_cleanup": Kind(
        text="What there is to clean up",
        needed={},
        optional={"older_than": "E.g. 6 months", "similarity_threshold": "Without effect"},
    ),
    "learning_session": Kind(
        text="Remember what was learned",
        needed={"topic": "What it is about", "key_points": "With commas between them"},
        optional={"questions": "For further study, with commas between them"},
    ),
}


class MemoryPrompts:
    """The prompts over the client that `connected` returns."""

    def __init__(self, connected: Callable[[], AsyncClient], now: Now) -> None:
        self._connected = connected
        self._now = now
        self._written: dict[str, Callable[[Said], Awaitable[str]]] = {
            "memory_review": self._review,
            "memory_analysis": self._analysis,
            "knowledge_export": self._export,
            "memory_cleanup": self._cleanup,
            "learning_session": self._learned,
        }

    @staticmethod
    def kinds() -> list[dict[str, object]]:
        """Return the prompts that there are, as the protocol has them."""
        return [
            {
                "name": name,
                "description": kind.text,
                "arguments": [
                    {"name": argument, "description": text, "required": argument in kind.needed}
                    for argument, text in {**kind.needed, **kind.optional}.items()
                ],
            }
            for name, kind in KINDS.items()
        ]

    async def written(self, name: str, arguments: Mapping[str, object]) -> str:
        """Return the text of a prompt.

        Raises UnknownOperationError, ArgumentInvalidError when something is missing, and TimeNotUnderstoodError.
        """
        kind = KINDS.get(name)
        if kind is None:
            raise UnknownOperationError(f"there is no prompt {name[:64]!r}; there are {', '.join(KINDS)}")
        said = {key: str(value).strip() for key, value in arguments.items() if value is not None and not blank(value)}
        for argument in kind.needed:
            if argument not in said:
                raise ArgumentInvalidError(f"{argument} is missing; give it")
        return await self._written[name](said)

    async def _review(self, said: Said) -> str:
        period, focus = said["time_period"], said.get("focus_area")
        after, before = self._now().meant(period)
        client = self._connected()
        memories: Iterable[Memory]
        if focus is None:
            memories = await client.list(after=after, before=before, limit=REVIEWED)
        else:
            found = await client.search(focus, after=after, before=before, limit=REVIEWED)
            memories = [hit.memory for hit in found]
        heading = f"Review of memories from {period}" + (f" (focusing on {focus}):" if focus else ":")
        return _joined(heading, [_item(memory) for memory in memories], "No memories found for this time period.")

    async def _analysis(self, said: Said) -> str:
        tags, stretch = _texts(said.get("tags")), said.get("time_range", ALL_TIME)
        always = stretch.lower() == ALL_TIME
        after, before = (None, None) if always else self._now().meant(stretch)
        page = await self._connected().list(tags=tags, any_tag=bool(tags), after=after, before=before, limit=LOOKED_AT)
        counted = Counter(tag for memory in page for tag in memory.tags).most_common(TOP_TAGS)
        kinds = Counter(memory.type or "none" for memory in page).most_common()
        about = (f" for tags: {', '.join(tags)}" if tags else "") + ("" if always else f" from {stretch}")
        lines = [
            f"Total memories analyzed: {len(page.memories)} of {page.total}",
            "\n".join(["Top tags:", *[f"  - {tag}: {count} occurrences" for tag, count in counted]]),
            "\n".join(["Memory types:", *[f"  - {kind}: {count} memories" for kind, count in kinds]]),
        ]
        return _joined(f"Memory Analysis{about}", lines)

    async def _export(self, said: Said) -> str:
        form, chosen, client = said["format"].lower(), said.get("filter"), self._connected()
        memories: Iterable[Memory]
        if chosen is None:
            memories = await client.list(limit=LOOKED_AT)
        elif "," in chosen:
            memories = await client.list(tags=_texts(chosen), any_tag=True, limit=LOOKED_AT)
        else:
            memories = [hit.memory for hit in await client.search(chosen, limit=LOOKED_AT)]
        written = {"markdown": _markdown, "text": _line}
        blocks = [written.get(form, _json)(memory) for memory in memories]
        heading = f"Exported {len(blocks)} memories in {form} format:"
        return _joined(heading, blocks) if form in written else _joined(heading, blocks, frame="[]", between=",\n")

    async def _cleanup(self, said: Said) -> str:
        lines = ["Found 0 duplicates: a content is kept once."]
        if older := said.get("older_than"):
            try:
                _, before = self._now().meant(older)
            except TimeNotUnderstoodError:
                _, before = self._now().meant(f"{older} ago")
            page = await self._connected().list(before=before, limit=1)
            when = "" if before is None else f", before {iso(before)}"
            lines.append(f"{page.total} memories are older than {older}{when}; memory_delete can forget them.")
        return _joined("Memory Cleanup Report:", lines)

    async def _learned(self, said: Said) -> str:
        topic, points, questions = said["topic"], _texts(said["key_points"]), _texts(said.get("questions"))
        lines = [f"# Learning Session: {topic}", "", f"Date: {self._now().now.isoformat()}", "", "## Key Points:"]
        lines += [f"- {point}" for point in points]
        if questions:
            lines += ["", "## Questions for Further Study:", *[f"- {question}" for question in questions]]
        note = "\n".join(lines)
        tags = ["learning", topic[:TOPIC_CHARACTERS].lower().replace(" ", "_")]
        stored = await self._connected().store(note, tags=tags, type="learning")
        return _joined(f"Learning session stored successfully (hash: {stored.content_hash})", [note])


def _texts(said: str | None) -> list[str]:
    """Return the parts of a text with commas."""
    parts = split(said)
    return [str(part) for part in parts] if isinstance(parts, list) else []


def _item(memory: Memory) -> str:
    tags = f"\n  Tags: {', '.join(memory.tags)}" if memory.tags else ""
    return f"- {cut(memory.content, MEMORY_CHARACTERS, memory.id)}{tags}"


def _markdown(memory: Memory) -> str:
    tags = f"\n*Tags: {', '.join(memory.tags)}*" if memory.tags else ""
    return f"## {iso(memory.created_at)}\n{cut(memory.content, MEMORY_CHARACTERS, memory.id)}{tags}"


def _line(memory: Memory) -> str:
    return f"[{iso(memory.created_at)}] {cut(memory.content, MEMORY_CHARACTERS, memory.id)}"


def _json(memory: Memory) -> str:
    return as_json(scripted(SearchAnswer.of(memory).short()))


def _joined(heading: str, blocks: list[str], nothing: str = "", frame: str = "", between: str = "\n\n") -> str:
    """Return a text of as many blocks as there is room for, and how many that are.

    nothing: what to say where there is no block. frame: the two characters around all of them.
    """
    room = ANSWER_CHARACTERS - MEMORY_CHARACTERS - len(heading)
    fit = sum(end <= room for end in accumulate(len(block) + len(between) for block in blocks))
    told = frame[:1] + between.join(blocks[:fit]) + frame[1:]
    left = f"{fit} of {len(blocks)} shown; call memory_list or memory_search for the rest" if fit < len(blocks) else ""
    return "\n\n".join(filter(None, [heading, told or nothing, left]))[:ANSWER_CHARACTERS]
