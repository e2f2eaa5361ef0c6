"""The program that started a router, and reads at a pipe how that goes."""

from __future__ import annotations

import os
from contextlib import suppress

import orjson


class Starter:
    """Whoever waits for a line at a descriptor; None: nobody does. It may have ended."""

    def __init__(self, descriptor: int | None) -> None:
        self.there = descriptor is not None
        self._descriptor = descriptor
        if descriptor is not None:
            os.set_blocking(descriptor, False)  # the router waits for nobody, and nobody may be reading

    def say(self, line: dict[str, object]) -> None:
        """Write a line that is not the last: how far a long start is. Nothing is lost if nobody reads it."""
        if self._descriptor is not None:
            with suppress(OSError):
                os.write(self._descriptor, orjson.dumps(line) + b"\n")

    def tell(self, line: dict[str, object]) -> None:
        """Write the line that is awaited, once."""
        self.say(line)
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
