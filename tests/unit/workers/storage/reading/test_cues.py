"""Cues: dates, questions for a time, words close together and names, and what they add to scores."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memmux.errors import ArgumentInvalidError
from memmux.wire.cues import Cue
from tests.sums import added
from tests.unit.workers.desk import Desk, frames, job
from workers.index.bm25 import SHIFT
from workers.index.proximity import proximity
from workers.runtime.jobs import Answer
from workers.storage.reading import cues
from workers.storage.reading.cues import Question, speakers
from workers.storage.reading.parts import Parts
from workers.words.cue_words import says_time

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp()  # a Tuesday
QUERY = (1.0, 0.0)


def _read(query: str, zone: str = "UTC", names: Iterable[Cue] = Cue) -> Question:
    return Question.of(query, tuple(names), NOW, zone)


def _days(query: str, zone: str = "UTC") -> tuple[str, str] | None:
    """Return the first and the last second of the period that a question names, where its zone is."""
    period = _read(query, zone).period
    if period is None:
        return None
    first, end = (datetime.fromtimestamp(moment, ZoneInfo(zone)) for moment in (period[0], period[1] - 1))
    return f"{first:%Y-%m-%d %H:%M:%S}", f"{end:%Y-%m-%d %H:%M:%S}"


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("What did Ada do on 7 May 2023?", "2023-05-07", "2023-05-07"),
        ("what did Ada say on May 7, 2023 about the ferry", "2023-05-07", "2023-05-07"),
        ("who called on 2023-05-07", "2023-05-07", "2023-05-07"),
        ("notes of the meeting on the 7th of May, 2023, please", "2023-05-07", "2023-05-07"),
        ("what was bought in October 2025", "2025-10-01", "2025-10-31"),
        ("what did we decide last week about the port", "2026-11-16", "2026-11-22"),
        ("YESTERDAY'S news of the harbour", "2026-11-23", "2026-11-23"),
        ("what did we plan 3 days ago", "2026-11-21", "2026-11-21"),
        ("what happened in June", "2026-06-01", "2026-06-30"),
        ("how was christmas 2024", "2024-12-22", "2024-12-28"),
        ("what was done between 2026-10-01 and 2026-10-15 in the garden", "2026-10-01", "2026-10-15"),
    ],
)
def test_a_date_or_period_is_found_in_a_longer_question(query: str, first: str, last: str) -> None:
    assert _days(query) == (f"{first} 00:00:00", f"{last} 23:59:59")


@pytest.mark.parametrize(
    "query",
    [
        "which port does the database use",
        "what may the marching band play",
        "version 2.5 of the parser",
        "on 30 February 2023",
        "on 2023-13-45",
        "the 99th of June",
        "room 1962",
        "wann war das Treffen am 7. Mai",
        "?",
        "\x00",
        "5" * 60_000,
    ],
)
def test_no_date_is_none(query: str) -> None:
    assert _read(query).period is None


def test_an_open_period_has_no_end() -> None:
    assert _read("what has changed since 2026-11-01").period == (datetime(2026, 11, 1, tzinfo=UTC).timestamp(), np.inf)
    assert _read("what was there before 2020-01-01").period == (-np.inf, datetime(2020, 1, 1, tzinfo=UTC).timestamp())


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Los_Angeles", "Asia/Kathmandu", "Europe/Berlin"])
def test_a_day_is_one_where_the_question_is_asked(zone: str) -> None:
    assert _days("what did she do on 7 May 2023", zone) == ("2023-05-07 00:00:00", "2023-05-07 23:59:59")


def test_a_day_on_which_clocks_change_has_its_own_length() -> None:
    short, long = _read("on 2026-03-29", "Europe/Berlin").period, _read("on 2026-10-25", "Europe/Berlin").period
    assert short is not None
    assert long is not None
    assert (short[1] - short[0], long[1] - long[0]) == (23 * 3600, 25 * 3600)


def test_a_zone_that_nobody_knows_is_utc() -> None:
    assert _read("on 2026-03-29", "Mars/Olympus").period == _read("on 2026-03-29", "UTC").period


@given(st.text(max_size=60))
def test_any_text_is_read(query: str) -> None:
    _read(query)


@pytest.mark.parametrize(
    "query",
    [
        "When did Ada leave?",
        "when is the ferry",
        "And when was that?",
        "since when is the shop closed",
        "tell me when the ferry leaves",
        "What date was the meeting?",
        "which day is the museum free",
        "How long ago did they meet",
        "what time does it open",
    ],
)
def test_a_question_for_a_time_is_one(query: str) -> None:
    assert _read(query).asks_when


@pytest.mark.parametrize(
    "query", ["what did she do when she arrived", "whenever it rains", "where is the ferry", "who"]
)
def test_another_question_is_none_for_a_time(query: str) -> None:
    assert not _read(query).asks_when


@pytest.mark.parametrize(
    "text",
    [
        "see you on Tuesday", "closed on Tuesdays", "she came yesterday", "two weeks ago", "at 10:30", "at 3 pm",
        "in 1962", "since May", "on 7 May", "the 4th of March", "2026-11-28", "next summer", "every night",
    ],
)  # fmt: skip
def test_a_text_says_a_time(text: str) -> None:
    assert says_time(text)


@pytest.mark.parametrize("text", ["I may come", "they march on", "the last ferry", "port 5433", "fall over", "a may"])
def test_a_text_says_none(text: str) -> None:
    assert not says_time(text)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("What did Ada say to Grace Hopper in May?", {"ada", "grace", "hopper"}),
        ("Caroline's plans", {"caroline"}),
        ("What did Zoë's brother think", {"zoë"}),
        ("what does ada think", {"ada", "think"}),
        ("What does ada think", {"ada", "think"}),
        ("When?", set()),
    ],
)
def test_names_are_what_has_capitals_or_else_any_word(query: str, names: set[str]) -> None:
    assert _read(query).names == names


@pytest.mark.parametrize(
    ("text", "metadata", "said"),
    [
        ("Ada: I prefer short answers", "{}", {"ada"}),
        ("Grace Hopper: nothing", "{}", {"grace", "hopper"}),
        ("[Ada]: hello", "{}", {"ada"}),
        ("Note: the ferry leaves", "{}", set()),
        ("the ferry: at nine", "{}", set()),
        ("http://example.org", "{}", set()),
        ("Everybody Knows That The Dice Are Loaded: a song", "{}", set()),
        ("no colon", '{"speaker":"Ada"}', {"ada"}),
        ("no colon", '{"author":"Grace Hopper","speaker":5}', {"grace", "hopper"}),
        ("no colon", '{"note":"the speaker is \\"author\\""}', set()),
        ("", "{}", set()),
    ],
)  # fmt: skip
def test_who_said_something_is_before_a_colon_or_in_the_metadata(text: str, metadata: str, said: set[str]) -> None:
    assert speakers(text, metadata) == said


def _places(*at: tuple[int, int]) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.array([row << SHIFT | place for row, place in at], np.int64)


def test_words_count_by_how_close_the_nearest_other_one_is() -> None:
    one, other = _places((1, 0), (2, 0), (2, 8), (3, 5)), _places((1, 1), (2, 4), (4, 0))
    found = proximity([one, other], [1.0, 3.0], np.array([4, 3, 2, 1, 9]))
    assert found.tolist() == [0.0, 0.0, 0.25, 1.0, 0.0]


@given(st.lists(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 30)), max_size=12), max_size=4))
def test_proximity_is_what_a_comparison_of_all_pairs_finds(listed: list[list[tuple[int, int]]]) -> None:
    taken: set[tuple[int, int]] = set()
    words = []
    for word in listed:
        words.append(sorted(set(word) - taken))
        taken |= set(word)
    rows, weights = np.arange(1, 7), [1.0 + number for number in range(len(words))]
    expected = []
    for row in rows.tolist():
        total = 0.0
        for number, word in enumerate(words):
            others = [place for other in words if other is not word for at, place in other if at == row]
            gaps = [abs(place - other) for at, place in word if at == row for other in others]
            total += weights[number] / min(gaps) if gaps else 0.0
        expected.append(total / sum(weights) if words else 0.0)
    found = proximity([_places(*word) for word in words], weights, rows)
    assert found.tolist() == pytest.approx(expected)


@given(st.lists(st.floats(0, 1), max_size=30), st.integers(1, 12), st.floats(0, 0.7), st.data())
def test_what_is_not_looked_at_can_not_be_among_the_best(
    scores: list[float], depth: int, left: float, data: st.DataObject
) -> None:
    before = np.array(scores)
    contending = cues._contending(before, depth, left)
    more = np.array(data.draw(st.lists(st.floats(0, left), min_size=len(scores), max_size=len(scores))))
    after = Parts(np.arange(len(scores)), {"words": before, "cue": more}).best_first()
    assert set(after.rows[:depth].tolist()) <= set(contending.tolist())


@pytest.fixture
def filled(desk: Desk) -> Desk:
    for number, (text, day) in enumerate(
        (
            ("Ada: the harbour was closed for repairs", 1),
            ("Ben: the harbour master is called Petersen", 2),
            ("the ferry left the harbour on Tuesday", 3),
            ("a red boat was seen from the harbour", 4),
            ("Cleo: nothing was left of the ferry", 5),
        )
    ):
        cosine = 0.9 - 0.05 * number
        stored = {"content": text, "created_at": f"2026-06-{day:02d}T23:30:00+00:00"}
        desk.ask("memory.store", stored, *frames([(cosine, (1 - cosine**2) ** 0.5)]))
    return desk


def _whys(desk: Desk, query: str, zone: str = "UTC", **fields: Any) -> dict[str, dict[str, float]]:
    asked = {"query": query, "why": True, **fields}
    ((_, outcome),) = desk.reader.handle([job("memory.search", asked, *frames([QUERY]), zone=zone)], lambda: None)
    assert isinstance(outcome, Answer), outcome
    hits = orjson.loads(outcome.frames[0])["hits"]
    for hit in hits:
        assert added(hit["why"].values()) == hit["score"]
    return {hit["memory"]["content"]: hit["why"] for hit in hits}


def test_what_was_created_at_a_time_that_is_named_gets_more(filled: Desk) -> None:
    found = _whys(filled, "who was in the harbour on 4 June 2026")
    assert {text for text, why in found.items() if why.get("date") == 0.4} == {"a red boat was seen from the harbour"}
    assert next(iter(found)) == "a red boat was seen from the harbour"


def test_the_day_is_that_of_who_asks(filled: Desk) -> None:
    found = _whys(filled, "who was in the harbour on 4 June 2026", "Asia/Tokyo")
    assert {text for text, why in found.items() if "date" in why} == {"the ferry left the harbour on Tuesday"}


def test_a_question_for_what_was_before_all_times_is_answered(filled: Desk) -> None:
    assert filled.search("why is a date before 0001-01-01 refused?", QUERY)["hits"]


def test_where_nothing_was_created_then_nothing_gets_more(filled: Desk) -> None:
    assert _whys(filled, "the harbour on 4 June 1962") == _whys(
        filled, "the harbour on 4 June 1962", cues=["proximity"]
    )


def test_a_question_for_a_time_prefers_what_says_one(filled: Desk) -> None:
    found = _whys(filled, "when did the ferry leave")
    assert {text for text, why in found.items() if why.get("when") == 0.1} == {"the ferry left the harbour on Tuesday"}


def test_what_somebody_said_gets_a_little_more_where_that_one_is_named(filled: Desk) -> None:
    found = _whys(filled, "What did Ben tell of the harbour?")
    assert {text for text, why in found.items() if why.get("speaker") == 0.05} == {
        "Ben: the harbour master is called Petersen"
    }


def test_words_that_stand_together_get_more(filled: Desk) -> None:
    found = _whys(filled, "red boat")
    assert found["a red boat was seen from the harbour"]["proximity"] == pytest.approx(0.1)
    assert all("proximity" not in why for text, why in found.items() if "red boat" not in text)


@pytest.mark.parametrize("cue", Cue)
def test_each_cue_can_be_turned_off(filled: Desk, cue: Cue) -> None:
    query = "When on 3 June 2026 did Ben see the ferry in the harbour?"
    every = {name for why in _whys(filled, query).values() for name in why}
    assert set(Cue) <= every
    others = [other for other in Cue if other is not cue]
    assert {name for why in _whys(filled, query, cues=others).values() for name in why} == every - {cue}


def test_a_setting_says_which_cues_count_unless_a_search_does(filled: Desk) -> None:
    query = "harbour on 3 June 2026"
    filled.questions._search._fusion._usual_cues = (Cue.PROXIMITY,)
    assert not any("date" in why for why in _whys(filled, query).values())
    assert any("date" in why for why in _whys(filled, query, cues=["date"]).values())


@pytest.mark.parametrize("mode", ["semantic", "keyword"])
def test_by_meaning_or_words_alone_there_are_no_cues(filled: Desk, mode: str) -> None:
    found = _whys(filled, "When on 3 June 2026 did Ben see the ferry?", mode=mode)
    assert {name for why in found.values() for name in why} <= {"words", "meaning"}


def test_a_ranked_score_has_its_share_of_cues(filled: Desk) -> None:
    found = _whys(filled, "harbour on 4 June 2026", mode="ranked")
    assert found["a red boat was seen from the harbour"]["date"] == pytest.approx(0.7 * 0.4)


@pytest.mark.parametrize("fields", [{}, {"only_relevant": True}, {"min_similarity": 0.0}, {"mode": "ranked"}])
def test_scores_do_not_depend_on_the_size_of_the_page(filled: Desk, fields: dict[str, Any]) -> None:
    query = "When on 3 June 2026 did Ben see the ferry in the harbour?"
    whole = _whys(filled, query, **fields)
    for at, (text, why) in enumerate(whole.items()):
        assert _whys(filled, query, offset=at, limit=1, **fields) == {text: pytest.approx(why)}


@pytest.mark.parametrize("wrong", ["date", ["dates"], [5], {"date": True}])
def test_what_is_no_cue_is_refused(filled: Desk, wrong: object) -> None:
    with pytest.raises(ArgumentInvalidError, match="cue"):
        filled.ask("memory.search", {"query": "x", "cues": wrong}, *frames([QUERY]))
