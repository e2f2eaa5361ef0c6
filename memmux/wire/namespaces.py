"""Namespaces: the name of the one that is meant where nobody names any, and what means all of them."""

from __future__ import annotations

from typing import Final

DEFAULT_NAMESPACE: Final = "default"
EVERYWHERE: Final = "*"  # no namespace is called so
