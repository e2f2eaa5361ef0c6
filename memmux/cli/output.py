"""The output of commands: one JSON document, or text for people; rich is imported only for progress on a terminal.

Every text for people is printed here, so that no text of a memory, a path or an error can forge a line, or be obeyed
by a terminal: `line` escapes what would begin another one, `block` takes text that has several.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click
import orjson

from memmux.cli.degraded import sentence
from memmux.cli.style import Styled
from memmux.cli.wrapping import cells, columns, wrapped
from memmux.errors import MemmuxError

if TYPE_CHECKING:
    from memmux.wire.answers import Memory  # a third of what a command imports

_SAID = len("memmux: ")  # where what is said of a command begins
_GAP = "  "  # between two columns of a table
PREVIEW_CHARACTERS = 240  # of a memory in a list

# C0 and C1 but tab and line feed, separators of lines, lone surrogates, and what turns the direction of writing around.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_BREAKS = re.compile("[\t\n]")
_UNESCAPED = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")  # of those, in JSON


def styled(text: str, **style: Any) -> Styled:
    """Return a part of a line that has a style on a terminal."""
    return Styled(text, style)


def line(*parts: str | Styled, err: bool = False, indent: int | None = None) -> None:
    """Print the parts as one line, whatever they hold; err: on standard error.

    On a terminal that is too narrow for it, it is broken between words; indent: of what goes on below, by default that
    of the line.
    """
    stream = sys.stderr if err else sys.stdout
    pieces = [
        Styled(flat(part.text), part.style) if isinstance(part, Styled) else Styled(flat(part), {}) for part in parts
    ]
    width = columns(stream)
    lines = wrapped(pieces, width, indent) if width else (pieces,)
    _write("".join(f"{_drawn(one, coloured=stream.isatty())}\n" for one in lines), stream)


def _drawn(pieces: Iterable[Styled], *, coloured: bool) -> str:
    return "".join(
        click.style(piece.text, **piece.style) if coloured and piece.style else piece.text for piece in pieces
    )


def block(text: str) -> None:
    """Print a text of several lines, each of which may be anything."""
    text = clean(text)
    _write(text if text.endswith("\n") else f"{text}\n", sys.stdout)


def logged(text: str) -> None:
    """Print what a page of `memmux.cli.tail` made of a line of a log, on standard error; it is harmless already."""
    _write(f"{text}\n", sys.stderr)


def _write(text: str, stream: Any) -> None:
    stream.write(text)
    stream.flush()


def document(value: object) -> None:
    """Print `value` as one JSON document: one line, or indented on a terminal. An answer says what it went without."""
    from memmux.wire.answers import Answer, Page, SearchResult  # as above

    if isinstance(value, Answer):
        said = value.to_json() if isinstance(value, Page | SearchResult) else orjson.loads(orjson.dumps(value))
        value = {**said, "degraded": value.degraded}
    click.echo(_json(value, orjson.OPT_INDENT_2 if sys.stdout.isatty() else 0))


def failure(error: MemmuxError, *, as_json: bool) -> None:
    """Print `error` as one line on standard error."""
    if as_json:
        given = {key: clean(value) if isinstance(value, str) else value for key, value in error.to_json().items()}
        click.echo(_json({"error": given}), err=True)
    else:
        line("memmux: ", styled(error.code, fg="red"), ": ", _one_line(error.message), err=True, indent=_SAID)


def warn(degraded: Sequence[str]) -> None:
    """Say on standard error what an answer had to do without, and what to do about it."""
    for code in degraded:
        line("memmux: ", styled("degraded", fg="yellow"), ": ", sentence(code), err=True, indent=_SAID)


def note(text: str) -> None:
    """Say something on standard error that is no failure."""
    line("memmux: ", text, err=True, indent=_SAID)


def notes(said: Sequence[str]) -> None:
    """Say on standard error what an answer says of what was asked for."""
    for told in said:
        note(told)


def clean(text: str) -> str:
    """Return `text` with control characters escaped, so that a memory can't drive the terminal; it may have lines."""
    return _CONTROLS.sub(_escaped, text)


def flat(text: str) -> str:
    """Return `text` with control characters, tabs and line feeds escaped, so that it is of one line."""
    return text if text.isascii() and text.isprintable() else _BREAKS.sub(_escaped, clean(text))


def harmless(raw: bytes) -> bytes:
    """Return JSON in which what a terminal might obey is escaped as JSON does."""
    if raw.isascii() and b"\x7f" not in raw:
        return raw
    text = raw.decode(errors="backslashreplace")
    return _UNESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()


def _escaped(found: re.Match[str]) -> str:
    return ascii(found[0])[1:-1]


