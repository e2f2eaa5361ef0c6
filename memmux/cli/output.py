"""The output of commands: one JSON document, or text for people; rich is imported only for a table on a terminal."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

import click
import orjson

from memmux.errors import MemmuxError
from memmux.wire.answers import Answer, Memory

PREVIEW_CHARACTERS = 240  # of a memory in a list

# C0 and C1 but tab and line feed, lone surrogates, and what turns the direction of writing around.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


def document(value: object) -> None:
    """Print `value` as one JSON document: one line, or indented on a terminal. An answer says what it went without."""
    if isinstance(value, Answer):
        value = {**orjson.loads(orjson.dumps(value)), "degraded": value.degraded}
    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2 if sys.stdout.isatty() else 0))


def failure(error: MemmuxError, *, as_json: bool) -> None:
    """Print `error` as one line on standard error."""
    if as_json:
        fields = {key: clean(value) if isinstance(value, str) else value for key, value in error.to_json().items()}
        click.echo(orjson.dumps({"error": fields}), err=True)
    else:
        click.echo(f"memmux: {click.style(error.code, fg='red')}: {_one_line(error.message)}", err=True)


def warn(degraded: Sequence[str]) -> None:
    """Say on standard error what an answer had to do without."""
    if degraded:
        click.echo(f"memmux: {click.style('degraded', fg='yellow')}: {', '.join(degraded)}", err=True)


def notes(said: Sequence[str]) -> None:
    """Say on standard error what an answer says of what was asked for."""
    for note in said:
        click.echo(f"memmux: {_one_line(note)}", err=True)


def clean(text: str) -> str:
    """Return `text` with control characters escaped, so that a memory can't drive the terminal."""
    return _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], text)


def _one_line(text: str) -> str:
    return " ".join(clean(text).split())


def _preview(text: str) -> str:
    # One cut before the cleaning: a memory may be a million characters.
    line = _one_line(text[: 2 * PREVIEW_CHARACTERS])
    if len(line) <= PREVIEW_CHARACTERS and len(text) <= 2 * PREVIEW_CHARACTERS:
        return line
    return line[: PREVIEW_CHARACTERS - 1].rstrip() + "…"


def local(moment: datetime) -> str:
    """Return a time as people here read it, to the minute."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")


def _headline(memory: Memory) -> str:
    words = [click.style(memory.id, fg="cyan"), local(memory.created_at)]
    if memory.type:
        words.append(click.style(clean(memory.type), fg="magenta"))
    words.extend(click.style(f"#{_one_line(tag)}", fg="green") for tag in memory.tags)
    return "  ".join(words)


def summary(memory: Memory, score: float | None = None, similarity: float | None = None) -> None:
    """Print a memory in two lines: what it is, with score and cosine if it was found, and how it begins."""
    ranked = "" if score is None else click.style(f"{score:.3f}", bold=True) + "  "
    ranked += "" if similarity is None else f"cos {similarity:.2f}  "
    click.echo(f"{ranked}{_headline(memory)}")
    click.echo(f"  {_preview(memory.content)}")


def whole(memory: Memory) -> None:
    """Print all of a memory."""
    click.echo(_headline(memory))
    if memory.updated_at != memory.created_at:
        click.echo(f"updated   {local(memory.updated_at)}")
    if memory.supersedes:
        click.echo(f"replaces  {memory.supersedes}")
    if memory.superseded_by:
        click.echo(f"replaced  by {memory.superseded_by}")
    for alias in memory.aliases:
        click.echo(f"alias     {clean(alias)}")
    if memory.metadata:
        click.echo(f"metadata  {clean(orjson.dumps(memory.metadata).decode())}")
    click.echo()
    click.echo(clean(memory.content))


def facts(pairs: Iterable[tuple[str, str]]) -> None:
    """Print names and values, one a line, values aligned; an empty value leaves its line out."""
    shown = [(name, value) for name, value in pairs if value]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        click.echo(f"{click.style(name.ljust(width), bold=True)}  {clean(value)}")


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; numbers are aligned to the right."""
    texts = [[_one_line("" if cell is None else str(cell)) for cell in row] for row in rows]
    numeric = [bool(rows) and all(isinstance(row[place], int | float) for row in rows) for place in range(len(columns))]
    if sys.stdout.isatty():
        _rich_table(title, columns, texts, numeric)
        return
    click.echo(f"\n{title}")
    widths = [max(len(line[place]) for line in (list(columns), *texts)) for place in range(len(columns))]
    for line in (list(columns), *texts):
        cells = zip(line, widths, numeric, strict=True)
        click.echo(
            "  ".join(cell.rjust(width) if right else cell.ljust(width) for cell, width, right in cells).rstrip()
        )


def _rich_table(title: str, columns: Sequence[str], texts: list[list[str]], numeric: list[bool]) -> None:
    from rich import box  # costs 50 ms, and only a terminal needs it
    from rich.console import Console  # the same
    from rich.markup import escape  # the same
    from rich.table import Table  # the same

    drawn = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for name, right in zip(columns, numeric, strict=True):
        drawn.add_column(name, justify="right" if right else "left")
    for line in texts:
        drawn.add_row(*map(escape, line))
    Console().print(drawn)


@contextlib.contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Draw how far some work is on standard error, if that is a terminal: give it how much is done, and of how much."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console  # costs 50 ms, and only a terminal needs it
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn  # the same

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as drawn:
        task = drawn.add_task(what, total=None)
        yield lambda done, total: drawn.update(task, completed=done, total=total or None)
