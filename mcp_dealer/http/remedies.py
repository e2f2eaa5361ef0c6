"""Remedies: what errors advise on the command line, as whoever asks over HTTP can do it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

HERE: Final[Mapping[str, str]] = MappingProxyType(
    {
        r"`memmux undo (\d+)`": r'POST /api/undo with {"seq": \1}',
        r"`memmux undo`": "POST /api/undo",
        r"`memmux history(?: ID)?`": "GET /api/memories/{id}/history",
        r"`memmux status`": "GET /api/status",
        r"`memmux export`": "GET /api/export",
        r"`memmux docs protocol` lists": "/api/openapi.json lists",
        r"`memmux docs migrating` has": "the page on migrating of memmux's documentation has",
        r"--when, --after and --before, for MCP, and for memmux\.when\.parse in Python": "POST /api/search/by-time",
    }
)
"""What stands for each advice. Commands that mend the server, such as `memmux check`, stay: nobody can do that here."""

_HERE: Final = tuple((re.compile(advice), here) for advice, here in HERE.items())


def here(message: str) -> str:
    """Return the message with what can be done over HTTP in place of commands."""
    for advice, instead in _HERE:
        message = advice.sub(instead, message)
    return message
