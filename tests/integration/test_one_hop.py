"""Searches whose query is embedded by the reader that answers, and what happens while one can't do that."""

from __future__ import annotations

import os
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from memmux import Client
from memmux.config.loader import load
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.wire.answers import SearchResult, Status
from tests.bounds import BOUND_S, pause
from tests.integration.helpers import lines_of, settled, status_until, workers_of
from workers.embedding import sources
from workers.embedding.graph import packed


def _stages(settings: Settings, request: str) -> list[str]:
    """Return the stages that the newest search for `request` passed, once the router has logged it."""
    log = Places(settings).logs / "router.jsonl"
    until = time.monotonic() + BOUND_S
    while time.monotonic() < until:
        found = [line["stages"] for line in lines_of(log) if line.get("client") == request and line.get("stages")]
        if found:
            return list(found[-1])
        pause()
    raise AssertionError("the search was never logged")


def _one_hop(status: Status) -> bool:
    """Return whether the readers have the model, all of them, and memories their vectors."""
    return settled(status) and bool(status.embedder["one_hop"])


def _search(settings: Settings) -> SearchResult:
    """Search when the readers have the model, as another client; the search passes nobody else."""
    with Client(settings=settings, name="asks") as client:
        status_until(client, _one_hop)
        found = client.search("where does the cat sleep")
    assert _stages(settings, "asks") == ["read"]
    return found


def test_a_search_passes_readers_alone_and_a_store_the_embedder(client: Client, settings: Settings) -> None:
    client.store("the cat sleeps on the mat")
    found = _search(settings)
    assert (str(found.mode), found.hits[0].memory.content) == ("hybrid", "the cat sleeps on the mat")
    assert found.hits[0].similarity is not None
    with Client(settings=settings, name="stores") as another:
        another.store("the dog barks")
    assert _stages(settings, "stores") == ["embed", "write"]


def test_searches_by_meaning_go_on_while_the_embedder_hangs(client: Client) -> None:
    client.store("the cat sleeps on the mat")
    (embedder,) = workers_of(status_until(client, _one_hop), "embed")
    os.kill(embedder, signal.SIGSTOP)
    try:
        for number in range(5):
            found = client.search(f"where does the cat sleep {number}")
            assert str(found.mode) == "hybrid"
            assert found.hits[0].similarity is not None
    finally:
        with suppress(ProcessLookupError):  # the router gives it up after a while
            os.kill(embedder, signal.SIGCONT)


@pytest.mark.slow
def test_a_damaged_graph_is_made_anew_and_the_readers_take_it_up(model_env: dict[str, str], tmp_path: Path) -> None:
    made = load(environment=model_env)
    with Client(settings=made) as client:
        client.store("the cat sleeps on the mat")
        status_until(client, settled)
        client.stop()
    settings = load(environment={**model_env, "MEMMUX_CACHE_DIR": str(tmp_path / "cache")})
    whole, damaged = (packed.place(each, sources.find(each)) for each in (made, settings))
    shutil.copytree(whole, damaged)
    weights = damaged / packed.GRAPH_DATA
    with weights.open("r+b") as file:
        file.seek(weights.stat().st_size // 2)
        file.write(b"not these weights")
    found = _search(settings)
    assert (str(found.mode), found.degraded) == ("hybrid", ())
    assert found.hits[0].similarity is not None
    assert found.hits[0].similarity > 0.5
