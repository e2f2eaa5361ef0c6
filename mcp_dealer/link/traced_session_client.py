"""The cluster's client of one session where spans are made; here it is known how, which costs an import."""

from __future__ import annotations

from mcp_dealer.link.session_client import SessionClient
from mcp_dealer.link.traces import TracedClient


class TracedSessionClient(TracedClient, SessionClient):
    """A client of a session, with a span for every request."""
