"""A conversation as memories: a thread whose turns stand in their order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from memmux.transfer.formats.base import Line, Skips, clean, line

TURN = "turn"  # the type, as of the turns that `memory_store_session` keeps


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side said; id: the source's own. at: seconds since 1970."""

    id: str
    role: str
    text: str
    at: float


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation; home: the address of the service, from which ids are made. source: its name, which is a tag."""

    home: str
    source: str
    id: str
    title: str
    turns: Iterable[Turn]

    def lines(self, namespace: str, skips: Skips) -> Iterator[Line]:
        """Yield a memory for each turn in which something was said."""
        for place, turn in enumerate(self.turns):
            said = clean(turn.text).strip()
            if not said:
                skips.add("messages without text")
                continue
            made = line(
                skips,
                home=self.home,
                namespace=namespace,
                name=f"{self.id}/{turn.id}",
                content=f"{turn.role}: {said}",
                created_at=turn.at,
                tags=(self.source, f"session:{self.id}"),
                type_=TURN,
                metadata={"session_id": self.id, "role": turn.role, **({"title": self.title} if self.title else {})},
                thread=self.id,
                place=place,
            )
            if made is not None:
                yield made
