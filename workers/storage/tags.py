"""Tags: spelled as the user likes, compared without regard to case, blanks around them, or Unicode's composition."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence


def normal(tag: str) -> str:
    """Return the name under which `tag` is compared."""
    # Folding can take a composed character apart, so it is composed once more.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", tag).strip().casefold())


def spellings(tags: Sequence[str]) -> dict[str, str]:
    """Return the first spelling of each name, in the order given."""
    found: dict[str, str] = {}
    for tag in tags:
        found.setdefault(normal(tag), tag)
    return found
