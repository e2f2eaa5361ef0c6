"""How long tests wait: for a state, and no longer than this. It ends a hang; how fast anything is, bench measures."""

from __future__ import annotations

import time
from typing import Final

BOUND_S: Final = 240.0  # for a machine with ten times as much to do as it has cores, on which seconds become minutes
PAUSE_S: Final = 0.01
AS_USERS: Final = "TESTS_AS_USERS"  # a variable of a command that nobody is to answer: it waits as those of users do


def pause() -> None:
    """Leave the processor to what a test waits for, before it looks again; it says nothing of how long that takes."""
    time.sleep(PAUSE_S)
