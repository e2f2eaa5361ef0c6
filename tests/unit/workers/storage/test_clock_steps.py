"""A clock that is set: the order of changes is their seq, and nothing is lost, late or seen twice."""

from __future__ import annotations

import pytest

from tests.unit.workers.desk import Desk

YEAR_S = 365 * 86_400.0


@pytest.mark.parametrize("step", [-YEAR_S, YEAR_S])
def test_clock_that_is_set_changes_neither_order_nor_what_is_seen(desk: Desk, step: float) -> None:
    stored = [desk.store("the first apple", key="one")]
    desk.search("apple")
    desk.clock.at += step
    desk.engine.idle()
    stored.append(desk.store("the second apple", key="two"))
    assert [answer["seq"] for answer in stored] == [1, 2]
    assert sorted(desk.contents("apple", mode="keyword")) == ["the first apple", "the second apple"]
    assert desk.store("the first apple", key="one") == stored[0]  # the key is still known
    assert desk.ask("memory.delete", {"id": stored[0]["id"]})["seq"] == 3
    assert desk.contents("apple", mode="exact") == ["the second apple"]


def test_list_is_by_what_the_clock_said(desk: Desk) -> None:
    desk.store("noon")
    desk.clock.at -= 3600
    desk.store("set back to eleven")
    page = desk.ask("memory.list", {"limit": 10, "offset": 0, "filter": {}})
    assert [memory["content"] for memory in page["memories"]] == ["noon", "set back to eleven"]
