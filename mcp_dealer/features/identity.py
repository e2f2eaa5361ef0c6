"""The identity of the MCP server: what the handshake says of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from memmux.version import __version__

NAME = "memmux"
INSTRUCTIONS = (
    "A memory that outlives this conversation and is shared with the user's other assistants. "
    "Search it before you answer something that may have come up earlier: people, projects, preferences, decisions. "
    "Store what will be of use later, one fact a memory, written so that it is understood without this conversation; "
    "update or delete what is no longer true. Store no secrets."
)
_LISTS = {"listChanged": False}
SERVER: Mapping[str, Any] = {
    "capabilities": {"prompts": _LISTS, "resources": {**_LISTS, "subscribe": True}, "tools": _LISTS},
    "instructions": INSTRUCTIONS,
    "serverInfo": {"name": NAME, "title": NAME, "version": __version__},
}
"""What the handshake says of it, in every version of the protocol that has one."""
