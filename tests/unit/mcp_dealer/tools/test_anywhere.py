"""One memory is asked for where the caller says, or else once, wherever it is."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mcp_dealer.tools.anywhere import anywhere
from memmux.errors import ArgumentInvalidError, NotFoundError

UNSAID: dict[str, Any] = {}
EVERYWHERE = {"namespace": None}


class Cluster:
    """Answers by what is asked for, and remembers that."""

    def __init__(self, everywhere: object, own: object = "own") -> None:
        self.answers = {"everywhere": everywhere, "own": own}
        self.asked: list[dict[str, Any]] = []

    async def get(self, **part: Any) -> object:
        self.asked.append(part)
        answer = self.answers["everywhere" if part == EVERYWHERE else "own"]
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_it_is_asked_once_wherever_the_memory_is() -> None:
    cluster = Cluster("there")
    assert asyncio.run(anywhere(cluster.get, UNSAID)) == "there"
    assert cluster.asked == [EVERYWHERE]
    cluster = Cluster(NotFoundError("nowhere"))
    with pytest.raises(NotFoundError):
        asyncio.run(anywhere(cluster.get, UNSAID))
    assert cluster.asked == [EVERYWHERE]


def test_where_the_caller_says_is_where_it_is_asked() -> None:
    cluster = Cluster("there", NotFoundError("not here"))
    with pytest.raises(NotFoundError):
        asyncio.run(anywhere(cluster.get, {"namespace": "work"}))
    assert cluster.asked == [{"namespace": "work"}]


def test_of_several_the_one_of_the_own_namespace_is_meant() -> None:
    cluster = Cluster(ArgumentInvalidError("in several"))
    assert asyncio.run(anywhere(cluster.get, UNSAID)) == "own"
    assert cluster.asked == [EVERYWHERE, UNSAID]
    cluster = Cluster(ArgumentInvalidError("in several"), NotFoundError("not here"))
    with pytest.raises(ArgumentInvalidError, match="in several"):
        asyncio.run(anywhere(cluster.get, UNSAID))
