"""The flags of a router that are no settings; only built-in modules are imported here."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

READY_FD = "--ready-fd="  # the descriptor at which whoever started it waits for a line
SUCCEED = "--succeed"  # to take over from a router that serves the database already
WITH_GATEWAY = "--with-gateway"  # to have a gateway before anybody connects
DETACHED = "--detached"  # of one that a client started, for all of them, and that has begun anew: nobody waits for it
GIVEN = "--given="  # the names of the settings that flags of a command line gave it


def settings_in(arguments: Sequence[str]) -> list[str]:
    """Return those of a router's arguments that are settings."""
    alone, begins = (SUCCEED, WITH_GATEWAY, DETACHED), (READY_FD, GIVEN)
    return [each for each in arguments if each not in alone and not each.startswith(begins)]
