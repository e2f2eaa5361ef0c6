"""Times in exports: texts that lose no digit."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memmux.errors import ArgumentInvalidError
from memmux.transfer.exact_times import exact, read, seconds_of, written
from tests.unit.examples import examples


@settings(max_examples=examples(300))
@given(st.floats(min_value=-6e10, max_value=2.5e11, allow_nan=False))
def test_a_time_comes_back_to_the_last_digit(seconds: float) -> None:
    assert seconds_of(exact(seconds)) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "1970-01-01T00:00:00+00:00"),
        (1794852000.25, "2026-11-16T18:00:00.25+00:00"),
        (1794852000.1234567, "2026-11-16T18:00:00.1234567+00:00"),
        (-0.5, "1969-12-31T23:59:59.5+00:00"),
    ],
)
def test_a_time_is_written_with_the_digits_that_it_has(seconds: float, text: str) -> None:
    assert exact(seconds) == text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-16T18:00:00Z", 1794852000.0),
        ("2026-11-16T19:00:00.25+01:00", 1794852000.25),
        ("2026-11-16", 1794787200.0),
    ],
)
def test_times_of_others_are_understood(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


def test_a_text_that_is_no_time_is_refused() -> None:
    with pytest.raises(ArgumentInvalidError, match="'soon' is not a time"):
        read({"created_at": "soon"})


def test_all_times_of_a_memory_are_changed_and_nothing_else() -> None:
    memory = {
        "id": "i",
        "content": "1.5",
        "created_at": 1.5,
        "updated_at": 2.5,
        "deleted_at": None,
        "uses": 2,
        "used_at": 4.5,
        "links": [{"target": "t", "created_at": 3.5}, {"target": "u"}],
    }
    lines = written(memory)
    assert lines["created_at"] == "1970-01-01T00:00:01.5+00:00"
    assert lines["links"][0]["created_at"] == "1970-01-01T00:00:03.5+00:00"
    assert (lines["uses"], lines["used_at"]) == (2, "1970-01-01T00:00:04.5+00:00")
    assert (lines["content"], lines["deleted_at"], lines["links"][1]) == ("1.5", None, {"target": "u"})
    assert read(lines) == memory
    assert read(memory) == memory
