"""The keys that local clients name in tests of the dispatcher."""

from __future__ import annotations

from memmux.errors import KeyRefusedError
from memmux.wire.grants import Grant


class Known:
    """Keys that a test changes, and the state of them that the router has looked at."""

    def __init__(self, *grants: Grant) -> None:
        self.now = {grant.name: grant for grant in grants}
        self._seen = dict(self.now)

    def refresh(self) -> None:
        self._seen = dict(self.now)

    def grant_of(self, name: str) -> Grant:
        if name not in self._seen:
            raise KeyRefusedError(f"the key {name!r} is unknown")
        return self._seen[name]
