"""How long tests wait: for a state, and no longer than this. It ends a hang; how fast anything is, bench measures."""

from __future__ import annotations

import time
from typing import Final

BOUND_S: Final = 240.0  # for a machine with ten times as much to do as it has cores, on which seconds become minutes
PAUSE_S: Final = 0.01
PONG_S: Final = 30.0  # within which a router answers that is not dead: all stand still now and then on a busy machine
DRAIN_S: Final = 60.0  # of which a successor has the most to come up, and a router that stops to be gone
AS_USERS: Final = "TESTS_AS_USERS"  # a variable of a command that nobody is to answer: it waits as those of users do


def pause() -> None:
    """Leave the processor to what a test waits for, before it looks again; it says nothing of how long that takes."""
    time.sleep(PAUSE_S)
