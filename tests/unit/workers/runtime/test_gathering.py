"""Gathering: for how long a worker waits for more requests before it begins."""

from __future__ import annotations

import pytest

from workers.runtime.gathering import MOST_S, SHARE, Gathering

ENDED = 10.05


def turned(*at_once: int, pays: bool = True) -> Gathering:
    """A turn from 10 s to 10.05 s, at each of whose answers so many requests were there."""
    gathering = Gathering()
    for number in at_once:
        gathering.answered(number)
    gathering.ended(10.0, ENDED, pays=pays)
    return gathering


def test_at_first_nothing_is_waited_for() -> None:
    assert Gathering().left_s(1, 0.0) <= 0


def test_as_many_as_were_there_at_once_are_waited_for_and_for_a_share_of_the_turn() -> None:
    gathering = turned(3, 4, 3)
    until = ENDED + (ENDED - 10.0) * SHARE
    assert gathering.left_s(3, ENDED + 0.001) == pytest.approx(until - ENDED - 0.001)
    assert gathering.left_s(4, ENDED + 0.001) <= 0
    assert gathering.left_s(1, until) <= 0


def test_one_client_alone_waits_for_nobody() -> None:
    assert turned(1).left_s(1, ENDED) <= 0


def test_nothing_is_waited_for_where_it_does_not_pay() -> None:
    assert turned(4, pays=False).left_s(1, ENDED) <= 0


def test_each_turn_counts_anew() -> None:
    gathering = turned(4)
    gathering.answered(2)
    gathering.ended(20.0, 20.01, pays=True)
    assert gathering.left_s(2, 20.01) <= 0
    assert gathering.left_s(1, 20.01) > 0


def test_after_a_long_turn_nobody_waits_for_long() -> None:
    gathering = turned(4)
    gathering.answered(2)
    gathering.ended(20.0, 60.0, pays=True)
    assert gathering.left_s(1, 60.0) == pytest.approx(MOST_S)
