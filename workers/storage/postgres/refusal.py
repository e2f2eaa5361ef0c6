"""Refusal: the SQLSTATE with which a server refuses a connection, which libpq keeps to itself, in any language."""

from __future__ import annotations

import os
import re
import select
import time
from collections.abc import Mapping
from typing import Any, Final

import psycopg
from psycopg import conninfo
from psycopg.pq import PGconn, PollingStatus, abc

UNAUTHENTICATED: Final = "28P01"
_WAITED: dict[int, int] = {PollingStatus.READING: select.POLLIN, PollingStatus.WRITING: select.POLLOUT}
_SAID = re.compile(rb'\tErrorResponse\t S "[^"]*" V "[^"]*" C "([0-9A-Z]{5})"')


def state(asked: Mapping[str, Any], until: float) -> str:
    """Return the SQLSTATE of the last server that refuses the connection that is asked for; empty where none says one.

    until: how long it may take, by the monotonic clock.

    It is read from libpq's trace of one more try, which is kept in memory; where there is no trace, nothing is known.
    """
    try:
        trace = os.memfd_create("trace")
    except (AttributeError, OSError):  # another system than Linux
        return ""
    try:
        connection = PGconn.connect_start(conninfo.make_conninfo(**asked).encode())
        try:
            return _traced(connection, trace, until)
        finally:
            connection.finish()
    except psycopg.Error:
        return ""
    finally:
        os.close(trace)


def _traced(connection: abc.PGconn, trace: int, until: float) -> str:
    connection.trace(trace)
    polled: int = PollingStatus.WRITING
    while polled in _WAITED and (left := until - time.monotonic()) > 0:
        poll = select.poll()
        poll.register(connection.socket, _WAITED[polled])
        if poll.poll(left * 1000):
            polled = connection.connect_poll()
    connection.untrace()
    if connection.needs_password:  # it was asked for, and there is none to say
        return UNAUTHENTICATED
    said = _SAID.findall(os.pread(trace, os.fstat(trace).st_size, 0))
    return said[-1].decode() if said else ""
