"""Stops of clusters: whether the workers had the time to finish what they do then."""

from __future__ import annotations

import time

from memmux import Client
from router.io.stop_workers import STOP_S


def stop_in_time(client: Client) -> bool:
    """Stop the cluster; return whether that took less than its workers are given, so that none of them was killed.

    On a busy machine they may need more. Who is killed leaves its log, and what it had half done, to the next one.
    """
    began = time.monotonic()
    client.stop()
    return time.monotonic() - began < STOP_S
