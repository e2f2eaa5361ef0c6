"""The clock that both engines go by."""

from __future__ import annotations

_BEGAN = 1_800_000_000.0


class Moving:
    """A clock that both sides go by, in seconds since 1970; it stands still within a step."""

    def __init__(self) -> None:
        self.at = _BEGAN

    def __call__(self) -> float:
        return self.at
