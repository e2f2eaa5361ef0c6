"""The change log as commands read it: on from a number, or from a time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from memmux import limits
from memmux.client.blocking import Client
from memmux.wire.answers import Notice


def beginning_with(client: Client, first: int, last: int | None = None) -> Iterator[Notice]:
    """Yield the changes from one number on, up to another, oldest first."""
    after, newest = first - 1, client.changes(namespace=None).next if last is None else last
    while after < newest:
        found = client.changes(after, limit=limits.HISTORY, namespace=None)
        yield from (change for change in found if change.seq <= newest)
        if found.next <= after:
            return
        after = found.next


def first_at(client: Client, at: datetime) -> int:
    """Return the number of the first change at a time or after it; one is looked at for each halving of the log."""
    low, high = 1, client.changes(namespace=None).next + 1
    while low < high:
        middle = (low + high) // 2
        found = client.changes(middle - 1, limit=1, namespace=None).changes
        if found and found[0].at < at:
            low = found[0].seq + 1
        else:
            high = middle
    return low
