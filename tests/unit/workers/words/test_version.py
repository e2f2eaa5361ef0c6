from __future__ import annotations

import pytest

from workers.words import version


def test_the_version_names_what_words_depend_on() -> None:
    assert version.version() == version.version()
    assert version.version() != version.version(("german",))


def test_a_change_of_any_words_is_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    before = version.version()
    monkeypatch.setattr(version, "words", lambda *_, **__: ["other"])
    assert version.version() != before


@pytest.mark.parametrize("languages", [(), ("german",), ("german", "czech")])
def test_a_version_says_whose_stems_are_added(languages: tuple[str, ...]) -> None:
    assert version.languages_of(version.version(languages)) == languages


@pytest.mark.parametrize("written", ["", "words 0", "["])
def test_what_is_no_version_names_no_languages(written: str) -> None:
    assert version.languages_of(written) == ()
