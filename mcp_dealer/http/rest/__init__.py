"""REST: the memory for hooks, agent frameworks, curl and the page, with the document that describes it."""

from __future__ import annotations

from mcp_dealer.http.rest.events import Streams
from mcp_dealer.http.rest.routes import OPERATIONS, routes

__all__ = ["OPERATIONS", "Streams", "routes"]
