"""What is being answered here: which line of which host, over which link.

Both are known from the context in which a message is handled: tasks that a tool starts, and threads that it hands work
to, have a copy of it.
"""

from __future__ import annotations

import hashlib
import uuid
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcp_dealer.link.cluster_link import ClusterLink


@dataclass(slots=True)
class AskedLine:
    """A line of a host that is worked on, perhaps not for the first time.

    session: of the relay that it came through. number: of the line, and of the part of a batch. at_s: when the relay
    read it, in seconds since 1970. All three are the same when another gateway works on it again, and so is what is
    made of them.
    """

    session: str
    number: str
    at_s: float
    _keys: int = 0
    _ids: int = 0

    def key(self) -> str:
        """Return the idempotency key of the line's next write: applied once, however often the line is worked on."""
        self._keys += 1
        return f"{self.session}-{self.number}-{self._keys}"

    @property
    def again(self) -> bool:
        """Whether an earlier gateway was sent the line, too."""
        return False

    def keep(self) -> int:
        """Have the next gateway told of the line, too, and return its number; 0 where there is none."""
        return 0

    def let_go(self, number: int) -> None:
        """Have it told of a line no more."""

    def new_id(self) -> str:
        """Return a new UUID."""
        self._ids += 1
        name = f"{self.session}-{self.number}-id-{self._ids}".encode()
        return str(uuid.UUID(bytes=hashlib.blake2b(name, digest_size=16).digest(), version=4))


LINE: ContextVar[AskedLine | None] = ContextVar("line", default=None)
"""The line that is answered here; None outside of one."""

LINK: ContextVar[ClusterLink | None] = ContextVar("link", default=None)
"""The link of the client that is served here; None where a server has one client alone."""


def where(path: str) -> Path:
    """Return what a path means where the host is."""
    link = LINK.get()
    return Path(path) if link is None or link.hello is None else link.hello.path(path)
