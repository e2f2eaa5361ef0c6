from __future__ import annotations

import pytest

from memmux.wire.counts import amount, amounts


@pytest.mark.parametrize(
    ("number", "noun", "said"),
    [
        (0, "memory", "0 memories"),
        (1, "memory", "1 memory"),
        (2, "memory", "2 memories"),
        (1, "key", "1 key"),
        (3, "key", "3 keys"),
        (1, "client", "1 client"),
        (12, "client", "12 clients"),
    ],
)
def test_one_thing_is_one(number: int, noun: str, said: str) -> None:
    assert amount(number, noun) == said


def test_what_there_is_none_of_is_left_out() -> None:
    assert amounts({"created": 2, "merged": 0, "broken": 1}, {"conflict": 1, "duplicate": 0}) == (
        "2 created, 1 broken, 1 conflict"
    )
    assert amounts({"created": 0}, {"conflict": 0}) == ""
