"""A client that notes the changes it makes, so that they can be undone together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from memmux.client.blocking import Client
from memmux.transfer.made import Made
from memmux.wire.answers import Deleted, Stored, Updated
from memmux.wire.requests import Store


class Noted:
    """A client as an ingest uses it; made: the changes that it made, oldest first."""

    def __init__(self, client: Client) -> None:
        self.made = Made()
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def store_batch(self, memories: Sequence[Store], **more: Any) -> tuple[Stored, ...]:
        """Store memories; what was there already is no change."""
        stored = tuple(self._client.store_batch(memories, **more))
        for seq in sorted(one.seq for one in stored if one.status != "duplicate"):
            self._note(seq)
        return stored

    def update(self, memory_id: str, **more: Any) -> Updated:
        """Change a memory."""
        done = self._client.update(memory_id, **more)
        self._note(done.seq)
        return done

    def delete(self, memory_id: str, **more: Any) -> Deleted:
        """Delete a memory."""
        done = self._client.delete(memory_id, **more)
        self._note(done.seq)
        return done

    def _note(self, seq: int) -> None:
        self.made.parts.append((seq, seq))
