"""The followers: sessions over HTTP that are to be told of changes, noted in files for the gateways to come."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from mcp_dealer.link.asked import AskedLine
from memmux.files import durable, private
from memmux.logs import log

KEPT_S = 30 * 86_400.0  # of a session that nobody has heard of since
NUMBER = 1  # of what a session is told of; there is one thing


class Followers:
    """The sessions, each a file in a private folder, named as the session is: nothing else is in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, name: str) -> None:
        """Note a session, or that it was heard again.

        That it can't be noted costs it no more than what it is told after a restart.
        """
        try:
            private.make_folder(self._folder)
            durable.write(self._folder / name, b"", sync=False)
            self._forget(time.time() - KEPT_S)
        except OSError as error:
            log.get().warning("follower_not_noted", error=str(error))

    def remove(self, name: str) -> None:
        """Note that it is told no more."""
        with suppress(OSError):
            (self._folder / name).unlink(missing_ok=True)

    def __contains__(self, name: str) -> bool:
        return (self._folder / name).exists()

    def _forget(self, before: float) -> None:
        for file in self._folder.iterdir():
            with suppress(OSError):
                if file.stat().st_mtime < before:
                    file.unlink()


@dataclass(slots=True)
class FollowingLine(AskedLine):
    """A request of a session over HTTP, which notes there what outlives it."""

    followers: Followers = field(default_factory=lambda: Followers(Path("/nonexistent")))

    def keep(self) -> int:
        """Have the next gateway tell the session, too."""
        self.followers.add(self.session)
        return NUMBER

    def let_go(self, number: int) -> None:
        """Have it tell the session no more."""
        del number  # there is one
        self.followers.remove(self.session)
