"""JSON, and JSON lines: as lines to be read, `key.key[0]: value`, with a blank line between the outermost members."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from memmux.errors import ArgumentInvalidError
from memmux.ingest.formats.base import Budget, Document, Part
from memmux.ingest.formats.encoding import decode

_PLAIN = (type(None), bool, int, float, list, dict)
DEPTH = 2000  # of objects and lists in each other; YAML may have them in themselves


def read(data: bytes, extension: str) -> Document:
    """Return the document; raise ArgumentInvalidError if it is not JSON."""
    text = decode(data)
    texts = [text] if extension == ".json" else filter(str.strip, text.split("\n"))
    values: Iterable[object] = (parse(each, number) for number, each in enumerate(texts, 1))
    if extension == ".json" and isinstance(outermost := parse(text), list):
        values = outermost
    budget = Budget()
    return Document("", (Part("\n\n".join(block for value in values for block in blocks(value, budget))),))


def parse(text: str, number: int = 1) -> object:
    """Return the value of a JSON text; raise ArgumentInvalidError if it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ArgumentInvalidError(f"it is not JSON: text {number}: {error}") from None


def blocks(value: object, budget: Budget) -> Iterator[str]:
    """Yield a value as paragraphs: a member that takes several lines is one of its own."""
    if not isinstance(value, dict):
        yield "\n".join(budget.counted(_leaves("", value)))
        return
    block: list[str] = []
    for key, member in value.items():
        lines = list(budget.counted(_leaves(str(key), member)))
        if len(lines) == 1:
            block += lines
            continue
        if block:
            yield "\n".join(block)
            block = []
        yield "\n".join(lines)
    if block:
        yield "\n".join(block)


def _leaves(name: str, value: object) -> Iterator[str]:
    """Yield a line for each value that holds no others.

    Without recursion, as JSON may be deep, and one name at a time: a long one may stand before very many values.
    """
    stack: list[Iterator[tuple[str, object]]] = [iter([(name, value)])]
    while stack:
        here, member = next(stack[-1], (None, None))
        if len(stack) > DEPTH:
            raise ArgumentInvalidError(f"it has more than {DEPTH} objects and lists in each other, the most")
        if here is None:
            stack.pop()
        elif isinstance(member, dict) and member:
            stack.append(_members(here, member.items()))
        elif isinstance(member, list) and member:
            stack.append(_items(here, member))
        else:
            # YAML has more than JSON: dates, which are best as they are written.
            text = json.dumps(member) if isinstance(member, _PLAIN) else str(member)
            yield f"{here}: {text}" if here else text


def _members(here: str, members: Iterable[tuple[object, object]]) -> Iterator[tuple[str, object]]:
    for key, inner in members:
        yield f"{here}.{key}" if here else str(key), inner


def _items(here: str, items: Iterable[object]) -> Iterator[tuple[str, object]]:
    for place, inner in enumerate(items):
        yield f"{here}[{place}]", inner
