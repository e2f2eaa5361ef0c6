"""Languages: whether words alone find what a question is about, in languages with and without spaces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.harness import report
from bench.harness.arena import arena
from bench.harness.measure import Row, at_least
from bench.harness.tongues import TONGUES, glued
from memmux import Client
from memmux.config.settings import EmbedderChoice
from memmux.wire.requests import Mode, Store

FIRST = 5  # hits among which the answer is looked for
_PART = 0.95  # of the questions that are to find it, where words are cut out of running text
_DENSE = ("Chinese", "Japanese")


def measure() -> Iterator[Row]:
    """Fill a cluster, a namespace for each language, ask by words, and give how many answers were found."""
    with arena(embedder=EmbedderChoice.HASH) as bed, Client(settings=bed.settings, name="bench") as client:
        for tongue in TONGUES:
            report.progress(tongue.name)
            pairs = list(tongue.pairs())
            found = _found(client, tongue.name, pairs)
            target = _PART * len(pairs) if tongue.name in _DENSE else None
            yield at_least(f"{tongue.name}: found of {len(pairs)}", found, target, key=tongue.name.lower())
        pairs = list(glued())
        found = _found(client, "identifiers", pairs)
        yield at_least(f"identifiers inside: found of {len(pairs)}", found, 78, key="identifiers")


def _found(client: Client, namespace: str, pairs: Sequence[tuple[str, str]]) -> int:
    """Return for how many questions the text that answers it is among the first hits."""
    client.store_batch([Store(content=text) for text, _ in pairs], namespace=namespace)
    return sum(
        any(
            hit.memory.content == text
            for hit in client.search(question, mode=Mode.KEYWORD, namespace=namespace, limit=FIRST)
        )
        for text, question in pairs
    )
