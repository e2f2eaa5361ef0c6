"""What a turn of the backfill takes: little, so that what is made is kept, and found, soon."""

from __future__ import annotations

from workers.storage import backfill


def test_a_turn_takes_some_texts_or_one_that_is_long_and_a_sample_all_of_them() -> None:
    short, long = [(f"s{number}", "x" * 1000) for number in range(100)], [("l1", "y" * 200_000), ("l2", "z" * 200_000)]
    assert 60 <= len(backfill.texts(backfill.frame([*short, *long])).memories) <= 65
    assert [name for name, _ in backfill.texts(backfill.frame([*long, *short])).memories] == ["l1"]
    assert len(backfill.texts(backfill.frame([*long, *short], audit=7)).memories) == 102
