"""The user's time zone, with its changes between summer and winter time."""

from __future__ import annotations

import warnings
from datetime import tzinfo


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
