"""A machine whose home folder is nobody's."""

from __future__ import annotations

from tests.unit.memmux.hosts.home import client, document, machine

__all__ = ["client", "document", "machine"]
