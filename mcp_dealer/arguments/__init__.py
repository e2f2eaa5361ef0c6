"""The tools' arguments: models, each of whose fields is an argument.

Beside our arguments, which a tool's schema lists, stand those that mcp-memory-service gives the same things. They are
accepted and not listed, so that what was written for it goes on working at no cost to a model's context. Two arguments
that say different things about the same are refused by `one`, which names both.
"""

from __future__ import annotations

from mcp_dealer.arguments.base import Arguments, Named, one
from mcp_dealer.arguments.full import Graph, History, Ingest, SessionArguments, Turn, Wait
from mcp_dealer.arguments.memories import Get, List, Search
from mcp_dealer.arguments.writes import Delete, Store, Update

__all__ = [
    "Arguments",
    "Delete",
    "Get",
    "Graph",
    "History",
    "Ingest",
    "List",
    "Named",
    "Search",
    "SessionArguments",
    "Store",
    "Turn",
    "Update",
    "Wait",
    "one",
]
