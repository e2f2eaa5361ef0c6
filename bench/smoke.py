"""The smoke benchmark: what the cluster costs over the same code in process, and what its processes weigh."""

from __future__ import annotations

import subprocess
import sys
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from statistics import median

import orjson
import zmq

from bench import corpus, report
from bench.arena import arena
from bench.measure import Row, at_most, mapped, median_ms, timed_ms, until
from bench.single import Single
from memmux import Client, protocol, sockets
from memmux.models import Status
from memmux.processes import rss_bytes
from memmux.protocol import Header, Kind
from memmux.requests import Store
from memmux.settings import EmbedderChoice, Settings
from memmux.vectors import FLOAT_BYTES, Embedding

BATCH = 256  # memories of one store
WARM_UP = 20  # queries on each side that are not counted
ROUND = 20  # queries on one side before the other has its turn
PINGS = 2000
COMMANDS = 7  # runs of `memmux status`
MEBIBYTE = 1 << 20
READY_S = 120.0
# Native libraries that tell what a process has imported. Nothing but the MCP SDK needs pydantic here.
MODEL_LIBRARIES = frozenset({"torch", "onnxruntime"})
MCP_LIBRARIES = frozenset({"pydantic_core"})


def run(memories: int, count: int, *, as_json: bool) -> int:
    """Measure, print the table or the JSON document, and return the exit code."""
    texts = corpus.paragraphs(memories)
    queries = corpus.queries(texts, WARM_UP + count)
    with arena(embedder=EmbedderChoice.ONNX) as here:
        rows = [Row(name="memories", value=len(texts)), *_measure(here.settings, texts, queries)]
    report.show(rows, as_json=as_json)
    return 0 if all(row.ok for row in rows) else 1


def _measure(settings: Settings, texts: Sequence[str], queries: Sequence[str]) -> Iterator[Row]:
    single = Single(settings)
    try:
        report.progress("loading the model")
        single.open_embedder()
        with Client(settings=settings, name="bench") as client:
            _wait_for_model(client)
            _fill(client, single, texts)
            single.open_reader()
            yield from _compare(client, single, queries)
            status = client.status()
            yield at_most("router round trip, p50", _round_trip_ms(status.endpoint), 0.5, "ms")
            yield at_most("router resident memory", rss_bytes(status.pid) / MEBIBYTE, 40, "MiB")
            with _mcp_server(settings) as pid:
                yield from _loaded(client.status(), pid)
            yield at_most("memmux status, whole command, p50", _status_s(settings), 0.3, "s")
    finally:
        single.close()


def _wait_for_model(client: Client) -> None:
    with until(READY_S, "loading the model") as wait:
        while client.status().model is None:
            wait()


def _fill(client: Client, single: Single, texts: Sequence[str]) -> None:
    """Store the texts with vectors made here: what is measured is search."""
    for start in range(0, len(texts), BATCH):
        report.progress(f"storing {start} of {len(texts)}")
        batch = texts[start : start + BATCH]
        client.store_batch([Store(content=text) for text in batch], vectors=_first_vectors(single.embed(batch)))


def _first_vectors(embedding: Embedding) -> list[array[float]]:
    """Return one vector a text: each of these texts fits into one window."""
    vectors, place = [], 0
    row_bytes = embedding.dimensions * FLOAT_BYTES
    for windows in embedding.windows:
        vectors.append(array("f", embedding.data[place : place + row_bytes]))
        place += len(windows) * row_bytes
    return vectors


def _compare(client: Client, single: Single, queries: Sequence[str]) -> Iterator[Row]:
    """Ask both sides the same queries in turns, so that what disturbs one disturbs the other."""
    report.progress("warming up")
    for query in queries[:WARM_UP]:
        assert _ids(client, query) == _ids(single, query), f"the cluster finds something else for {query!r}"
    counted = queries[WARM_UP:]
    cluster_ms: list[float] = []
    single_ms: list[float] = []
    for start in range(0, len(counted), ROUND):
        report.progress(f"searching {start} of {len(counted)}")
        turns: list[tuple[Client | Single, list[float]]] = [(client, cluster_ms), (single, single_ms)]
        for side, timings_ms in turns if start // ROUND % 2 else reversed(turns):
            timings_ms.extend(_timings_ms(side, counted[start : start + ROUND]))
    cluster, alone = median(cluster_ms), median(single_ms)
    yield Row(name="search through the cluster, p50 ms", value=round(cluster, 2))
    yield Row(name="search in process, p50 ms", value=round(alone, 2))
    yield at_most("cluster over in process", cluster / alone, 1.10)


def _timings_ms(side: Client | Single, queries: Sequence[str]) -> list[float]:
    return [timed_ms(partial(side.search, query)) for query in queries]


def _ids(side: Client | Single, query: str) -> list[str]:
    return [hit.memory.id for hit in side.search(query).hits]


def _round_trip_ms(endpoint: str) -> float:
    """Return the median of PING and PONG through the router."""
    report.progress("pinging the router")
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = sockets.dealer(context, endpoint)
    socket.rcvtimeo = 5_000
    frames = protocol.encode(Header(kind=Kind.PING))

    def ping() -> None:
        socket.send_multipart(frames)
        assert protocol.decode(socket.recv_multipart()).header.kind is Kind.PONG

    try:
        ping()
        return median_ms(PINGS, ping)
    finally:
        socket.close()
        context.term()


@contextmanager
def _mcp_server(settings: Settings) -> Iterator[int]:
    """Run `memmux mcp` and give its pid once it has answered."""
    report.progress("looking at the processes")
    command = [sys.executable, "-P", "-m", "memmux", *settings.flags(), "mcp"]
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "bench", "version": "1"},
        },
    }
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(orjson.dumps(hello) + b"\n")
        server.stdin.flush()
        orjson.loads(server.stdout.readline())
        yield server.pid
        server.stdin.close()


def _loaded(status: Status, mcp_pid: int) -> Iterator[Row]:
    """Tell which kinds of processes have loaded a model's runtime, and which the MCP SDK."""
    kinds = [("router", status.pid), ("mcp", mcp_pid), *((worker["kind"], worker["pid"]) for worker in status.workers)]
    found = [(kind, mapped(pid)) for kind, pid in kinds if pid]
    for name, libraries, only in (
        ("processes with torch or onnxruntime", MODEL_LIBRARIES, "embed"),
        ("processes with the MCP SDK", MCP_LIBRARIES, "mcp"),
    ):
        with_it = {kind for kind, packages in found if packages & libraries}
        yield Row(name=name, value=", ".join(sorted(with_it)), target=f"only {only}", ok=with_it == {only})


def _status_s(settings: Settings) -> float:
    """Return the median wall time of the command, as a user runs it."""
    command = [sys.executable, "-P", "-m", "memmux", *settings.flags(), "status", "--json"]
    return median_ms(COMMANDS, lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)) / 1000
