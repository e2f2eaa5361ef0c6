from __future__ import annotations

import Stemmer

from memmux.config.languages import LANGUAGES


def test_the_languages_are_those_that_the_stemmer_knows() -> None:
    others = {"english", "porter", "dutch_porter"}  # always there; older algorithms of languages that are listed
    assert set(LANGUAGES) == set(Stemmer.algorithms()) - others
    assert list(LANGUAGES) == sorted(LANGUAGES)
