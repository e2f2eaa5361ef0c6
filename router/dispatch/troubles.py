"""Troubles: the codes of what is wrong with the cluster as a whole, which every answer says."""

from __future__ import annotations

from collections.abc import Collection


class Troubles:
    """A set of codes, asked for with every answer and changed hardly ever. codes: in order."""

    __slots__ = ("_by_source", "codes")

    def __init__(self) -> None:
        self.codes: tuple[str, ...] = ()
        self._by_source: dict[str, frozenset[str]] = {}

    def put(self, code: str, *, wrong: bool) -> None:
        """Let a code be among them, or not."""
        self.found(code, (code,) if wrong else ())

    def found(self, source: str, codes: Collection[str]) -> None:
        """Let these be all that one source has found; another one may have found the same."""
        if self._by_source.get(source, frozenset()) != (now := frozenset(codes)):
            self._by_source[source] = now
            self.codes = tuple(sorted(frozenset().union(*self._by_source.values())))

    def beside(self, codes: Collection[str]) -> tuple[str, ...]:
        """Return all of them and these, each once and in order: what an answer says."""
        return tuple(sorted({*codes, *self.codes})) if codes else self.codes
