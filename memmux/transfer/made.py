"""The changes that an import made, as `memmux undo` takes them."""

from __future__ import annotations

from dataclasses import dataclass, field

from memmux.client.blocking import Client
from memmux.wire.answers import Loaded


@dataclass(slots=True)
class Made:
    """parts: numbers of the first and the last change of what was loaded at once, oldest first."""

    parts: list[tuple[int, int]] = field(default_factory=list)

    def add(self, loaded: Loaded) -> None:
        """Note what a `memory.load` answered."""
        if loaded.first_seq is not None:
            self.parts.append((loaded.first_seq, loaded.seq))

    def undo(self, client: Client) -> list[str]:
        """Return the ranges to undo, newest first: one, unless others changed memories meanwhile."""
        joined: list[tuple[int, int]] = []
        for first, last in self.parts:
            if joined and self._are_ours(client, joined[-1][1], first):
                joined[-1] = (joined[-1][0], last)
            else:
                joined.append((first, last))
        return [str(first) if first == last else f"{first}-{last}" for first, last in reversed(joined)]

    def _are_ours(self, client: Client, last: int, first: int) -> bool:
        """Return whether nobody else changed a memory between two changes."""
        if last + 1 == first:
            return True
        found = client.changes(last, limit=1, namespace=None).changes  # without those of what is made from memories
        return not found or found[0].seq >= first
