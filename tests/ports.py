"""Ports for tests that must know one before anybody listens at it."""

from __future__ import annotations

import random
import socket
from typing import Final

_FEW: Final = range(20_000, 32_000)


def free_port() -> int:
    """Return a port of this machine at which nobody listens.

    It is below those that a system gives to whoever connects or asks for any: one of these could be somebody else's
    before the test is at it.
    """
    while True:
        port = random.choice(_FEW)  # noqa: S311  # no secret
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
