"""The user's time zone, with its changes between summer and winter time."""

from __future__ import annotations

import time
import warnings
from contextlib import suppress
from datetime import MAXYEAR, MINYEAR, UTC, datetime, tzinfo

from memmux.errors import ArgumentInvalidError

_OF_MACHINE = "/etc/localtime"  # the file of this machine's zone
_LEAP_YEAR = 2000
_DAY_S = 86_400


def local_zone() -> tzinfo:
    """Return the time zone of this machine, or of the variable TZ, as it is now.

    A zone of the IANA database where the machine names one; else, as with TZ=EST5EDT4 or without any, what the C
    library makes of it, but UTC if that is a day away from UTC. Costs some milliseconds the first time, for imports.
    """
    from dateutil.tz import tzlocal as system_zone
    from tzlocal import reload_localzone

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a machine names no zone; then UTC is meant
        zone: tzinfo
        try:
            zone = reload_localzone()
        except (LookupError, ValueError, OSError):
            far = max(abs(time.timezone), abs(time.altzone)) >= _DAY_S
            zone = UTC if far else system_zone()
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

    A name of the IANA database, a file of it, or a rule such as EST5EDT; what is none of these, or gives no time on
    some day, is UTC. No file but those of the database and of this machine's zone is read: anybody may name one.
    """
    key = None if name is None else name.removeprefix(":")
    if key is None or key == _OF_MACHINE:
        return local_zone()
    from zoneinfo import ZoneInfo

    key = key.rpartition("/zoneinfo/")[2]
    if not key:
        return UTC
    with suppress(LookupError, ValueError, OSError):
        return ZoneInfo(key)
    with suppress(Exception):  # of the many kinds that the library raises for what it does not take
        return _rule(key)
    return UTC


def _rule(text: str) -> tzinfo:
    """Return the zone of a rule, such as EST5EDT; raise an error unless it says its offset at any time."""
    from dateutil.tz import tzstr

    zone = tzstr(text)
    for year in (MINYEAR, _LEAP_YEAR, MAXYEAR):
        for wall in zone.transitions(year) or (datetime(year, 1, 1),):  # noqa: DTZ001 - as the zone's clock shows it
            for fold in (0, 1):  # before and after clocks are set back
                wall.replace(tzinfo=zone, fold=fold).utcoffset()
    found: tzinfo = zone
    return found
