"""Proximity: how close together the words of a query stand in memories. Pure, like `bm25`, and of the same postings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workers.index.bm25 import SHIFT, Places
from workers.index.interface import Rows


def proximity(postings: Sequence[Places], weights: Sequence[float], rows: Rows) -> NDArray[np.float64]:
    """Return of each of the memories `rows` how close together the words are, from 0 to 1, where all are in a row.

    postings: the places of each word, ascending. weights: how much each word says. A word counts by one divided by its
    least distance from another one: 1 beside it, ½ where one stands between them. What a memory lacks counts as 0.
    """
    found, total = np.zeros(len(rows)), sum(weights)
    known = [number for number, places in enumerate(postings) if places.size]
    if len(known) < 2 or not len(rows) or total <= 0:  # noqa: PLR2004  # two words are needed to be close
        return found
    number_of = np.full(1 + max(int(rows.max()), *(int(postings[one][-1]) >> SHIFT for one in known)), -1, np.int64)
    number_of[rows] = np.arange(len(rows))
    kept = [postings[one][number_of[postings[one] >> SHIFT] >= 0] for one in known]
    places = np.concatenate(kept)
    words = np.repeat(np.arange(len(known)), [one.size for one in kept])
    order = np.argsort(places, kind="stable")
    places, words = places[order], words[order]
    left, right = places[:-1], places[1:]
    beside = np.flatnonzero((left >> SHIFT == right >> SHIFT) & (words[:-1] != words[1:]))
    near = 1.0 / np.maximum(right[beside] - left[beside], 1)
    best = np.zeros((len(known), len(rows)))
    for side in (beside, beside + 1):
        np.maximum.at(best, (words[side], number_of[places[side] >> SHIFT]), near)
    share = np.array([weights[one] for one in known]) / total
    return share @ best
