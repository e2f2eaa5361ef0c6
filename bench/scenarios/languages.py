"""Languages: whether words find what a question is about, in languages with and without spaces, and by which model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.harness import report
from bench.harness.arena import arena
from bench.harness.measure import Row, at_least, plain
from bench.harness.settle import settle
from bench.harness.tongues import TONGUES, glued
from memmux import Client
from memmux.config.settings import EmbedderChoice
from memmux.wire.requests import Mode, Store

FIRST = 5  # hits among which the answer is looked for
_PART = 0.95  # of the questions that are to find it, where words are cut out of running text
_STORE_S = 600.0  # for forty texts to be embedded, however busy the machine is
_ASKING = next(tongue for tongue in TONGUES if tongue.name == "German")  # the language of questions across languages
_DENSE = ("Chinese", "Japanese")


def measure(model: str | None = None) -> Iterator[Row]:
    """Fill a cluster, a namespace for each language, ask by words, and give how many answers were found.

    model: by which meaning is asked for as well; by none if none is named.
    """
    chosen = {"embedder": EmbedderChoice.HASH} if model is None else {"model": model}
    with arena(**chosen) as bed, Client(settings=bed.settings, name="bench") as client:
        for tongue in TONGUES:
            report.progress(tongue.name)
            pairs = list(tongue.pairs())
            found = _found(client, tongue.name, pairs)
            target = _PART * len(pairs) if tongue.name in _DENSE else None
            yield at_least(f"{tongue.name}: found of {len(pairs)}", found, target, key=tongue.name.lower())
            if model is None:
                continue
            settle(client)
            for mode in (Mode.SEMANTIC, Mode.HYBRID):
                found = _asked(client, tongue.name, pairs, mode)
                yield plain(f"{tongue.name}, {mode}: found of {len(pairs)}", found, key=f"{tongue.name.lower()}_{mode}")
            # The facts are the same in all languages, in the same order.
            foreign = [(text, question) for (text, _), (_, question) in zip(pairs, _ASKING.pairs(), strict=True)]
            found = _asked(client, tongue.name, foreign, Mode.SEMANTIC)
            name = f"{tongue.name}, asked in {_ASKING.name}: found of {len(pairs)}"
            yield plain(name, found, key=f"{tongue.name.lower()}_foreign")
        pairs = list(glued())
        found = _found(client, "identifiers", pairs)
        yield at_least(f"identifiers inside: found of {len(pairs)}", found, 78, key="identifiers")


def _found(client: Client, namespace: str, pairs: Sequence[tuple[str, str]]) -> int:
    """Return for how many questions the text that answers it is among the first hits."""
    client.store_batch([Store(content=text) for text, _ in pairs], namespace=namespace, timeout_s=_STORE_S)
    return _asked(client, namespace, pairs, Mode.KEYWORD)


def _asked(client: Client, namespace: str, pairs: Sequence[tuple[str, str]], mode: Mode) -> int:
    return sum(
        any(hit.memory.content == text for hit in client.search(question, mode=mode, namespace=namespace, limit=FIRST))
        for text, question in pairs
    )
