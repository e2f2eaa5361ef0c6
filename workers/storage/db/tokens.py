"""The tokens of the full-text index: a query is cut as the index itself cuts texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import apsw


def tokenizer(connection: apsw.Connection) -> Callable[[str], Sequence[str]]:
    """Return a function that gives the tokens of a query, before stemming, which FTS5 does itself."""
    return _cutter(connection.fts5_tokenizer("unicode61", []))


def stemmer(connection: apsw.Connection) -> Callable[[str], Sequence[str]]:
    """Return a function that gives the tokens of a text as they stand in the index: their stems."""
    return _cutter(connection.fts5_tokenizer("porter", ["unicode61"]))


def _cutter(cut: apsw.FTS5Tokenizer) -> Callable[[str], Sequence[str]]:
    def tokens(text: str) -> Sequence[str]:
        found = cut(text.encode(), apsw.FTS5_TOKENIZE_QUERY, None, include_offsets=False, include_colocated=False)
        return [str(token) for token in found]

    return tokens
