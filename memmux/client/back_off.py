"""Back-off: which errors mean that a request is to be sent again later, and how much later."""

from __future__ import annotations

from memmux.errors import (
    CancelledError,
    DrainingError,
    MemmuxError,
    OverloadedError,
    RateLimitedError,
    UnknownSessionError,
)

BACK_OFF_S = 0.05  # the first pause after a refusal; doubled each time
BACK_OFF_MOST_S = 1.0

# What was cancelled here is pending no more, so what is pending was cancelled by nobody who waits for it.
LATER = (OverloadedError, RateLimitedError, DrainingError, UnknownSessionError, CancelledError)


def pause_s(times: int, error: MemmuxError, chance: float) -> float:
    """Return how long to wait after so many refusals: jittered, and never less than the router asks for.

    chance: from 0 to 1, for the jitter.
    """
    pause = min(BACK_OFF_S * 2.0 ** min(times, 16), BACK_OFF_MOST_S)
    return max(pause, (error.retry_after_ms or 0) / 1000) * (1 + chance / 2)
