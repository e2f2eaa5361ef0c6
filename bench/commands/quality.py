"""The commands that measure how much of what they should find searches do find."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bench.commands.options import json_option


@click.command()
@json_option
def floor(*, as_json: bool) -> None:
    """Measure from which cosine on a memory has to do with a query, with the real model, in half a minute."""
    from bench.harness import report
    from bench.scenarios import floor

    sys.exit(report.finish(floor.measure(), as_json=as_json))


@click.command()
@click.option("--model", help="Ask by meaning, too, with this model.")
@json_option
def languages(*, model: str | None, as_json: bool) -> None:
    """Measure what words alone find in seven languages, and identifiers inside Chinese and Japanese."""
    from bench.harness import report
    from bench.scenarios import languages

    sys.exit(report.finish(languages.measure(model), as_json=as_json))


@click.command()
@click.argument("data", type=click.Path(exists=True, path_type=Path))
@click.option("--model", default="all-MiniLM-L6-v2", show_default=True, help="What makes the vectors.")
@json_option
def retrieval(*, data: Path, model: str, as_json: bool) -> None:
    """Measure which part of what answers a question is among the first hits.

    DATA is LoCoMo's locomo10.json, a folder of REALTALK's chats, or JSON lines: memories, {"id", "text"}, and
    questions, {"question", "evidence": [ids], "category"}, each with a "namespace" if there are several.
    """
    from bench.harness import report
    from bench.scenarios import retrieval

    try:
        sys.exit(report.finish(retrieval.measure(data, model), as_json=as_json))
    except ValueError as error:
        raise click.ClickException(str(error)) from error
