"""The page: a view drawn with rich."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from memmux.cli.degraded import sentence
from memmux.cli.output import flat, local
from memmux.cli.top.figures import View
from memmux.wire.counts import amount

MEBIBYTE = 1 << 20
BUSY = 0.9  # a worker busier than that is a bottleneck
_COLOURS = {"serving": "green", "ready": "green", "ok": "green", "degraded": "red", "failing": "red"}
_OTHER = "yellow"


def page(view: View) -> RenderableType:
    """Return the whole page: what is wrong first, then who works, for whom, and at what."""
    return Group(*_head(view), _workers(view), _clients(view), _operations(view))


def waiting(database: str) -> RenderableType:
    """Return the page while there is no cluster."""
    return Group(
        Text.assemble(("memmux top", "bold"), "  ", ("stopped", _OTHER)),
        Text(f"no cluster runs for {flat(database)}; the next client starts one"),
    )


def explanation() -> RenderableType:
    """Return what the page shows, in words."""
    return Group(Text("memmux top", style="bold"), _pairs((name, Text(text)) for name, text in _MEANINGS))


_MEANINGS = (
    ("degraded", "what the cluster does without at the moment, and what to do about it"),
    ("read, write", "whether the last health check could read and write, and when it last did"),
    ("storage", "memories, those without a vector yet, the newest change, the write-ahead log, and backups"),
    ("replicas", "what those that readers ask lack, and who waited for them, of a database on PostgreSQL"),
    ("http", "where it is served, and how many are there"),
    ("embedder", "the model; how many texts it takes at once; how many queries it did not have to embed"),
    ("workers", "the processes: busy is the share of the last ten seconds, queue what waits for their kind"),
    ("clients", "who is connected, the busiest first: requests a second, and the time that 95 of 100 stay below"),
    ("operations", "what was asked for since the start: times that 50, 95 and 99 of 100 stay below"),
    ("at it", "requests that are being answered"),
    ("wait ms", "how long requests wait before a worker has them"),
    ("keys", "q ends; ? shows and hides this; arrows, j, k, page keys, space, g and G scroll"),
)


def _pairs(rows: Iterable[tuple[str, Text]]) -> Table:
    """Return names with texts beside them, which wrap between words and below themselves."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in rows:
        table.add_row(name, text)
    return table


def _head(view: View) -> Iterator[RenderableType]:
    running = f" for {_duration(view.uptime_s)}, router {view.pid}, {_mebibytes(view.rss_bytes)} MiB, "
    yield _pairs(
        [("memmux top", Text.assemble(f"{flat(view.database)}, ", _coloured(view.state), running, flat(view.version)))]
    )
    yield _pairs(_facts(view))


def _facts(view: View) -> Iterator[tuple[str, Text]]:
    for code in view.degraded:
        yield "degraded", Text(flat(sentence(code)), style="red")
    for kind, told in view.health.items():
        yield kind, Text(flat(told["words"]), style=_COLOURS.get(told["state"], _OTHER))
    storage = view.storage
    made = storage["backup_at"]
    newest = "" if made is None else f", the newest of {local(made)}"
    pending = f" ({storage['pending']} without a vector)" if storage["pending"] else ""
    yield (
        "storage",
        Text(
            f"{amount(storage['memories'], 'memory')}{pending}, seq {storage['seq']}, "
            f"wal {_mebibytes(storage['wal_bytes'])} MiB, {amount(storage['backups'] or 0, 'backup')}{newest}",
        ),
    )
    if view.replication:
        yield "replicas", Text(flat(view.replication["words"]))
    if view.http:
        yield "http", Text(flat(view.http["words"]))
    if view.switch:
        yield "switch", Text(flat(view.switch["words"]), style=_OTHER)
    embedder = view.embedder
    rate = embedder["cache_hit_rate"]
    yield (
        "embedder",
        Text(
            f"{flat(view.model or 'loading')}, batches of {_number(embedder['batch_size']) or '-'}, "
            f"{'-' if rate is None else f'{rate:.0%}'} of queries from the cache",
        ),
    )


def _workers(view: View) -> RenderableType:
    rows = (
        (
            worker["name"] or worker["kind"],
            worker["pid"],
            _coloured(worker["state"]),
            Text("" if worker["busy"] is None else f"{worker['busy']:.0%}", style=_hot(worker["busy"])),
            worker["in_flight"],
            worker["queued"],
            worker["restarts"],
            _mebibytes(worker["rss_bytes"]),
            worker.get("error"),
        )
        for worker in view.workers
    )
    return _Columns(("workers", "pid", "state", "busy", "at it", "queue", "restarts", "MiB", "error"), rows)


def _clients(view: View) -> RenderableType:
    names = ("name", "process", "version", "per_s", "p95_ms", "queue_ms", "in_flight", "requests", "errors")
    rows = (tuple(client[name] for name in names) for client in view.clients)
    return _Columns(("clients", "process", "version", "1/s", "p95 ms", "wait ms", "at it", "requests", "errors"), rows)


def _operations(view: View) -> RenderableType:
    names = ("operation", "per_s", "p50_ms", "p95_ms", "p99_ms", "count", "errors")
    rows = (tuple(operation[name] for name in names) for operation in view.operations)
    return _Columns(("operations", "1/s", "p50 ms", "p95 ms", "p99 ms", "requests", "errors"), rows)


_SPARE = (
    "version",
    "restarts",
    "wait ms",
    "p99 ms",
    "p50 ms",
    "pid",
    "process",
    "at it",
    "queue",
    "MiB",
    "errors",
    "requests",
)
"""The columns that are left out where there is no room, in this order."""


class _Columns:
    """A table with as many of its columns as there is room for."""

    def __init__(self, names: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        self._names = names
        self._rows = [[_cell(value) for value in row] for row in rows]

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the columns that fit."""
        places = list(range(len(self._names)))
        for name in _SPARE:
            if self._width(places) <= options.max_width:
                break
            places = [place for place in places if self._names[place] != name]
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", padding=(0, 1), expand=False)
        left = {self._names[0], "state", "version", "error"}
        for place in places:
            name = self._names[place]
            table.add_column(name, justify="left" if name in left else "right", no_wrap=True)
        for row in self._rows:
            table.add_row(*(row[place] for place in places))
        yield table

    def _width(self, places: Sequence[int]) -> int:
        widths = (max(len(self._names[place]), *(row[place].cell_len for row in self._rows), 0) for place in places)
        return sum(width + _PADDING for width in widths)


_PADDING = 3  # columns of the terminal beside each column of a table


def _cell(value: object) -> Text:
    if isinstance(value, Text):
        return value
    return Text(_number(value) if isinstance(value, float) else flat("" if value is None else str(value)))


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"  # noqa: PLR2004  # three digits are read at a glance


def _coloured(state: str) -> Text:
    return Text(flat(state), style=_COLOURS.get(state, _OTHER))


def _hot(busy: float | None) -> str:
    return "red" if busy is not None and busy > BUSY else ""


def _mebibytes(size: int | None) -> str:
    return "" if size is None else _number(size / MEBIBYTE)


def _duration(seconds: float) -> str:
    minutes, hours = int(seconds) // 60, int(seconds) // 3600
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min" if minutes else f"{seconds:.0f} s"
