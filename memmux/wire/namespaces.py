"""Namespaces: the name of the one that is meant where nobody names any."""

from __future__ import annotations

from typing import Final

DEFAULT_NAMESPACE: Final = "default"
