"""The command `memmux tail`: what all processes of a cluster have logged, in order of time, and what they log next."""

from __future__ import annotations

import difflib
import io
import os
import select
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime

import click

from memmux.cli.options import with_settings
from memmux.cli.output import harmless, note
from memmux.cli.streams import ReaderGoneError
from memmux.cli.tail.page import Page
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.logs.events import EVENTS
from memmux.logs.reading.file import since as since_time
from memmux.logs.reading.filters import LEVELS, Condition, Filter
from memmux.logs.reading.folder import Folder
from memmux.logs.reading.stream import Stream
from memmux.wire.ids import is_beginning

LINES = 10  # as many as `tail` shows
POLL_MS = 100  # between two looks for new lines
ALL = "all"


def _count(context: click.Context, parameter: click.Parameter, value: str | None) -> int | str | None:
    if value is None or value == ALL:
        return value
    if not value.isdecimal():
        raise click.BadParameter(f"{value!r} is neither a number from 0 nor {ALL}", context, parameter)
    return int(value)


def _events(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    known = [event.name for event in EVENTS]
    for name in value:
        if name not in known:
            close = difflib.get_close_matches(name, known)
            meant = f"did you mean {' or '.join(close)}" if close else "`memmux docs events` lists them all"
            raise click.BadParameter(f"there is no event {name!r}; {meant}", context, parameter)
    return value


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Go on with what is logged from now on, until Ctrl-C.")
@click.option(
    "-n",
    "--lines",
    "count",
    metavar="N",
    callback=_count,
    help=f"The last so many lines, or {ALL}. By default {LINES}; with --since or --request all.",
)
@click.option("--since", metavar="TIME", help="Not older: 30s, 10m, 2h, 1d, or a time like 2026-11-25T18:04.")
@click.option("--level", type=click.Choice(LEVELS), default=LEVELS[0], help="Of this level and above.")
@click.option(
    "--event",
    "events",
    metavar="NAME",
    multiple=True,
    callback=_events,
    help="Only this event; may be given several times.",
)
@click.option(
    "--where",
    "conditions",
    metavar="KEY=VALUE",
    multiple=True,
    help="Only where a field is so; also !=, >, <, >=, <=. Several: all of them.",
)
@click.option(
    "--request",
    metavar="ID",
    default="",
    help="One request, or one tool call, through every process: its id, or the beginning of it.",
)
@click.option("--client", metavar="NAME", default="", help="Only of this client.")
@click.option("--json", "as_json", is_flag=True, help="The lines as they are, one JSON object each.")
@with_settings
def tail(
    settings: Settings,
    *,
    follow: bool,
    count: int | str | None,
    since: str | None,
    level: str,
    events: tuple[str, ...],
    conditions: tuple[str, ...],
    request: str,
    client: str,
    as_json: bool,
) -> None:
    """Show what the processes of the database's cluster have logged, in order of time.

    It reads the files alone, so it works whether a cluster runs or not, and goes on when one ends and the next begins.
    `memmux docs events` says what each event means.
    """
    wanted = Filter(
        since=since_time(since, datetime.now(UTC)) if since is not None else b"",
        level=level,
        events=events,
        where=[Condition.parse(text) for text in conditions],
        request=request,
        client=client,
    )
    everything = count == ALL or (count is None and (since is not None or bool(request)))
    last = None if everything else LINES if count is None else int(count or 0)
    folder = Places(settings).logs
    stream = Stream(Folder(folder), wanted)
    output = _Output(as_json=as_json)
    with suppress(ReaderGoneError):  # which is how many end it
        output.show(stream.past(time.monotonic(), last))
        while follow and output.wait():
            output.show(stream.new(time.monotonic()))
        if not follow:
            output.show(stream.rest() if last != 0 else [])
    if len(wanted.requests) > 1 and is_beginning(request):
        some = " ".join(sorted(wanted.requests)[:2])
        note(f"{len(wanted.requests)} requests begin with {request!r}; give more of one: {some} …")
    if not follow and not folder.is_dir():
        note(f"no cluster of {settings.where} has logged anything in {folder}")
    elif not follow and not output.shown and (request or events):
        note(f"no line of the logs in {folder} is what was asked for")


class _Output:
    """Standard output: lines for people, or as they are."""

    def __init__(self, *, as_json: bool) -> None:
        terminal = sys.stdout.isatty()
        self.shown = 0
        self._page = None if as_json else Page(colour=terminal and not os.environ.get("NO_COLOR"))
        self._terminal = terminal
        self._poll = select.poll()
        with suppress(io.UnsupportedOperation):  # not a file, so nobody can close its other end
            self._poll.register(sys.stdout.fileno(), 0)

    def show(self, lines: Iterable[bytes]) -> None:
        """Write the lines, at once."""
        lines = list(lines)
        self.shown += len(lines)
        if self._page is not None:
            data = "".join(f"{self._page.text(line)}\n" for line in lines).encode(
                sys.stdout.encoding, "backslashreplace"
            )
        else:
            data = b"".join(b"%b\n" % (harmless(line) if self._terminal else line) for line in self._whole(lines))
        if data:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()

    def _whole(self, lines: Iterable[bytes]) -> Iterable[bytes]:
        """Yield the lines that are JSON; of one that was cut off is told elsewhere, as programs read these."""
        for line in lines:
            if line.startswith(b"{") and line.endswith(b"}"):
                yield line
            else:
                note("a line that is not JSON was left out; without --json it is shown")

    def wait(self) -> bool:
        """Wait until it is time for the next look; return False if nobody reads any more."""
        return not self._poll.poll(POLL_MS)
