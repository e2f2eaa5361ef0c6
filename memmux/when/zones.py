"""The user's time zone, with its changes between summer and winter time."""

from __future__ import annotations

import warnings
from contextlib import suppress
from datetime import UTC, tzinfo

from memmux.errors import ArgumentInvalidError


def local_zone() -> tzinfo:
    """Return the time zone of this machine, or of the variable TZ, as it is now.

    A zone of the IANA database where the machine names one; else, as with TZ=EST5EDT4 or without any, what the C
    library makes of it. Costs some milliseconds the first time, for two imports.
    """
    from dateutil.tz import tzlocal as system_zone
    from tzlocal import reload_localzone

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a machine names no zone; then UTC is meant
        zone: tzinfo
        try:
            zone = reload_localzone()
        except (LookupError, ValueError, OSError):
            zone = system_zone()
    return zone


def named_zone(name: str) -> tzinfo:
    """Return the zone of the IANA database that is named; raise ArgumentInvalidError if there is none."""
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise ArgumentInvalidError(f"there is no time zone {name!r}; name one such as Europe/Berlin") from None


def zone_of(name: str | None) -> tzinfo:
    """Return the time zone that a variable TZ of another process names; that of this machine if it is unset.

    As the C library does it: a name of the IANA database, a file of one, or a rule such as EST5EDT4; what is none of
    these is UTC.
    """
    if name is None:
        return local_zone()
    from zoneinfo import ZoneInfo

    from dateutil.tz import tzfile, tzstr

    key = name.removeprefix(":")
    zone: tzinfo = UTC
    with suppress(LookupError, ValueError, OSError):
        if key.startswith("/"):
            zone = tzfile(key)
        elif key:
            zone = ZoneInfo(key)
        return zone
    with suppress(ValueError):
        zone = tzstr(key)
    return zone
