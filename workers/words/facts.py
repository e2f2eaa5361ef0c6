"""Facts: the numbers, versions, dates, paths and identifiers of a text, by which texts differ that read alike."""

from __future__ import annotations

import re
import unicodedata

# Scripts that are written without spaces end a piece: what stands between them is one.
_PIECE = re.compile(
    r"[^\s\"'`*()\[\]{}<>,;!?…“”„‘’«»|=\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\ua4cf\uac00-\ud7af\uf900-\ufaff]+"
)
_ENDS = ".:"
_JOINED = re.compile(r"\w[/\\_@.:]+\w|^[/\\~@]+\w|[a-z][A-Z]")


def facts(text: str) -> list[str]:
    """Return, in order of the alphabet, each piece of a text that holds a digit, or is a path, an address or a name.

    A name is one with a joint in it, as in snake_case, example.com or camelCase. Two texts whose lists differ don't say
    the same, however near they are in meaning; the order in which the pieces stand, and their case, do not matter.
    """
    pieces = (piece.strip(_ENDS) for piece in _PIECE.findall(unicodedata.normalize("NFKC", text)))
    return sorted(piece.casefold() for piece in pieces if any(map(str.isdigit, piece)) or _JOINED.search(piece))
