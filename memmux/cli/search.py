"""The command that searches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from memmux.cli import absent, output
from memmux.cli.memory_options import (
    filter_options,
    offset_option,
)
from memmux.cli.options import json_option, with_memories
from memmux.client.blocking import Client
from memmux.config.settings import Settings
from memmux.wire.answers import SearchResult
from memmux.wire.requests import Mode

NEAR = 0.5  # a cosine above which nobody need be asked whether a memory is near the query


@click.command()
@click.argument("query")
@click.option("--limit", metavar="N", type=int, default=10, show_default=True, help="At most so many memories.")
@offset_option
@click.option("--min-score", metavar="SCORE", type=float, help="Only with this score or a better one.")
@click.option("--min-similarity", metavar="COSINE", type=float, help="Only as near by meaning, from -1 to 1.")
@click.option("--only-relevant", is_flag=True, help="Only what is near by meaning or has the words of QUERY.")
@click.option(
    "--mode", metavar="MODE", default=Mode.HYBRID.value, show_default=True, help=f"How to rank: {', '.join(Mode)}."
)
@click.option("--no-cues", is_flag=True, help="Rank by words and meaning alone, whatever MEMMUX_CUES says.")
@click.option("--why", is_flag=True, help="Also say what each score is the sum of.")
@click.option(
    "--context", metavar="N", type=int, default=0, show_default=True, help="Also so many before and after each."
)
@click.option(
    "--context-weight",
    metavar="WEIGHT",
    type=float,
    default=1.0,
    show_default=True,
    help="How much those around a memory say for it, from 0 to 1.",
)
@click.option("--include-superseded", is_flag=True, help="Also those that a newer version has taken the place of.")
@filter_options
@json_option
@with_memories
def search(settings: Settings, query: str, *, as_json: bool, no_cues: bool, **options: Any) -> None:
    """Find the memories that answer QUERY best, best first.

    Each has its score and its cosine with QUERY. The score ranks within this answer: in the mode hybrid 1.000 is the
    most that words and meaning give the best, 0.000 the least, and cues of the question, such as a date, add to it; in
    the mode semantic it is the cosine. That can be compared between searches: 1.00 says the same, above 0.50 is near,
    near 0.00 has nothing to do with it. Where no memory is near or has the words, that is said; --only-relevant finds
    nothing then.
    """
    options["cues"] = () if no_cues else None
    with Client(settings=settings, name="cli") as client:
        result = client.search(query, short=not as_json, **options)
        far = not as_json and _all_far(client, result, query, options)
        gone = [] if as_json else absent.names(client, options, result)
    if as_json:
        output.document(result)
        return
    for hit in result.hits:
        output.summary(hit.memory, hit.score, hit.similarity, short=result.short.get(hit.memory.id))
        for side, memories in (("before", hit.before), ("after", hit.after)):
            for memory in memories:
                output.beside(side, memory)
    if not result.hits:
        output.line("nothing found")
    elif options["why"]:
        output.table("why", *_whys(result))
    if far:
        output.note("no close match: none is near by meaning or has the words; --only-relevant leaves such out")
    output.notes([note.replace("min_similarity ", "--min-similarity ") for note in (*result.notes, *gone)])
    output.warn(result.degraded)


def _whys(result: SearchResult) -> tuple[list[str], list[list[str]]]:
    """Return the parts of scores as columns and rows of a table: a column for each part that a hit has."""
    whys = [hit.why or {} for hit in result]
    names = list(dict.fromkeys(name for why in whys for name in why))
    rows = [
        [
            f"{hit.score:.3f}",
            *(f"{why[name]:.3f}" if name in why else "" for name in names),
            result.short.get(hit.memory.id, hit.memory.id),
        ]
        for hit, why in zip(result, whys, strict=True)
    ]
    return ["score", *names, "memory"], rows


def _all_far(client: Client, result: SearchResult, query: str, options: Mapping[str, Any]) -> bool:
    """Return whether what was found has nothing to do with the query, as the cluster judges it."""
    chosen = options["only_relevant"] or options["min_similarity"] is not None or options["offset"]
    if not result.hits or chosen or result.mode not in (Mode.HYBRID, Mode.RANKED):
        return False
    if any(hit.similarity is None or hit.similarity >= NEAR for hit in result):
        return False
    return not client.search(query, **{**options, "only_relevant": True, "limit": 1}).hits
