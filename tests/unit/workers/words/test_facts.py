"""Facts of texts: what holds a digit, and what is a path, an address or an identifier."""

from __future__ import annotations

import pytest

from workers.words.facts import facts


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("The port is 5433.", ["5433"]),
        ("Bug 12 in v3.1 (2026-11-23, 14:30)", ["12", "14:30", "2026-11-23", "v3.1"]),
        (
            "see /srv/Atlas and snake_case, camelCase, a@example.com",
            ["/srv/atlas", "a@example.com", "camelcase", "snake_case"],
        ),
        ("5 of 5", ["5", "5"]),
        ("port=5433", ["5433"]),
        ("端口5433开放，不是５４３２", ["5432", "5433"]),
        ("-5 and 5", ["-5", "5"]),
        ("Nothing of the kind: just words. \"Quoted.\" 'so'", []),
    ],
)
def test_the_facts_of_a_text(text: str, known: list[str]) -> None:
    assert facts(text) == known
