"""Gathering: for how long a worker waits for more requests before it begins."""

from __future__ import annotations

import pytest

from workers.runtime.gathering import SHARE, Gathering


def turned(*at_once: int, pays: bool = True) -> Gathering:
    """A turn from 10 s to 20 s, at each of whose answers so many requests were there."""
    gathering = Gathering()
    for number in at_once:
        gathering.answered(number)
    gathering.ended(10.0, 20.0, pays=pays)
    return gathering


def test_at_first_nothing_is_waited_for() -> None:
    assert Gathering().left_s(1, 0.0) <= 0


def test_as_many_as_were_there_at_once_are_waited_for_and_for_a_share_of_the_turn() -> None:
    gathering = turned(3, 4, 3)
    until = 20.0 + 10 * SHARE
    assert gathering.left_s(3, 20.25) == pytest.approx(until - 20.25)
    assert gathering.left_s(4, 20.25) <= 0
    assert gathering.left_s(1, until) <= 0


def test_one_client_alone_waits_for_nobody() -> None:
    assert turned(1).left_s(1, 20.0) <= 0


def test_nothing_is_waited_for_where_it_does_not_pay() -> None:
    assert turned(4, pays=False).left_s(1, 20.0) <= 0


def test_each_turn_counts_anew() -> None:
    gathering = turned(4)
    gathering.answered(2)
    gathering.ended(20.0, 30.0, pays=True)
    assert gathering.left_s(2, 30.0) <= 0
    assert gathering.left_s(1, 30.0) > 0
