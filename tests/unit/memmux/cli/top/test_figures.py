"""The view: what `memmux top` shows of a status."""

from __future__ import annotations

import io
from dataclasses import replace

import orjson
import pytest
from rich.console import Console

from memmux.cli.top.figures import View
from memmux.cli.top.page import page, waiting
from memmux.wire.answers import Status

OK = {"state": "ok", "failures": 0, "succeeded_s": 12.3, "ms": 9.0}
FAILING = {"state": "failing", "failures": 3, "succeeded_s": 212.0, "failed_s": 4.0, "code": "busy", "step": "write"}
STATUS = Status(
    state="degraded",
    pid=7,
    version="0.1.0",
    endpoint="ipc://x",
    database="/home/a/memories.db",
    seq=42,
    memories=10,
    pending=1,
    model="all-MiniLM-L6-v2",
    uptime_s=3725.0,
    rss_bytes=36 << 20,
    degraded=("write_unhealthy", "write_unhealthy"),
    workers=(
        {
            "kind": "read",
            "name": "read-0",
            "pid": 8,
            "state": "ready",
            "busy": 0.95,
            "in_flight": 2,
            "restarts": 1,
            "rss_bytes": 90 << 20,
        },
        {
            "kind": "write",
            "name": "write-0",
            "pid": None,
            "state": "degraded",
            "in_flight": 0,
            "restarts": 4,
            "rss_bytes": 0,
            "error": {"code": "storage_full", "message": "x"},
        },
    ),
    clients=(
        {"name": "idle", "pid": 1, "version": "0.1.0", "in_flight": 0, "requests": 1},  # of an older cluster
        {
            "name": "[bold]claude[/]\x1b[31m",
            "pid": 2,
            "version": "0.1.0",
            "in_flight": 1,
            "requests": 9,
            "errors": 2,
            "per_s": 3.5,
            "p95_ms": 123.4,
            "queue_ms": 0.5,
        },
    ),
    queues={"read": 5, "write": 0},
    requests={
        "memory.search": {
            "ok": 8,
            "errors": {"busy": 2},
            "per_s": 3.5,
            "p50_ms": 10.0,
            "p95_ms": 20.0,
            "p99_ms": 99.5,
        }
    },
    health={"read": OK, "write": FAILING},
    embedder={"batches": 10, "windows": 40, "cache_hits": 3, "cache_misses": 1},
    backups={"kept": 2, "newest_at": 1_795_000_000.0},
)


def _drawn(view: View, width: int = 160) -> str:
    console = Console(width=width, force_terminal=False, record=True, file=io.StringIO())
    console.print(page(view))
    return console.export_text()


def test_everything_is_on_the_page() -> None:
    text = _drawn(View.of(STATUS))
    for said in (
        "degraded for 1 h 2 min",
        "ok, seen 12 s ago",
        "failing: busy at write, 3 in a row, last success 212 s ago",
        "10 memories (1 without a vector), seq 42",
        "2 backups, the newest of",
        "batches of 4.0, 75% of queries from the cache",
        "storage_full",
        "95%",
        "99.5",
        "123",
    ):
        assert said in text, said


def test_the_busiest_client_comes_first_and_drives_no_terminal() -> None:
    text = _drawn(View.of(STATUS))
    assert text.index("claude") < text.index("idle")
    assert "[bold]claude[/]\\x1b[31m" in text


def test_nothing_that_others_said_forges_a_line() -> None:
    evil = "a\nFORGED\r\u2028\x1b[2J\x9b\u202e\tb"
    worker = {**STATUS.workers[1], "name": evil, "state": evil, "error": {"code": evil, "message": evil}}
    client = {**STATUS.clients[1], "name": evil, "version": evil}
    status = replace(STATUS, state=evil, version=evil, database=evil, model=evil, degraded=(evil,))
    text = _drawn(View.of(replace(status, workers=(worker,), clients=(client,))), width=1000)
    assert not set("\r\u2028\x1b\x9b\u202e\t") & set(text)
    assert not [line for line in text.splitlines() if line.strip().startswith("FORGED")]


def test_a_narrow_window_breaks_nothing() -> None:
    assert "memmux top" in _drawn(View.of(STATUS), width=20)


def test_waiting_says_for_what() -> None:
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(waiting("/home/a/memories.db"))
    assert "no cluster runs for /home/a/memories.db" in console.export_text()


def test_a_queue_stands_beside_each_worker_of_its_kind() -> None:
    assert [worker["queued"] for worker in View.of(STATUS).workers] == [5, 0]


def test_averages_are_of_what_came_since_the_view_before() -> None:
    later = replace(STATUS, embedder={"batches": 12, "windows": 60, "cache_hits": 3, "cache_misses": 5})
    embedder = View.of(later, STATUS).embedder
    assert (embedder["batch_size"], embedder["cache_hit_rate"]) == (10.0, 0.0)
    unchanged = View.of(STATUS, STATUS).embedder
    assert (unchanged["batch_size"], unchanged["cache_hit_rate"]) == (4.0, 0.75)


@pytest.mark.parametrize("before", [STATUS, replace(STATUS, pid=8)])
def test_workers_or_clusters_that_began_anew_have_averages_of_their_own(before: Status) -> None:
    fresh = replace(STATUS, embedder={"batches": 1, "windows": 3, "cache_hits": 0, "cache_misses": 0})
    embedder = View.of(fresh, before).embedder
    assert (embedder["batch_size"], embedder["cache_hit_rate"]) == (3.0, None)


def test_a_view_is_a_document() -> None:
    document = orjson.loads(orjson.dumps(View.of(STATUS)))
    assert document["operations"][0] == {
        "operation": "memory.search",
        "per_s": 3.5,
        "p50_ms": 10.0,
        "p95_ms": 20.0,
        "p99_ms": 99.5,
        "count": 10,
        "errors": 2,
    }
    assert document["degraded"] == ["write_unhealthy"]


def test_the_status_of_an_older_cluster_has_a_view_too() -> None:
    bare = replace(STATUS, health={}, embedder={}, backups={}, requests={}, workers=(), clients=())
    text = _drawn(View.of(bare))
    assert "batches of -, - of queries from the cache" in text


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_page_of_any_width_cuts_no_word_and_keeps_the_names(width: int) -> None:
    text = _drawn(View.of(STATUS), width=width)
    assert all(len(line.rstrip()) <= width for line in text.splitlines())
    assert "…" not in text
    for said in ("write_unhealthy", "memory.search", "claude", "workers", "clients", "operations"):
        assert said in text
