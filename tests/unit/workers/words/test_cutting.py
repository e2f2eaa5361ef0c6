"""What holds of the words of every text."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.examples import examples
from tests.unit.workers.words.cases import CASES
from workers.words import LONGEST, cutting, names, scripts, words

_NAMES = [name for text, _ in CASES for name in text.split()]
texts = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from([*_NAMES, " ", "'", "-", "/", "\u200d", "\u0301", "\ufe0f", "#", "A1b"]), max_size=12).map(
        "".join
    ),
    st.lists(st.sampled_from(_NAMES), max_size=8).map(" ".join),
)


@settings(max_examples=examples(200))
@given(texts, st.booleans())
def test_a_word_is_short_and_whole(text: str, query: bool) -> None:
    found = words(text, query=query)
    assert all(0 < len(word) <= LONGEST and word.split() == [word] for word in found)
    assert sum(map(len, found)) <= 16 + 8 * len(unicodedata.normalize("NFKC", text))


@settings(max_examples=examples(200))
@given(texts)
def test_a_text_in_another_form_has_the_same_words(text: str) -> None:
    assert words(unicodedata.normalize("NFKC", text)) == words(text)
    assert words(unicodedata.normalize("NFD", text)) == words(text)


@settings(max_examples=examples(200))
@given(texts)
def test_a_text_is_found_by_each_of_its_words(text: str) -> None:
    """A word of a query is one of the index, or begins one where it is written without spaces."""
    held = words(text)
    for word in words(text, query=True):
        assert word in held or (scripts.begins_words(word) and any(one.startswith(word) for one in held))


@settings(max_examples=examples(200))
@given(texts)
def test_what_is_remembered_is_the_same(text: str) -> None:
    first = words(text)
    cutting._known.cache_clear()
    assert words(text) == first


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("备份数据库在夜里运行", "数据库"),
        ("黑猫喜欢睡觉", "猫"),
        ("データベースのバックアップ", "バックアップ"),
        ("데이터베이스를 백업", "데이터베이스"),
        ("สำรองฐานข้อมูล", "ฐานข้อมูล"),
        ("重启nginx服务", "nginx"),
        ("部署到K8s集群", "K8S"),
        ("the value of MAX_RETRIES is 5", "maxRetries"),
        ("see commit 3f2a9bc1d4e5f60718293a4b", "3f2a9bc"),
        ("it's in src/lib/util.py", "util.py"),
        ("Meeting at 2026-11-28T03:15:00Z", "2026-11-28"),
        ("l’été à Montréal", "montreal ete"),
        ("Ｆｕｌｌ ｗｉｄｔｈ", "full width"),
        ("don’t panic", "dont panic"),
        ("The indices were analysed", "indices analysing"),
        ("Резервные копии базы данных", "резервная копия"),
        ("ＡＰＩ鍵を更新", "api"),
        ("٢٠٢٦", "2026"),
        ("הַשָּׁרָת", "השרת"),
        ("ship it 🚀!", "🚀"),
        ("C++ and C#", "c#"),
    ],
)
def test_what_people_look_for_is_among_the_words(text: str, query: str) -> None:
    held = words(text)
    for asked in query.split():
        assert any(
            word in held or (scripts.begins_words(word) and any(one.startswith(word) for one in held))
            for word in words(asked, query=True)
        )


@pytest.mark.parametrize(
    ("text", "languages", "word"),
    [
        ("Sicherungen", ("german",), "sicher"),
        ("резервни", ("serbian",), "резервн"),
        ("varmuuskopiot", ("finnish",), "varmuuskopio"),
    ],
)
def test_stems_of_languages_that_are_asked_for_are_added(text: str, languages: tuple[str, ...], word: str) -> None:
    plain, asked = words(text), words(text, languages=languages)
    assert set(plain) <= set(asked)
    assert any(one.startswith(word) for one in asked)


def test_a_sentence_in_another_language_has_its_stems_too() -> None:
    assert "sicher" in words("Die Sicherungen werden in der Nacht gemacht und kopiert")
    assert "sicher" not in words("Sicherungen")
    assert words("The backups are made and copied in the night") == words("the backup are made and copied in the night")


@pytest.mark.slow
@pytest.mark.parametrize("size", [129, 1000, 100_000])
def test_what_is_endless_is_cut(size: int) -> None:
    assert words("a" * size) == ["a" * LONGEST]
    assert len(words("aB" * size)) <= 2
    assert all(len(word) <= LONGEST for word in words("x/" * size + "猫" * size + "e" + "\u0301" * size))


_PART = r"(?<![^./@:\\+&>\-_])[vV]?\d+(?:\.\d+)+(?![^/@:\\+&>\-_])|[^./@:\\+&>\-_]+"


@settings(max_examples=examples(300))
@given(st.text(alphabet="1v.x-_/2V\u0663\u00b2", max_size=12))
def test_the_parts_of_a_name_are_versions_and_what_stands_between_joints(name: str) -> None:
    assert names._parts(name) == re.findall(_PART, name)


def test_a_name_of_many_numbers_is_cut_at_once() -> None:
    assert len(names._parts("1." * 200_000 + "x")) == 200_001
