"""What is printed where a command could not do what was asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NotRequired, TypedDict


class Failure(TypedDict):
    """What a failure prints on standard error."""

    code: str
    message: str
    retryable: bool
    retry_after_ms: NotRequired[int]
    degraded: NotRequired[Sequence[str]]


class NoCluster(TypedDict):
    """Where no cluster answers; pid and since of a process that holds the database."""

    state: Literal["stopped", "starting", "unresponsive", "unreachable"]
    database: NotRequired[str]
    pid: NotRequired[int]
    since: NotRequired[datetime]
    remote: NotRequired[str]
    endpoint: NotRequired[str]
