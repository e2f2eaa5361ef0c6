"""One memory is asked for where the caller says, or else in the own namespace, and then wherever it is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from mcp_dealer.tools.anywhere import anywhere
from memmux.errors import ArgumentInvalidError, NotFoundError
from tests.unit.workers.desk import Desk

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


def test_it_is_asked_once_where_the_own_namespace_has_it() -> None:
    cluster = Cluster(ArgumentInvalidError("in several"))
    assert asyncio.run(anywhere(cluster.get, UNSAID)) == "own"
    assert cluster.asked == [UNSAID]


def test_where_the_caller_says_is_where_it_is_asked() -> None:
    cluster = Cluster("there", NotFoundError("not here"))
    with pytest.raises(NotFoundError):
        asyncio.run(anywhere(cluster.get, {"namespace": "work"}))
    assert cluster.asked == [{"namespace": "work"}]


def test_what_the_own_namespace_does_not_have_is_asked_for_everywhere() -> None:
    for answer in ("there", NotFoundError("nowhere"), ArgumentInvalidError("in several")):
        cluster = Cluster(answer, NotFoundError("not here"))
        (said,) = asyncio.run(_said(cluster))
        assert said is answer
        assert cluster.asked == [UNSAID, EVERYWHERE]


def test_a_refusal_of_the_own_namespace_is_the_answer() -> None:
    refusal = ArgumentInvalidError("no")
    cluster = Cluster("there", refusal)
    assert asyncio.run(_said(cluster)) == [refusal]
    assert cluster.asked == [UNSAID]


async def _said(cluster: Cluster) -> list[object]:
    return await asyncio.gather(anywhere(cluster.get, UNSAID), return_exceptions=True)


def test_a_delete_that_is_sent_again_deletes_no_other_memory_of_the_same_content(tmp_path: Path) -> None:
    with closing(Desk(tmp_path / "m.db")) as desk:
        content_hash = desk.store("same text")["content_hash"]
        other = desk.store("same text", namespace="work")

        async def delete(keys: Iterator[int], namespace: str | None = "default") -> dict[str, Any]:
            body = {"id": content_hash, "namespace": namespace}
            done: dict[str, Any] = desk.ask("memory.delete", body, key=f"line-{next(keys)}")
            return done

        first, again = (asyncio.run(anywhere(partial(delete, count()), UNSAID)) for _ in range(2))
        assert again == first
        assert desk.ask("memory.get", {"id": other["id"], "namespace": "work"})["content"] == "same text"
