from __future__ import annotations

import pytest

from workers.words import languages


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("wo ist die Datenbank und wer sichert sie", "german"),
        ("où se trouve la base de données et qui la sauvegarde", "french"),
        ("dónde está la base de datos y quién hace la copia", "spanish"),
        ("dove si trova il database e chi lo salva", "italian"),
        ("onde está a base de dados e quem faz a cópia", "portuguese"),
        ("waar is de database en wie maakt een kopie van het", "dutch"),
        ("missä tietokanta on ja kuka sen varmistaa", "finnish"),
    ],
)
def test_common_words_say_which_language_a_text_is_in(text: str, language: str) -> None:
    assert language in languages.of(text.split())


@pytest.mark.parametrize(
    "text", ["", "nginx", "where is the database and who makes a copy of it", "to me on a la carte"]
)
def test_where_they_do_not_or_say_english_there_is_no_guess(text: str) -> None:
    assert languages.of(text.split()) == ()


def test_languages_that_are_asked_for_come_first_and_each_once() -> None:
    assert languages.of(["wo", "ist", "die", "und"], ("french", "german")) == ("french", "german")
