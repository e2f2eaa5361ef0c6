"""Roles: how much a client may do."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """The roles of clients; each may do what those before it may."""

    READ = "read"  # search, list and read memories
    WRITE = "write"  # and store, change, delete and restore them
    ADMIN = "admin"  # and everything about the database and the cluster as a whole

    def includes(self, other: Role) -> bool:
        """Return whether this role may do what `other` may."""
        return _RANKS[self] >= _RANKS[other]


_RANKS = {role: rank for rank, role in enumerate(Role)}
