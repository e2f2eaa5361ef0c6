"""The user's time zone, with its changes between summer and winter time."""

from __future__ import annotations

from datetime import tzinfo


def local_zone() -> tzinfo:
    """Return the time zone of this machine, or of the variable TZ.

    A zone of the IANA database where the machine names one; else, as with TZ=EST5EDT4 or without any, what the C
    library makes of it. Costs some milliseconds, for two imports.
    """
    from dateutil.tz import tzlocal as system_zone
    from tzlocal import get_localzone

    try:
        return get_localzone()
    except (LookupError, ValueError, OSError):
        return system_zone()
