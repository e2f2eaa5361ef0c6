"""The flags of a router that are no settings; only built-in modules are imported here."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

READY_FD = "--ready-fd="  # the descriptor at which whoever started it waits for a line
SUCCEED = "--succeed"  # to take over from a router that serves the database already
WITH_GATEWAY = "--with-gateway"  # to have a gateway before anybody connects
GIVEN = "--given="  # the names of the settings that flags of a command line gave it


def settings_in(arguments: Sequence[str]) -> list[str]:
    """Return those of a router's arguments that are settings."""
    return [
        each for each in arguments if each not in (SUCCEED, WITH_GATEWAY) and not each.startswith((READY_FD, GIVEN))
    ]
