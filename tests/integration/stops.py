"""Stops of clusters: whether the writer had the time to finish what it does then."""

from __future__ import annotations

import time

from memmux import Client
from router.io.stop_workers import STOP_S


def stop_in_time(client: Client) -> bool:
    """Stop the cluster; return whether that took less than its writer is given, so that it was not killed.

    On a busy machine it may need more. If it is killed it leaves its log, and what it had half done, to the next one.
    """
    began = time.monotonic()
    client.stop()
    return time.monotonic() - began < STOP_S
