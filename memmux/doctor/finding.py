"""Findings: what the doctor looked at, how it is, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """The severity of a finding."""

    OK = "ok"
    WARNING = "warning"  # it works, and may not for ever
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, its state, and the remedy unless it is well."""

    name: str
    level: Level
    text: str


def ok(name: str, text: str) -> Finding:
    """Return a finding of what is well."""
    return Finding(name, Level.OK, text)


def warning(name: str, text: str) -> Finding:
    """Return a finding of what works, and may not for ever."""
    return Finding(name, Level.WARNING, text)


def error(name: str, text: str) -> Finding:
    """Return a finding of what does not work."""
    return Finding(name, Level.ERROR, text)
