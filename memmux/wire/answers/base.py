"""What all answers have: the codes of what they had to do without; and answers that hold a sequence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Generic, Self, TypeVar

ItemT = TypeVar("ItemT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to a request. `degraded` is no part of what is compared: equal memories are equal."""

    # The codes travel in a RESULT's header, not in its body: orjson leaves out fields that begin with an underscore, so
    # a worker writes none, and a memory is the same JSON as an answer, inside a hit and in the change log.
    _degraded: tuple[str, ...] = field(default=(), init=False, compare=False, repr=False)

    @property
    def degraded(self) -> tuple[str, ...]:
        """Codes of what the answer had to do without and of what is wrong with the cluster; empty if all is well."""
        return self._degraded

    def with_degraded(self, codes: tuple[str, ...]) -> Self:
        """Return the same answer with these codes."""
        if codes == self._degraded:
            return self
        answer = replace(self)
        object.__setattr__(answer, "_degraded", codes)
        return answer


class Several(Answer, Generic[ItemT]):
    """An answer that holds a sequence, and can be iterated, indexed and counted like one."""

    __slots__ = ()

    def _items(self) -> tuple[ItemT, ...]:
        raise NotImplementedError

    def __iter__(self) -> Iterator[ItemT]:
        return iter(self._items())

    def __len__(self) -> int:
        return len(self._items())

    def __getitem__(self, index: int) -> ItemT:
        return self._items()[index]
