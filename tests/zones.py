"""Time zones for tests of days: some in which no day ends while they run."""

from __future__ import annotations

from datetime import UTC, datetime


def zone_at(hour: int) -> str:
    """Return the name of a time zone in which it is that hour now, of 0 to 23."""
    ahead = (hour - datetime.now(UTC).hour + 12) % 24 - 12  # of UTC
    return f"Etc/GMT{-ahead:+}"  # POSIX has the sign the other way round
