"""What comes of rounds."""

from __future__ import annotations

import pytest

from bench.harness.rounds import Deck, Round, Rounds, Turn, in_turns
from bench.harness.tasks import Done, Task, Work

TASK = Task(work=Work.SEARCH, seconds=1)


def _done(
    began: float, ended: float, *latencies_ms: float, calls: int | None = None, ids: tuple[str, ...] = ()
) -> Done:
    calls = len(latencies_ms) if calls is None else calls
    return Done(began=began, ended=ended, calls=calls, latencies_ms=latencies_ms, ids=ids)


def test_round_lasts_from_the_first_beginning_to_the_last_end() -> None:
    one = Round.of([_done(10.0, 11.0, 1.0, 2.0, ids=("a",)), _done(10.5, 12.0, 3.0, ids=("b",))])
    assert one == Round((1.0, 2.0, 3.0), ("a", "b"), 2.0)
    assert one.per_s == 1.5


def test_percentile_is_of_all_rounds_and_the_rate_that_of_the_middle_one() -> None:
    rounds = Rounds([Round((1.0, 2.0), (), 1.0), Round((9.0,), (), 1.0), Round((3.0, 4.0), (), 0.1)])
    assert rounds.ms(50) == 3.0
    assert rounds.per_s == 2.0


def test_ratio_of_rates_is_the_middle_one_of_the_rounds() -> None:
    # The machine was slow in the second round, for both sides.
    many = Rounds([Round((1.0,) * count, (), 1.0) for count in (30, 3, 33)])
    alone = Rounds([Round((1.0,) * count, (), 1.0) for count in (10, 1, 10)])
    assert many.per_s_over(alone) == 3.0


def test_rounds_are_compared_only_with_as_many() -> None:
    with pytest.raises(ValueError, match="argument 2"):
        Rounds([]).per_s_over(Rounds([Round((1.0,), (), 1.0)]))


def test_no_question_is_dealt_twice() -> None:
    deck = Deck()
    asked: list[int] = []
    for calls in ((3, 5), (1, 1), (4, 2)):
        tasks = deck.deal(TASK, len(calls))
        asked += [task.question(n, 1000) for task, made in zip(tasks, calls, strict=True) for n in range(made)]
        # The warm-up is dealt, too.
        deck.discard([_done(0, 1, 1.0, calls=made) for made in calls])
    assert len(set(asked)) == len(asked)
    assert deck.dealt == 2 * (5 + 1 + 4)


def test_turns_are_taken_forwards_and_backwards_after_a_warm_up_that_does_not_count() -> None:
    order: list[str] = []

    def turn(name: str) -> Turn:
        def play() -> Round:
            order.append(name)
            return Round((float(len(order)),), (), 1.0)

        return play

    found = in_turns(2, {"a": turn("a"), "b": turn("b")}, "test")
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert [one.latencies_ms for one in found["a"].each] == [(4.0,), (5.0,)]
    assert [one.latencies_ms for one in found["b"].each] == [(3.0,), (6.0,)]
