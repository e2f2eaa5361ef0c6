"""Namespaces: the name of the one that is meant where nobody names any, and what means all of them."""

from __future__ import annotations

from typing import Final

DEFAULT_NAMESPACE: Final = "default"
NAMED: Final = "named"  # in the detail of a request: that its user named the namespace
EVERYWHERE: Final = "*"  # no namespace is called so


class Unnamed(str):
    """The name of a namespace that the user did not name, but the settings."""

    __slots__ = ()
