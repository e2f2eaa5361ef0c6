"""Cues: what a question says besides what it is about, and how much that speaks for each candidate.

A date or a period that it names speaks for what was created then, a question for a time for what says one, a name for
what that one said, and words that stand close together for those texts. They add to scores, and leave nothing out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from types import MappingProxyType

import numpy as np
import orjson
from numpy.typing import NDArray

from memmux.wire.cues import Cue
from workers.index.bm25 import Scored
from workers.index.interface import Rows
from workers.index.proximity import proximity
from workers.index.scores import Values
from workers.storage import queries
from workers.storage.connection import Connection
from workers.storage.reading.parts import Parts
from workers.words.cue_words import ASKS_WHEN, MAY_NAME_TIME, NO_NAMES, SPEAKERS, says_time
from workers.words.stopwords import STOP_WORDS

SHARES: Mapping[Cue, float] = MappingProxyType({Cue.DATE: 0.4, Cue.WHEN: 0.1, Cue.PROXIMITY: 0.1, Cue.SPEAKER: 0.05})
"""How much each adds to a score at most, where words and meaning make 1 together."""
_SQL = queries.load("search")
_READ = 1_000  # characters of a question that are looked at
_TEXT = 2_000  # and of a memory, for a time that it says
_HEAD = 64  # and for who said it
_ZONE_S = 60.0  # a machine may be given another time zone
_ROUNDING = 1e-9
_NAME_WORDS = 3  # of which a name before a colon consists at most
_NAME = re.compile(r"[^\W\d_][\w\u2019'-]*")
_LABEL = re.compile(r"[\W_]*([^\W\d_][^:\n]{0,40}):(?=\s)")
_NOBODY = STOP_WORDS | NO_NAMES
_OWNED = re.compile(r"['\u2019]s?$")


@dataclass(frozen=True, slots=True)
class Question:
    """What a question says, as far as `cues` want it.

    period: from when, up to when, in seconds since 1970; None where it names no time.
    """

    cues: Collection[Cue] = ()
    period: tuple[float, float] | None = None
    asks_when: bool = False
    names: frozenset[str] = frozenset()

    @classmethod
    def of(cls, query: str, cues: Collection[Cue], now: float, zone: str) -> Question:
        """Read a question, as far as `cues` want; now: in seconds since 1970; zone: of who asks, as in TZ."""
        text = query[:_READ]
        return cls(
            cues,
            period=_period(text, now, zone) if Cue.DATE in cues else None,
            asks_when=Cue.WHEN in cues and ASKS_WHEN.search(text) is not None,
            names=_names(text) if Cue.SPEAKER in cues else frozenset(),
        )


class Cues:
    """Adds what cues say to the scores of candidates."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def added(self, found: Parts, question: Question, words: Scored, depth: int, more: float = 0.0) -> Parts:
        """Return candidates with a part for each cue that says something.

        words: the scores of the question's words. depth: how many of the best are wanted. more: what may be added to a
        score afterwards. What can't be among the best any more is not looked at.
        """
        speaking = [(cue, values) for cue, values in self._speaking(question, words) if cue in question.cues]
        left = more + sum(SHARES[cue] for cue, _ in speaking)
        for cue, values in speaking:
            contending = _contending(found.total, depth, left)
            part = np.zeros(len(found))
            part[contending] = SHARES[cue] * values(found.rows[contending])
            found = found.plus(str(cue), part)
            left -= SHARES[cue]
        return found

    def _speaking(self, question: Question, words: Scored) -> Iterator[tuple[Cue, Callable[[Rows], Values]]]:
        """Give the cues that say something of memories, those that are quick to know first."""
        yield Cue.PROXIMITY, lambda rows: proximity(words.postings, words.weights, rows)
        if (period := question.period) is not None:
            yield Cue.DATE, lambda rows: self._dated(rows, *period)
        if question.asks_when:
            yield Cue.WHEN, self._timed
        if question.names:
            yield Cue.SPEAKER, lambda rows: self._said(rows, question.names)

    def _dated(self, rows: Rows, first: float, end: float) -> Values:
        return self._of(rows, "created", lambda created: first <= created < end)

    def _timed(self, rows: Rows) -> Values:
        return self._of(rows, "beginnings", says_time, length=_TEXT)

    def _said(self, rows: Rows, names: frozenset[str]) -> Values:
        return self._of(rows, "speakers", lambda *said: not names.isdisjoint(speakers(*said)), length=_HEAD)

    def _of(self, rows: Rows, query: str, holds: Callable[..., bool], **values: int) -> Values:
        """Return 1 for each memory of whose fields, as a query gives them, something holds, and 0 for the others."""
        wanted = {"rows": rows.tolist(), **values}
        true = {row for row, *fields in self._connection.fetch(_SQL[query], wanted) if holds(*fields)}
        return np.array([row in true for row in rows.tolist()], np.float64)


def _contending(scores: Values, depth: int, left: float) -> NDArray[np.intp]:
    """Return the places of the scores that are among the best `depth`, or may be with `left` more."""
    if depth >= scores.size:
        return np.arange(scores.size)
    return np.flatnonzero(scores >= np.partition(scores, -depth)[-depth] - left - _ROUNDING)


def speakers(head: str, metadata: str) -> frozenset[str]:
    """Return the words, in lower case, of the names of who said a memory: before a colon at its head, or in metadata.

    metadata: as JSON.
    """
    found: list[str] = []
    if (label := _LABEL.match(head)) is not None:
        words = label[1].split()
        if len(words) <= _NAME_WORDS and all(word[:1].isupper() or not word[:1].isalpha() for word in words):
            found += words
    if any(f'"{key}"' in metadata for key in SPEAKERS):
        said = orjson.loads(metadata)
        found += [word for key in SPEAKERS if isinstance(said.get(key), str) for word in said[key].split()]
    return frozenset(word.strip(".,()[]*_").casefold() for word in found) - NO_NAMES


def _names(text: str) -> frozenset[str]:
    """Return the words of a question that may be names, in lower case: the capitals, or all where there are none."""
    words = [_OWNED.sub("", word) for word in _NAME.findall(text)]
    said = [word for word in words if word.casefold() not in _NOBODY]
    capitals = [word for word in said if word[0].isupper()]
    return frozenset(word.casefold() for word in capitals or said)


@lru_cache(maxsize=64)
def _zone(name: str, _period: float) -> tzinfo:
    """Return a time zone, which is looked up once a period, as that reads files."""
    from memmux import when

    return when.zone_of(name or None)


def _period(text: str, now: float, zone: str) -> tuple[float, float] | None:
    if MAY_NAME_TIME.search(text) is None:
        return None
    from memmux import when  # costs 60 ms and a MiB, for the first question that may name a time

    span, _ = when.find(text, now=datetime.fromtimestamp(now, UTC), zone=_zone(zone, now // _ZONE_S))
    if span is None:
        return None
    start, end = span.start, span.before
    return (-np.inf if start is None else start.timestamp()), (np.inf if end is None else end.timestamp())
