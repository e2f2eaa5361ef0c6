"""Full text against the rows: every place of every word, as it is cut afresh from the memories."""

from __future__ import annotations

from collections.abc import Sequence

from workers.storage import queries
from workers.storage.connection import Connection
from workers.storage.postgres import arrays, words

_SQL = queries.load("checks")
_CONTENTS = queries.load("postings")["contents"]
_PIECE = 500  # memories that are compared at once


def differing(connection: Connection, languages: Sequence[str]) -> tuple[set[int], int]:
    """Return the rows of the memories whose words are not as they should be, and how many postings are of none.

    The latter are counted if all others are there. languages: whose stems were added to the words.
    """
    found: set[int] = {row for (row,) in connection.fetch(_SQL["surplus_texts"])}
    expected = missing = after = 0
    while piece := connection.fetch(_CONTENTS, {"after": after, "limit": _PIECE}):
        last = piece[-1][0]
        rows: list[int] = []
        terms: list[str] = []
        places: list[bytes] = []
        kept = {row: rest for row, *rest in connection.fetch(_SQL["texts"], {"after": after, "last": last})}
        for row, digest, content in piece:
            count, of = words.postings(row, content, languages)
            rows += [row] * len(of)
            terms += of
            places += of.values()
            if kept.get(row) != [count, digest, "\n".join(of)]:
                found.add(row)
        packed = {"rows": arrays.longs(rows), "terms": arrays.texts(terms), "places": arrays.blobs(places)}
        wrong = [row for (row,) in connection.fetch(_SQL["differing"], packed)]
        found.update(wrong)
        expected += len(rows)
        missing += len(wrong)
        after = last
    surplus = int(connection.value(_SQL["postings_counted"])) - expected
    return found, 0 if missing else surplus  # of some that are missing others may stand in the place
