from __future__ import annotations

from bench.harness.tongues import TONGUES, VALUES, glued
from workers.words import words


def test_each_language_has_forty_facts_and_a_question_for_each_that_does_not_say_the_answer() -> None:
    assert len(TONGUES) == 7
    for tongue in TONGUES:
        pairs = list(tongue.pairs())
        assert len({fact for fact, _ in pairs}) == len({question for _, question in pairs}) == 40
        assert not [question for _, question in pairs if any(value in question for value in VALUES)]


def test_each_identifier_stands_in_one_text_alone_without_a_space() -> None:
    texts = list(glued())
    assert len(texts) == 80
    for text, name in texts:
        assert " " not in text
        assert [other for other, _ in texts if name in other] == [text]
        assert set(words(name, query=True)) <= set(words(text))
