"""The memory cap: the memory of a worker's process, and what is done once it has grown too much."""

from __future__ import annotations

import os
import time

from memmux.logs import log
from memmux.processes import private_bytes

LOOK_S = 1.0  # between two looks
GROWTH = 1.5  # times its first size, to which a worker may grow in any case
RUNAWAY = 3  # times what it may grow to, at which a worker ends at once, in whatever it is doing
RUNAWAY_EXIT = 70


class MemoryCap:
    """The memory of this process, which has started, and what it may grow to; files that it maps are not its own."""

    def __init__(self, cap_bytes: int) -> None:
        # A worker that is heavy from the start would only be followed by another such: what counts then is growth.
        self._most = max(cap_bytes, int(GROWTH * private_bytes(os.getpid()))) if cap_bytes else 0
        self._looked = time.monotonic()

    def is_too_much(self) -> bool:
        """Return whether it has grown too much; looks about once a second."""
        now = time.monotonic()
        if not self._most or now - self._looked < LOOK_S:
            return False
        self._looked = now
        if (found := private_bytes(os.getpid())) <= self._most:
            return False
        log.get().warning("worker_grew_too_large", private_bytes=found, most_bytes=self._most)
        if found > RUNAWAY * self._most:
            # Whatever it is doing, it does not end by itself: others try the request, and do so no more than thrice.
            os._exit(RUNAWAY_EXIT)
        return True