def _json(value: object, option: int = 0) -> bytes:
    try:
        return harmless(orjson.dumps(value, option=option))
    except orjson.JSONEncodeError:  # a path whose bytes are no UTF-8
        return harmless(orjson.dumps(_encodable(value), option=option))


def _encodable(value: Any) -> Any:
    """Return the value with what UTF-8 lacks escaped in each text."""
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _encodable(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {_encodable(name): _encodable(held) for name, held in value.items()}
    return [_encodable(held) for held in value] if isinstance(value, list | tuple) else value


def _one_line(text: str) -> str:
    """Return a text of several lines as one."""
    return " ".join(clean(text).split())


def preview(text: str) -> str:
    """Return how a text begins, as one line."""
    # One cut before the cleaning: a memory may be a million characters.
    whole = _one_line(text[: 2 * PREVIEW_CHARACTERS])
    if len(whole) <= PREVIEW_CHARACTERS and len(text) <= 2 * PREVIEW_CHARACTERS:
        return whole
    return whole[: PREVIEW_CHARACTERS - 1].rstrip() + "…"


def local(moment: datetime) -> str:
    """Return a time as people here read it, to the minute; in UTC what their calendar does not have."""
    with contextlib.suppress(ValueError, OverflowError):
        moment = moment.astimezone()
    return moment.strftime("%Y-%m-%d %H:%M")


def _headline(memory: Memory, short: str | None = None) -> list[str | Styled]:
    words: list[str | Styled] = [styled(short or memory.id, fg="cyan"), "  ", local(memory.created_at)]
    if memory.type:
        words += ["  ", styled(memory.type, fg="magenta")]
    for tag in memory.tags:
        words += ["  ", styled(f"#{tag}", fg="green")]
    return words


def summary(
    memory: Memory,
    score: float | None = None,
    similarity: float | None = None,
    *,
    short: str | None = None,
    err: bool = False,
) -> None:
    """Print a memory in two lines: what it is, with score and cosine if it was found, and how it begins.

    short: what names it in the place of its whole id.
    """
    ranked: list[str | Styled] = [] if score is None else [styled(f"{score:.3f}", bold=True), "  "]
    if similarity is not None:
        ranked.append(f"cos {similarity:.2f}  ")
    line(*ranked, *_headline(memory, short), err=err, indent=2)
    line("  ", preview(memory.content), err=err)


def beside(side: str, memory: Memory) -> None:
    """Print how a memory begins that stands before or after another one."""
    line("  ", side.ljust(6), "  ", preview(memory.content))


def whole(memory: Memory) -> None:
    """Print all of a memory."""
    line(*_headline(memory))
    if memory.updated_at != memory.created_at:
        line("updated   ", local(memory.updated_at))
    if memory.supersedes:
        line("replaces  ", memory.supersedes)
    if memory.superseded_by:
        line("replaced  by ", memory.superseded_by)
    if memory.thread is not None:
        line("thread    ", memory.thread, "" if memory.place is None else f", {memory.place}")
    for alias in memory.aliases:
        line("alias     ", alias)
    if memory.metadata:
        line("metadata  ", orjson.dumps(memory.metadata).decode())
    line()
    block(memory.content)


def facts(pairs: Iterable[tuple[str, str]]) -> None:
    """Print names and values, one a line, values aligned; an empty value leaves its line out."""
    shown = [(name, value) for name, value in pairs if value]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        line(styled(name.ljust(width), bold=True), "  ", value, indent=width + 2)


def table(title: str, names: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; numbers are aligned to the right. On a terminal that is too narrow, each row is a list."""
    texts = [[_one_line("" if cell is None else str(cell)) for cell in row] for row in rows]
    numeric = [bool(rows) and all(isinstance(row[place], int | float) for row in rows) for place in range(len(names))]
    widths = [max(cells(row[place]) for row in (list(names), *texts)) for place in range(len(names))]
    terminal = columns(sys.stdout)
    line()
    line(styled(title, bold=True))
    if terminal and sum(widths) + len(_GAP) * (len(widths) - 1) > terminal:
        for row in texts:
            told = [f"{_GAP}{name} {cell}" for name, cell in zip(names[1:], row[1:], strict=True) if cell]
            line(styled(row[0], bold=True), *told, indent=4)
        return
    for row in (list(names), *texts):
        padded = zip(row, widths, numeric, strict=True)
        aligned = [
            " " * (width - cells(cell)) * right + cell + " " * (width - cells(cell)) * (not right)
            for cell, width, right in padded
        ]
        text = _GAP.join(aligned).rstrip()
        line(styled(text, bold=True) if terminal and row == list(names) else text)


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
