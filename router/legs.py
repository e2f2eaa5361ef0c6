"""Legs: the pieces of a request's way through the stages of its route."""

from __future__ import annotations

from dataclasses import dataclass

from memmux.operations import Stage


@dataclass(slots=True)
class Leg:
    """One stage of a request's way; seconds in its queue, and with its workers, those that died of it included."""

    stage: Stage
    queue_s: float = 0.0
    work_s: float = 0.0
