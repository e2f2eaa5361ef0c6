"""The page: a view drawn with rich."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from memmux.cli.output import flat, local
from memmux.cli.top.figures import View

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
        Text(f"no cluster runs for {flat(database)}; the next client starts one. q ends this"),
    )


def _head(view: View) -> Iterator[Text]:
    yield Text.assemble(
        ("memmux top", "bold"),
        f"  {flat(view.database)}  ",
        _coloured(view.state),
        f" for {_duration(view.uptime_s)}  router {view.pid}, {_mebibytes(view.rss_bytes)} MiB, {flat(view.version)}",
    )
    if view.degraded:
        yield Text.assemble(("degraded  ", "bold"), (flat(", ".join(view.degraded)), "red"))
    for kind, told in view.health.items():
        yield Text.assemble((f"{kind:8}  ", "bold"), (flat(told["words"]), _COLOURS.get(told["state"], _OTHER)))
    storage = view.storage
    made = storage["backup_at"]
    newest = "" if made is None else f", the newest of {local(made)}"
    pending = f" ({storage['pending']} without a vector)" if storage["pending"] else ""
    yield Text.assemble(
        ("storage   ", "bold"),
        f"{storage['memories']} memories{pending}, seq {storage['seq']}, log {_mebibytes(storage['wal_bytes'])} MiB, "
        f"{storage['backups'] or 0} backups{newest}",
    )
    if view.switch:
        yield Text.assemble(("switch    ", "bold"), (flat(view.switch["words"]), _OTHER))
    embedder = view.embedder
    rate = embedder["cache_hit_rate"]
    yield Text.assemble(
        ("embedder  ", "bold"),
        f"{flat(view.model or 'loading')}, batches of {_number(embedder['batch_size']) or '-'}, "
        f"{'-' if rate is None else f'{rate:.0%}'} of queries from the cache",
    )


def _workers(view: View) -> Table:
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
    return _table(("workers", "pid", "state", "busy", "at it", "queue", "restarts", "MiB", "error"), rows)


def _clients(view: View) -> Table:
    names = ("name", "pid", "version", "per_s", "p95_ms", "queue_ms", "in_flight", "requests", "errors")
    rows = (tuple(client[name] for name in names) for client in view.clients)
    return _table(("clients", "pid", "version", "1/s", "p95 ms", "wait ms", "at it", "requests", "errors"), rows)


def _operations(view: View) -> Table:
    names = ("operation", "per_s", "p50_ms", "p95_ms", "p99_ms", "count", "errors")
    rows = (tuple(operation[name] for name in names) for operation in view.operations)
    return _table(("operations", "1/s", "p50 ms", "p95 ms", "p99 ms", "requests", "errors"), rows)


def _table(columns: Sequence[str], rows: Iterator[Sequence[object]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", padding=(0, 1), expand=False)
    left = {columns[0], "state", "version", "error"}
    for name in columns:
        table.add_column(name, justify="left" if name in left else "right", no_wrap=True)
    for row in rows:
        table.add_row(*map(_cell, row))
    return table


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
