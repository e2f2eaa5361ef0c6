"""Memories with vectors that nobody knows the model of: real processes find out, and make the wrong ones anew."""

from __future__ import annotations

import base64
import time
from typing import Any

import numpy as np

from memmux import Client
from memmux.wire.answers import SearchResult
from tests.bounds import BOUND_S, pause
from tests.integration.helpers import status_until

COUNT = 150  # more than one audit has


def lines(*, dimensions: int) -> list[dict[str, Any]]:
    """Memories as a former home has them, with vectors that mean nothing."""
    chance = np.random.default_rng(1)
    found = []
    for number in range(COUNT):
        vector = chance.normal(size=dimensions).astype("<f4")
        vector /= np.linalg.norm(vector)
        content = f"the harbour of town {number} closes at hour {number % 24}"
        data = base64.b64encode(vector.tobytes()).decode()
        made = {"model": "hash", "dimensions": dimensions, "windows": [[0, len(content)]], "data": data}
        at = 1_700_000_000.0 + number
        found.append(
            {
                "id": f"adopted-{number}",
                "content": content,
                "tags": ["adopted"],
                "created_at": at,
                "updated_at": at,
                "aliases": [f"hash-of-{number}"],
                "vectors": [made],
            }
        )
    return found


def searched(client: Client) -> SearchResult:
    return client.search("the harbour of town 77 closes at hour 5", mode="semantic", limit=1)


def test_wrong_vectors_of_adopted_memories_are_made_anew_while_searches_say_so(client: Client) -> None:
    client.store("the first memory tells which model there is")
    status = status_until(client, lambda status: status.model is not None and not status.pending)
    assert status.unaudited == 0
    given = lines(dimensions=384)
    loaded = client.load(given, adopt=True)
    assert (loaded.created, loaded.updated, loaded.merged, loaded.problems) == (COUNT, 0, 0, ())
    found = searched(client)
    assert len(found) == 1
    until = time.monotonic() + BOUND_S
    while {"vectors_unverified", "indexing"} & set(found.degraded):
        assert time.monotonic() < until, found.degraded
        pause()
        found = searched(client)
    # The first answer that says neither is right, which is the first of all if that came late.
    assert found[0].memory.id == "adopted-77"
    assert found[0].score > 0.999
    assert client.get("hash-of-77").id == "adopted-77"
    # A reader sees what the writer has done before the router has heard of it.
    status = status_until(client, lambda status: (status.unaudited, status.pending) == (0, 0))
    assert status.memories == COUNT + 1
    assert client.load(given, adopt=True).skipped == COUNT


def test_right_vectors_of_adopted_memories_stay(client: Client) -> None:
    contents = [f"the lighthouse of island {number}" for number in range(20)]
    for content in contents:
        client.store(content)
    status_until(client, lambda status: not status.pending and status.memories == len(contents))
    page = client.dump(vectors=True)
    adopted = [{**memory, "id": f"x-{number}", "namespace": "elsewhere"} for number, memory in enumerate(page.memories)]
    seq = client.load(adopted, adopt=True).seq
    status = status_until(client, lambda status: not status.unaudited)
    assert (status.pending, status.seq) == (0, seq)
    found = client.search(contents[7], mode="semantic", namespace=None, limit=2)
    assert {hit.memory.namespace for hit in found} == {"default", "elsewhere"}


def test_everything_new_is_asked_for_through_the_whole_cluster(client: Client) -> None:
    old = client.store("the staging port is 5433", tags=["ports"])
    newer = client.update(old.id, content="the staging port is 5434", versioned=True)
    status_until(client, lambda status: status.model is not None and not status.pending)
    assert [hit.memory.id for hit in client.search("staging port", mode="ranked")] == [newer.id]
    assert {hit.memory.id for hit in client.search("staging port", include_superseded=True)} == {old.id, newer.id}
    assert client.get(old.id).superseded_by == newer.id
    named = client.store("the staging port is 5434 .", similar=True)
    assert [similar.id for similar in named.similar] == [newer.id]
    assert client.store("the staging port is 5435").similar == ()
    assert client.used([newer.id, "nobody"]).count == 1
    links = [{"target": newer.id, "relation": "cites"}]
    at = {"created_at": 1.0, "updated_at": 1.0}
    client.load([{"id": "linked", "content": "a note on ports", "links": links, **at}], adopt=True)
    graph = client.graph(newer.id, hops=1)
    assert [(node.id, node.distance) for node in graph.nodes] == [(newer.id, 0), ("linked", 1)]
    assert [(link.source, link.target, link.relation) for link in graph.links] == [("linked", newer.id, "cites")]
    assert [node.id for node in client.path("linked", newer.id).nodes] == ["linked", newer.id]
    dry = client.forget(tags=["ports"], dry_run=True)
    assert (dry.count, dry.dry_run) == (2, True)
    assert client.forget(tags=["ports"]).ids == dry.ids == (old.id, newer.id)
