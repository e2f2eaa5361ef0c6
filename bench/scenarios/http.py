"""HTTP: searches beside the Python client's, what a request costs the gateway, and what streams of events weigh."""

from __future__ import annotations

import os
import re
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import urljoin
from urllib.request import urlopen

import orjson

from bench.harness import report
from bench.harness.callers import Callers
from bench.harness.filled import Filled, filled
from bench.harness.material import Material
from bench.harness.mcp_client import own_cpu_ms
from bench.harness.measure import MEBIBYTE, Row, at_least, at_most, plain, pss_bytes, until
from bench.harness.questions import Questions
from bench.harness.tasks import Task, Work

FULL = 10_000  # memories
CLIENTS = 8
ROUNDS, ROUND_S = 3, 4.0  # of searches, in closed loops
RATE, TIMES = 150.0, 1.25
GATEWAY_MB, STREAMS, STREAMS_MB, FILES_KB = 75.0, 500, 40.0, 250.0
GATEWAY_S = 240.0
TOKEN = "MCP_API_KEY"  # noqa: S105 - the variable that has it
_LINKED = re.compile(rb"""(?:src|href)="(/static/[^"]+)"|(?:from|import) '(\./[^']+)'""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How much is measured; clients: of each kind, and rounds of their searches, in closed loops."""

    memories: int = FULL
    clients: int = CLIENTS
    rounds: int = ROUNDS
    round_s: float = ROUND_S
    streams: int = STREAMS


def measure(options: Options) -> Iterator[Row]:
    """Give the rows."""
    os.environ[TOKEN] = secrets.token_hex()  # for the gateway, which inherits it
    try:
        with filled(Material.of(options.memories), http="127.0.0.1:0") as bed:
            address = _address(bed)
            yield from _searches(bed, address, options)
            yield from _streams(bed, address, options.streams)
            size = sum(map(len, _files(address).values())) / 1000
        yield at_most("files of the page, as a browser loads them", size, FILES_KB, "KB", key="static_kb")
    finally:
        del os.environ[TOKEN]


def _address(bed: Filled) -> str:
    with until(GATEWAY_S, "HTTP is not served") as wait:
        while not (url := bed.client.status().http) or _gateway(bed) == 0:
            wait()
    return url.removeprefix("http://").rstrip("/")


def _gateway(bed: Filled) -> int:
    gateway = bed.client.status().gateway
    return int(gateway["pid"]) if gateway and gateway.get("pid") else 0


class _Searchers:
    """Processes that search over HTTP, as `bench.harness.http_searcher` does."""

    def __init__(self, stack: ExitStack, address: str, questions: Path, count: int) -> None:
        command = [sys.executable, "-P", "-m", "bench.harness.http_searcher", address]
        command += [os.environ[TOKEN], str(questions)]
        self._running = [
            stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
            for _ in range(count)
        ]
        stack.callback(self._end)

    def together(self, seconds: float) -> list[float]:
        """Have all search at the same time; return what each search took, in seconds."""
        for process in self._running:
            assert process.stdin is not None
            process.stdin.write(b"%f\n" % seconds)
            process.stdin.flush()
        taken: list[float] = []
        for process in self._running:
            assert process.stdout is not None
            taken += orjson.loads(process.stdout.readline())
        return taken

    def _end(self) -> None:
        for process in self._running:
            assert process.stdin is not None
            process.stdin.close()


def _searches(bed: Filled, address: str, options: Options) -> Iterator[Row]:
    questions = Questions(bed.material.queries()).save(bed.arena.folder / "questions.json")
    task = Task(work=Work.SEARCH, seconds=options.round_s, uncounted=5)
    with ExitStack() as stack:
        plainly = stack.enter_context(Callers.of(bed.arena.settings, questions, options.clients))
        over_http = _Searchers(stack, address, questions, options.clients)
        over_http.together(options.round_s / 4)
        rates: tuple[list[float], list[float]] = ([], [])
        spent, asked = 0.0, 0
        for number in range(options.rounds):
            report.progress(f"searches of {options.clients} clients: round {number + 1} of {options.rounds}")
            rates[0].append(plainly.together(task, options.clients).per_s)
            before = own_cpu_ms(_gateway(bed))
            taken = over_http.together(options.round_s)
            spent, asked = spent + own_cpu_ms(_gateway(bed)) - before, asked + len(taken)
            rates[1].append(len(taken) / options.round_s)
    of_python, of_http = map(median, rates)
    yield at_least(f"searches of {options.clients} clients over HTTP", of_http, RATE, "/s", key="searches_s")
    name = f"time of one, of that of the Python client ({of_python:.0f}/s)"
    yield at_most(name, of_python / of_http, TIMES, key="times")
    yield plain("a search over HTTP, processor time in the gateway, ms", spent / asked, key="search_ms")


def _files(address: str) -> dict[str, bytes]:
    """Return the page and every file that it names, and that these name, by their addresses."""
    found: dict[str, bytes] = {}
    due = [f"http://{address}/"]
    while due:
        url = due.pop()
        if url not in found:
            with urlopen(url, timeout=GATEWAY_S) as answer:  # noqa: S310 - it is our own
                found[url] = answer.read()
            due += [urljoin(url, (first or second).decode()) for first, second in _LINKED.findall(found[url])]
    return found


def _streams(bed: Filled, address: str, streams: int) -> Iterator[Row]:
    report.progress(f"{streams} streams of events")
    host, _, port = address.rpartition(":")
    before = pss_bytes(_gateway(bed)) / MEBIBYTE
    yield at_most("the gateway with HTTP on", before, GATEWAY_MB, "MiB PSS", key="gateway_mb")
    asked = f"GET /api/events HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {os.environ[TOKEN]}\r\n\r\n"
    with ExitStack() as stack:
        for _ in range(streams):
            reader = stack.enter_context(socket.create_connection((host, int(port)), timeout=GATEWAY_S))
            reader.sendall(asked.encode())
            if b"200 OK" not in reader.recv(4096):
                raise RuntimeError("a stream was refused")
        more = max(0.0, pss_bytes(_gateway(bed)) / MEBIBYTE - before)  # others may have come to share what it had
    yield at_most(f"{streams} open streams of events", more, STREAMS_MB, "MiB PSS more", key="streams_mb")
