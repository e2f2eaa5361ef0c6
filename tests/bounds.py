"""How long tests wait: for a state, and no longer than this. It ends a hang; how fast anything is, bench measures."""

from __future__ import annotations

from typing import Final

BOUND_S: Final = 240.0  # for a machine with ten times as much to do as it has cores, on which seconds become minutes
