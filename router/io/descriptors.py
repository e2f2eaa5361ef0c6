"""Descriptors: how many files this process may have open, and how many of them are for connections.

A ZeroMQ listener for local sockets that finds no descriptor left ends the process. So a part is kept back, and no
connection is let in any more once the others are taken.
"""

from __future__ import annotations

import os
import resource
from pathlib import Path

from memmux.errors import ClusterStartError

LEAST = 64  # for a router, its workers and some clients
CONNECTIONS = 4096  # descriptors that are taken when no more connections are let in, however many there are
_ENOUGH = (16_384, 10_240)  # the second where the system has no more for anybody
# Kept back: the I/O thread of libzmq is at most some 1000 connections ahead of the monitor's reader. Where there are
# not so many, what the workers' pipes and connections need, and what comes in before the loop has had its turn.
_RESERVE_LEAST, _RESERVE_MOST = 16, 1280


def raise_limit() -> int:
    """Let this process, and those that it starts, open as many files as are of use, if it may; return the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    for enough in _ENOUGH:
        wanted = enough if hard == unlimited else min(enough, hard)
        if soft == unlimited or wanted <= soft:
            break
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            continue
        soft = wanted
    return _ENOUGH[0] if soft == unlimited else soft


def full_at(limit: int) -> int:
    """Return how many descriptors may be taken while connections are let in; raise ClusterStartError for too few."""
    if limit < LEAST:
        raise ClusterStartError(
            f"this process may open {limit} files, and a cluster needs {LEAST}; raise the limit of open files "
            "(`ulimit -n`, or LimitNOFILE of the service)"
        )
    reserve = min(max(limit // 4, _RESERVE_LEAST), _RESERVE_MOST)
    return min(limit - reserve, CONNECTIONS)


def lowest_free() -> int:
    """Return the number that the next descriptor will have: all below it are taken. Raises OSError if none is left."""
    descriptor = os.dup(0)
    os.close(descriptor)
    return descriptor


def taken() -> int:
    """Return how many descriptors are taken."""
    try:
        return sum(1 for _ in Path("/dev/fd").iterdir()) - 1  # that of the listing
    except OSError:
        return lowest_free()
