"""Interrupts: a run that is ended by a signal ends what it has started first."""

from __future__ import annotations

import signal
import sys
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def unwind() -> None:
    """Have these signals leave every block of this process, and with it end its clusters, servers and clients.

    The exit code is then that of a shell for a process that a signal has ended: 128 and the number of the signal.
    """
    for number in SIGNALS:
        signal.signal(number, _leave)


def _leave(number: int, _frame: object) -> NoReturn:
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)  # what ends now is not to be interrupted again
    sys.exit(128 + number)
