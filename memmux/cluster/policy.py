"""What finding a cluster may do besides: make a database, replace an older cluster, have a gateway from the beginning.

A client may do the first two, and whoever knows better says so around what it does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from memmux.cluster.router_flags import WITH_GATEWAY

_makes_database: ContextVar[bool] = ContextVar("makes_database", default=True)
_upgrades: ContextVar[bool] = ContextVar("upgrades", default=True)
_flags: ContextVar[tuple[str, ...]] = ContextVar("flags", default=())

makes_database = _makes_database.get
upgrades = _upgrades.get
flags = _flags.get


@contextmanager
def making_no_database() -> Iterator[None]:
    """Inside the block no cluster is started where there is no database and none to adopt."""
    before = _makes_database.set(False)
    try:
        yield
    finally:
        _makes_database.reset(before)


@contextmanager
def upgrading_nothing() -> Iterator[None]:
    """Inside the block an older cluster is used as it is.

    For what a router started itself: an older one that serves in its place was put there on purpose.
    """
    before = _upgrades.set(False)
    try:
        yield
    finally:
        _upgrades.reset(before)


@contextmanager
def with_gateway() -> Iterator[None]:
    """Inside the block a cluster that is started has a gateway from the beginning: a relay waits for it."""
    before = _flags.set((WITH_GATEWAY,))
    try:
        yield
    finally:
        _flags.reset(before)
