"""The light installation: its packages, a first start with the model just set up, and what each process takes."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from bench.harness import packages, report
from bench.harness.arena import Arena, arena
from bench.harness.callers import Callers
from bench.harness.mcp_client import initialized
from bench.harness.measure import MEBIBYTE, Row, at_most, cpu_s, ended_cpu_s, plain, private_bytes, pss_bytes, until
from bench.harness.questions import Questions
from bench.harness.settle import settle
from bench.harness.tasks import Task, Work
from memmux import Client
from memmux.wire.answers import Status
from memmux.wire.requests import Store

PACKAGES_MIB = 340.0
FIRST_SEARCH_S = 3.0
WHOLE_S = 240.0  # for a search with all that it needs, also where others use the processors
CLUSTER_MIB = 250.0
EMBEDDER_MIB = 45.0
LISTED = 12  # packages with a row of their own
SENTENCE = "The staging database listens on port 5433, and its replica on the port after that."
LONG = " ".join([SENTENCE] * 16)  # more than the model's window of 256 tokens
LONG_TEXTS = 8  # at once
STORED = 20  # memories of the clusters that are weighed


def measure(starts: int) -> Iterator[Row]:
    """Give the rows; so many starts of each kind, of which the quickest search and the last weights count."""
    yield from _packages()
    with TemporaryDirectory(prefix="memmux-") as cache, arena(cache_dir=Path(cache)) as here:
        yield from _first_search(here, starts)
    with TemporaryDirectory(prefix="memmux-") as cache, arena(cache_dir=Path(cache)) as here:
        for state in ("first start", "later start"):
            report.progress(f"weighing each process, {state}")
            yield from _processes(here, state)
            here.end()
            here.left()


def _packages() -> Iterator[Row]:
    """Give what `pip install memmux` brings, without the model, by the sizes of files."""
    found = packages.light()
    plain_mib = sum(package.bytes for package in found) / MEBIBYTE
    total_mib = plain_mib + sum(package.compiled for package in found) / MEBIBYTE
    for package in found[:LISTED]:
        size_mib = (package.bytes + package.compiled) / MEBIBYTE
        yield plain(f"package {package.name} {package.version}, MiB", size_mib)
    rest = found[LISTED:]
    rest_mib = sum(package.bytes + package.compiled for package in rest) / MEBIBYTE
    yield plain(f"{len(rest)} further packages, MiB", rest_mib)
    yield plain(f"all {len(found)} packages as they are downloaded, MiB", plain_mib, key="packages_plain_mib")
    why = f"{total_mib - plain_mib:.0f} MiB of it are Python that pip has compiled"
    yield at_most(f"all {len(found)} packages, installed", total_mib, PACKAGES_MIB, "MiB", key="packages_mib", why=why)


def _first_search(here: Arena, starts: int) -> Iterator[Row]:
    """Give how long the first search takes after `memmux setup`, which has made the graph, from nothing running."""
    report.progress("setting up the model")
    ready = _memmux(here, "setup")
    yield plain("memmux setup, with the model on this machine, s", ready["seconds"], key="setup_s")
    with Client(settings=here.settings, name="bench") as client:
        client.store(SENTENCE)
        settle(client)
    here.end()
    here.left()
    seconds = []
    for number in range(starts):
        report.progress(f"first search: {number + 1} of {starts}")
        began = time.monotonic()
        with until(WHOLE_S, "the first search by meaning") as wait:
            while _memmux(here, "search", SENTENCE)["degraded"]:  # the model is not there yet
                wait()
        seconds.append(time.monotonic() - began)
        here.end()
        here.left()
    yield plain("first search after it, slowest, s", max(seconds), key="first_search_slowest_s")
    yield at_most("first search by meaning after it", min(seconds), FIRST_SEARCH_S, "s", key="first_search_s")


def _processes(here: Arena, state: str) -> Iterator[Row]:
    """Give processor time and PSS of each kind of process, with the work of a few memories and searches done."""
    key = state.partition(" ")[0]
    with Client(settings=here.settings, name="bench") as client:
        settle(client)
        for number in range(STORED):
            client.store(f"{SENTENCE} It is number {number} on the list.")
        asked = Questions([f"which port has number {number}" for number in range(STORED)])
        questions = asked.save(here.folder / "questions.json")
        settle(client)
        with Callers.of(here.settings, questions, 1) as callers:
            callers.together(Task(work=Work.SEARCH, seconds=60.0, most=STORED // 2), 1)
            kinds = {**_kinds(client.status()), "client": callers.pids}
            yield from _weighed(kinds, state, key)
        if key == "later":
            yield _after_long_texts(client)
        with initialized(here.settings) as server:
            yield from _weighed({"MCP server": [server.pid]}, state, key)
    before_s = resource.getrusage(resource.RUSAGE_CHILDREN)
    _memmux(here, "search", SENTENCE)
    after_s = resource.getrusage(resource.RUSAGE_CHILDREN)
    used_s = after_s.ru_utime + after_s.ru_stime - before_s.ru_utime - before_s.ru_stime
    yield plain(f"command line, a search, {state}: processor, s", used_s, key=f"{key}_cpu_command_line_s")


def _weighed(kinds: Mapping[str, Sequence[int]], state: str, key: str) -> Iterator[Row]:
    """Give the rows of these processes; where the router is among them, also of the whole cluster."""
    total_mib = Counter({kind: sum(map(pss_bytes, pids)) / MEBIBYTE for kind, pids in kinds.items()})
    for kind, pids in kinds.items():
        count = f" ({len(pids)})" if len(pids) > 1 else ""
        name = kind.lower().replace(" ", "_")
        used_s = sum(map(cpu_s, pids))
        yield plain(f"{kind}{count}, {state}: processor, s", used_s, key=f"{key}_cpu_{name}_s")
        yield plain(f"{kind}{count}, {state}: PSS, MiB", total_mib[kind], key=f"{key}_pss_{name}_mib")
    if "router" in kinds:
        used_s = sum(map(ended_cpu_s, kinds["router"]))
        yield plain(f"fork server, which has ended, {state}: processor, s", used_s, key=f"{key}_cpu_fork_server_s")
        cluster_mib = total_mib.total() - total_mib["client"]
        parts = ", ".join(f"{kind} {mib:.0f}" for kind, mib in total_mib.items() if kind != "client")
        yield at_most(
            f"cluster with one client, {state}: PSS", cluster_mib, CLUSTER_MIB, "MiB", key=f"{key}_pss_mib", why=parts
        )


def _after_long_texts(client: Client) -> Row:
    """Return the private memory of the embed worker that has most of it, after a batch of long texts in each."""
    for number in range(2 * client.settings.embedders):
        client.store_batch([Store(content=f"{number} {text} {LONG}") for text in range(LONG_TEXTS)])
    settle(client)
    most = max(map(private_bytes, _kinds(client.status())["embed"])) / MEBIBYTE
    return at_most(
        "embed worker after 8 texts of 256 tokens, private", most, EMBEDDER_MIB, "MiB", key="embedder_private_mib"
    )


def _kinds(status: Status) -> dict[str, list[int]]:
    """Return the processes of a cluster by their kind."""
    found: dict[str, list[int]] = {"router": [status.pid]}
    for worker in status.workers:
        if worker["pid"]:
            found.setdefault(str(worker["kind"]), []).append(worker["pid"])
    return found


def _memmux(here: Arena, *arguments: str) -> Mapping[str, Any]:
    """Run a command as a user would, and return its answer; raise RuntimeError with what it says when it fails."""
    command = [sys.executable, "-P", "-m", "memmux", *here.settings.flags(), *arguments, "--json"]
    ended = subprocess.run(command, capture_output=True, check=False, env=os.environ)
    if ended.returncode:
        raise RuntimeError(ended.stderr.decode(errors="replace"))
    answer: Mapping[str, Any] = orjson.loads(ended.stdout)
    return answer
