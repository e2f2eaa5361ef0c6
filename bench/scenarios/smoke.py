"""The smoke benchmark: what the cluster costs over the same code in process, and what its processes weigh."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from statistics import median

import zmq

from bench.harness import report
from bench.harness.filled import filled
from bench.harness.material import Material
from bench.harness.mcp_client import initialized
from bench.harness.measure import MEBIBYTE, Row, at_most, mapped, median_ms, plain, timed_ms, until
from bench.harness.single import Single
from memmux import Client
from memmux.config.settings import Settings
from memmux.processes import rss_bytes
from memmux.wire import protocol, sockets
from memmux.wire.answers import Status
from memmux.wire.protocol import Header, Kind

WARM_UP = 20  # queries on each side that are not counted
ROUND = 20  # queries on one side before the other has its turn
PINGS = 2000
COMMANDS = 7  # runs of `memmux status`
NO_CLUSTER = 3  # its exit code, also where a cluster is late to answer
ANSWER_S = 240.0  # for an answer, also where others use the processors
# Native libraries that tell what a process has imported. Nothing but the MCP SDK needs pydantic here.
MODEL_LIBRARIES = frozenset({"torch", "onnxruntime"})
MCP_LIBRARIES = frozenset({"pydantic_core"})


def measure(memories: int, count: int) -> Iterator[Row]:
    """Give the rows; so many queries are counted on each side."""
    material = Material.of(memories)
    queries = material.queries()[: WARM_UP + count]
    with filled(material) as bed, Single(bed.arena.settings) as single:
        yield plain("memories", len(material), key="memories")
        single.open_embedder()
        single.open_reader()
        yield from _compare(bed.client, single, queries)
        status = bed.client.status()
        yield at_most("router round trip, p50", _round_trip_ms(status.endpoint), 0.5, "ms", key="round_trip_ms")
        yield at_most("router resident memory", rss_bytes(status.pid) / MEBIBYTE, 40, "MiB", key="router_mb")
        report.progress("looking at the processes")
        with initialized(bed.arena.settings) as server:
            yield from _loaded(bed.client.status(), server.pid)
        command_s = _status_s(bed.arena.settings)
        yield at_most("memmux status, whole command, p50", command_s, 0.3, "s", key="status_command_s")


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
    yield plain("search through the cluster, p50 ms", cluster, key="cluster_p50_ms")
    yield plain("search in process, p50 ms", alone, key="alone_p50_ms")
    why = "`python -m bench degradation` says where the time goes, by kind of process"
    yield at_most("cluster over in process", cluster / alone, 1.05, key="overhead_p50", why=why)


def _timings_ms(side: Client | Single, queries: Sequence[str]) -> list[float]:
    return [timed_ms(partial(side.search, query)) for query in queries]


def _ids(side: Client | Single, query: str) -> list[str]:
    return [hit.memory.id for hit in side.search(query).hits]


def _round_trip_ms(endpoint: str) -> float:
    """Return the median of PING and PONG through the router."""
    report.progress("pinging the router")
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = sockets.dealer(context, endpoint)
    socket.rcvtimeo = int(ANSWER_S * 1000)
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


def _loaded(status: Status, mcp_pid: int) -> Iterator[Row]:
    """Tell which kinds of processes have loaded a model's runtime, and which the MCP SDK."""
    kinds = [
        ("router", status.pid),
        ("relay", mcp_pid),
        *((worker["kind"], worker["pid"]) for worker in status.workers),
    ]
    if status.gateway is not None:
        kinds.append(("gateway", status.gateway["pid"]))
    found = [(kind, mapped(pid)) for kind, pid in kinds if pid]
    for name, libraries, only in (
        ("processes with torch or onnxruntime", MODEL_LIBRARIES, {"embed", "read"}),
        ("processes with the MCP SDK", MCP_LIBRARIES, {"gateway"}),
    ):
        with_it = {kind for kind, packages in found if packages & libraries}
        yield Row(
            name=name,
            value=", ".join(sorted(with_it)) or "none",  # a gateway has it from the first request that needs it
            target=f"only {', '.join(sorted(only))}",
            ok=with_it <= only,
        )


def _status_s(settings: Settings) -> float:
    """Return the median wall time of the command, as a user runs it."""
    command = [sys.executable, "-P", "-m", "memmux", *settings.flags(), "status", "--json"]

    def ask() -> None:
        with until(ANSWER_S, "memmux status") as wait:
            while (ended := subprocess.run(command, check=False, stdout=subprocess.DEVNULL)).returncode == NO_CLUSTER:
                wait()
        ended.check_returncode()

    return median_ms(COMMANDS, ask) / 1000
