"""The tools' answers: small flat models, each with a text form for hosts that show no structured results.

Fields that are empty are left out, so an answer costs a model's context no more than it says.
"""

from __future__ import annotations

from mcp_dealer.schemas.base import Answer, compact, text
from mcp_dealer.schemas.brief import as_brief
from mcp_dealer.schemas.changes import Feed, History
from mcp_dealer.schemas.graph import Linked
from mcp_dealer.schemas.hits import Hit, Hits
from mcp_dealer.schemas.memories import Listed, Read, SearchAnswer
from mcp_dealer.schemas.older import as_older
from mcp_dealer.schemas.reports import Cleanup, Health, Ingested, Stats
from mcp_dealer.schemas.writes import Changed, Kept, Removed, StoredSession

__all__ = [
    "Answer",
    "Changed",
    "Cleanup",
    "Feed",
    "Health",
    "History",
    "Hit",
    "Hits",
    "Ingested",
    "Kept",
    "Linked",
    "Listed",
    "Read",
    "Removed",
    "SearchAnswer",
    "Stats",
    "StoredSession",
    "as_brief",
    "as_older",
    "compact",
    "text",
]
