"""Numbers of things, as sentences for people have them."""

from __future__ import annotations

from collections.abc import Mapping


def amount(number: int, noun: str) -> str:
    """Return a number with its noun, which is given for one: `1 memory`, `2 memories`."""
    if number == 1:
        return f"1 {noun}"
    many = f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2] not in "aeiou" else f"{noun}s"
    return f"{number} {many}"


def amounts(numbers: Mapping[str, int], nouns: Mapping[str, int]) -> str:
    """Return what there is any of, in order: `2 created, 1 conflict`; numbers: of words that stay as they are."""
    said = [f"{number} {word}" for word, number in numbers.items() if number]
    return ", ".join([*said, *(amount(number, noun) for noun, number in nouns.items() if number)])
