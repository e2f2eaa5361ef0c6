"""Time expressions inside questions, at Sunday, 22 November 2026, 11:57:50 UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memmux import limits
from memmux.when import find, parse
from tests.bounds import BOUND_S

NOW = datetime(2026, 11, 22, 11, 57, 50, tzinfo=UTC)

QUESTIONS = {
    "what did we decide last week?": ("last week", "what did we decide?"),
    "Yesterday's meeting notes": ("yesterday", "meeting notes"),
    "notes from yesterday about the router": ("yesterday", "notes about the router"),
    "the deploy of yesterday evening": ("yesterday evening", "the deploy"),
    "what happened 3 days ago": ("3 days ago", "what happened"),
    "errors in the last 24 hours": ("last 24 hours", "errors"),
    "errors over the past week": ("past week", "errors"),
    "bugs between 2026-10-01 and 2026-10-15, please": ("between 2026-10-01 and 2026-10-15", "bugs, please"),
    "from october to november we moved": ("from october to november", "we moved"),
    "which tests failed since last monday": ("since last monday", "which tests failed"),
    "designs before 2026-11-05": ("before 2026-11-05", "designs"),
    "after Christmas plans": ("after christmas", "plans"),
    "decisions in October": ("october", "decisions"),
    "October decisions": ("october", "decisions"),
    "budget for october 2025": ("october 2025", "budget"),
    "trips in May": ("may", "trips"),
    "what we did on the 5th of november": ("5 november", "what we did"),
    "on 11/05 we met": ("11/05", "we met"),
    "met 11/05/2026": ("11/05/2026", "met"),
    "invoices of the first quarter of 2026": ("first quarter of 2026", "invoices"),
    "Q3 targets": ("q3", "targets"),
    "roadmap 2025-Q2": ("2025-q2", "roadmap"),
    "what did we learn in 2025?": ("2025", "what did we learn?"),
    "last summer's holiday": ("last summer", "holiday"),
    "what we did during the winter": ("winter", "what we did"),
    "recent changes of the schema": ("recent", "changes of the schema"),
    "what did I do lately": ("lately", "what did I do"),
    "release of 2026-11-05": ("2026-11-05", "release"),
    "what broke this morning": ("this morning", "what broke"),
    "meeting on Friday": ("friday", "meeting"),
    # the clearer one of two, else the first
    "the october release, discussed last week": ("last week", "the october release, discussed"),
    "christmas or halloween": ("christmas", "or halloween"),
    "recent work since monday": ("since monday", "recent work"),
    # nothing else
    "last week": ("last week", ""),
    "in october?": ("october", ""),
    "last\n  week": ("last week", ""),
}


@pytest.mark.parametrize(("question", "expected"), QUESTIONS.items())
def test_expression_is_taken_out_of_a_question(question: str, expected: tuple[str, str]) -> None:
    expression, rest = expected
    assert find(question, now=NOW, zone=UTC) == (parse(expression, now=NOW, zone=UTC), rest)


@pytest.mark.parametrize(
    "question",
    [
        "",
        "nonsense words",
        "what may happen in the march of progress",
        "the spring framework and the fall of Rome",
        "every monday standup",
        "use 1/2 cup of sugar",
        "24/7 support",
        "what do I drink in the morning",
        "ratio 11/05",
        "port 5433 and error 2025",
        "latency after 2000 requests",
        "h2 database",
        "first half of the file",
        "the last-minute fix",
        "release 2026-13-45",
        "yesterday_table.py",
        "src/today/last.py",
        "todayish",
        "between one and two",
        "since we moved",
        "from here to there",
    ],
)
def test_question_without_an_expression_stays_as_it_is(question: str) -> None:
    assert find(question, now=NOW, zone=UTC) == (None, question)


def test_expression_means_the_time_of_the_zone() -> None:
    late = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)  # 00:30 of the 23rd in Berlin
    span, _ = find("what was yesterday", now=late, zone=ZoneInfo("Europe/Berlin"))
    assert span is not None
    assert span.start == datetime(2026, 11, 21, 23, 0, tzinfo=UTC)


@given(st.text(st.sampled_from("yesterday last week between and 2026-10 since in the may/?  \n"), max_size=200))
def test_what_is_left_of_a_question_holds_nothing_new(question: str) -> None:
    span, rest = find(question, now=NOW, zone=UTC)
    if span is None:
        assert rest == question
    else:
        assert len(rest) < len(question)


@pytest.mark.slow
@pytest.mark.timeout(BOUND_S)
@pytest.mark.parametrize("piece", ["between ", "last ", "in the ", " ", "1", "2026-", "from a to ", "a few ", "may "])
def test_longest_question_takes_no_long_time(piece: str) -> None:
    find(piece * (limits.QUERY_BYTES // len(piece)), now=NOW, zone=UTC)


def test_times_are_aware_and_in_order() -> None:
    span, _ = find("what was in the last 3 days", now=NOW, zone=UTC)
    assert span is not None
    assert span.start is not None
    assert span.end == NOW
    assert span.start.utcoffset() == timedelta(0)
