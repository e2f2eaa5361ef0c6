from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from memmux import Client, errors
from memmux.config.settings import Settings
from memmux.errors import MemmuxError
from memmux.wire import requests
from memmux.wire.embeddings import Embedding
from memmux.wire.operations import OPERATIONS
from memmux.wire.requests import Mode
from tests.unit.memmux.client.answers import ANSWERS, answer_all
from tests.unit.memmux.client.peer import Peer, Script, result

pytestmark = pytest.mark.usefixtures("patient")


def test_every_method_asks_its_operation_and_reads_its_answer(settings: Settings) -> None:
    with Peer(settings, answer_all) as peer, Client(settings=settings, start=False) as client:
        stored = client.store("c", tags=["t"])
        assert (stored.id, stored.seq, stored.indexed, stored.degraded) == ("i", 3, True, ("embedder_loading",))
        assert len(client.store_batch([requests.Store(content="a"), requests.Store(content="b")])) == 2
        found = client.search("c")
        assert (found.mode, found[0].score, found[0].memory.tags) == (Mode.HYBRID, 0.5, ("t",))
        assert client.search("c", mode="keyword").hits == ()
        memory = client.get("i")
        assert (memory.content, memory.degraded) == ("c", ("embedder_loading",))
        page = client.list(limit=1)
        assert (page.total, page.degraded, page[0].degraded) == (7, ("embedder_loading",), ())
        assert client.update("i", tags=["x"]).seq == 4
        assert client.update("i", content="new").content_hash == "h2"
        assert client.delete("i").seq == 6
        newest, oldest = client.history("i")
        assert newest.before is not None
        assert (newest.before.content, newest.at.year, oldest.before) == ("c", 2026, None)
        assert client.undo(6).undone == 6
        assert client.purge("i").remaining == 2
        assert client.dump().memories == ({"id": "i"},)
        assert client.load([{"id": "i"}]).problems[0].status == "broken"
        assert client.status().state == "serving"
        asked = [peer.request().header for _ in range(15)]
    assert [header.operation for header in asked] == [
        "memory.store",
        "memory.store_batch",
        "memory.search",
        "memory.match",
        "memory.get",
        "memory.list",
        "memory.update",
        "memory.rewrite",
        "memory.delete",
        "memory.history",
        "memory.undo",
        "memory.purge",
        "memory.dump",
        "memory.load",
        "cluster.status",
    ]
    assert all(bool(header.key) == OPERATIONS[header.operation].writes for header in asked)


def test_what_names_no_namespace_means_the_one_of_the_settings(settings: Settings) -> None:
    settings = replace(settings, namespace="Tianda")
    answers = {**ANSWERS, "memory.tags": {"tags": [], "total": 0}}
    script: Script = lambda message: [result(message, answers[message.header.operation])]  # noqa: E731
    with Peer(settings, script) as peer, Client(settings=settings, start=False) as client:
        client.store("c")
        client.store("c", namespace="other")
        client.store_batch([requests.Store(content="c"), requests.Store(content="c", namespace="own")])
        client.store_batch([requests.Store(content="c")], namespace="default")
        client.search("q")
        client.search("q", namespace=None)
        client.list()
        client.get("i")
        client.get("i", namespace=None)
        client.delete("i")
        client.forget(type="t")
        client.graph("i")
        client.tags()
        client.namespaces()
        bodies = [orjson.loads(peer.request().body) for _ in range(14)]
    own = [body.get("namespace", body.get("filter", {}).get("namespace", "-")) for body in bodies]
    assert own == ["Tianda", "other", "-", "-", "Tianda", None, "Tianda", "Tianda", None, *["Tianda"] * 4, "-"]
    assert [[one["namespace"] for one in body["memories"]] for body in bodies[2:4]] == [["Tianda", "own"], ["default"]]


def test_answers_carry_their_notes(settings: Settings) -> None:
    said = {"notes": ["no such namespace 'x'"]}
    bodies = {
        "memory.search": {"mode": "hybrid", "hits": [], **said},
        "memory.list": {"memories": [], "total": 0, **said},
        "memory.tags": {"tags": [], "total": 0, **said},
        "memory.changes": {"changes": [], "next": 0, **said},
        "memory.forget": {"ids": [], "count": 0, "dry_run": False, **said},
    }
    script: Script = lambda message: [result(message, bodies[message.header.operation])]  # noqa: E731
    with Peer(settings, script), Client(settings=settings, start=False) as client:
        for answer in (client.search("q"), client.list(), client.tags(), client.changes(), client.forget(type="t")):
            assert answer.notes == ("no such namespace 'x'",)


def test_methods_about_many_and_linked_memories_do_so_too(settings: Settings) -> None:
    with Peer(settings, answer_all) as peer, Client(settings=settings, start=False) as client:
        (similar,) = client.store("c", similar=True).similar
        assert (similar.id, similar.score) == ("j", 0.9)
        forgotten = client.forget(tags=["t"], dry_run=True)
        assert (forgotten.ids, forgotten.count, forgotten.dry_run) == (("i", "j"), 2, True)
        assert client.used(["i"]).count == 1
        graph = client.graph("i", action="subgraph", hops=3)
        assert [(node.id, node.distance, node.memory is None) for node in graph.nodes] == [
            ("i", 0, False),
            ("j", 1, True),
        ]
        assert [(link.source, link.types, link.created_at.year) for link in graph.links] == [("i", ("a",), 2026)]
        assert client.path("i", "j").links == graph.links
        (namespace,) = client.namespaces(limit=1)
        assert (namespace.name, namespace.memories, client.namespaces(limit=1).total) == ("default", 3, 2)
        assert [(tag.name, tag.memories) for tag in client.tags(namespace=None)] == [("sea", 2), ("port", 1)]
        asked = [peer.request() for _ in range(8)]
    assert [message.header.operation for message in asked] == [
        "memory.store_similar",
        "memory.forget",
        "memory.use",
        "memory.graph",
        "memory.graph",
        "memory.namespaces",
        "memory.namespaces",
        "memory.tags",
    ]
    bodies = [orjson.loads(message.body) for message in asked]
    assert (bodies[1]["filter"]["tags"], bodies[1]["dry_run"], bodies[2]["ids"]) == (["t"], True, ["i"])
    assert [(body["action"], body["hops"], body["other"]) for body in bodies[3:5]] == [
        ("subgraph", 3, None),
        ("path", 5, "j"),
    ]
    assert bodies[6:] == [{"limit": 1, "namespaces": None}, {"limit": 100, "namespace": None}]


def test_methods_about_days_and_what_is_to_be_tidied_up_do_so_too(settings: Settings) -> None:
    with Peer(settings, answer_all) as peer, Client(settings=settings, start=False) as client:
        counted = client.timeline(by="type", tags=["t"], after="2026-11-23")
        assert counted.other is not None
        assert (counted.days, counted[0].total, counted.other.deleted) == (("2026-11-23",), 3, (1,))
        (group,) = (found := client.duplicates(4, least=0.9))
        assert (found.next, group.more, group.members[0].memory.content) == (5, True, "c")
        alone, replaced = client.superseded(offset=1)
        assert replaced.by is not None
        assert (alone.by, replaced.by.id, replaced.deleted) == (None, "i", True)
        client.get("i", as_of=0)
        client.list(as_of=7)
        client.list()
        bodies = [orjson.loads(peer.request().body) for _ in range(6)]
    assert (bodies[0]["by"], bodies[0]["filter"]["tags"], bodies[0]["filter"]["after"]) == ("type", ["t"], None)
    assert bodies[0]["after"].startswith("2026-11-2")
    assert (bodies[1]["after"], bodies[1]["least"], bodies[1]["filter"]["include_superseded"]) == (4, 0.9, False)
    assert (bodies[2]["offset"], [body.get("as_of") for body in bodies[3:]]) == (1, [0, 7, None])


def test_vectors_travel_with_the_model_of_the_cluster(settings: Settings) -> None:
    with Peer(settings, answer_all, model="the-model") as peer, Client(settings=settings, start=False) as client:
        client.store("four", vector=[3.0, 4.0])
        embedding = Embedding.from_frames(peer.request().blobs)
        client.store_batch([requests.Store(content="a"), requests.Store(content="bc")], vectors=[[1, 0], [0, 1]])
        batch = Embedding.from_frames(peer.request().blobs)
    assert (embedding.model, embedding.dimensions, embedding.windows) == ("the-model", 2, (((0, 4),),))
    assert memoryview(embedding.data).cast("f").tolist() == pytest.approx([0.6, 0.8])
    assert (batch.windows, len(batch.data)) == ((((0, 1),), ((0, 2),)), 16)


@pytest.mark.parametrize(
    ("arguments", "error_class"),
    [
        ({"content": ""}, errors.ContentEmptyError),
        ({"content": "x" * ((1 << 20) + 1)}, errors.ContentTooLongError),
        ({"content": "x", "metadata": {"a": float("nan")}}, errors.MetadataInvalidError),
        ({"content": "x", "tags": "tag"}, errors.TagInvalidError),
        ({"content": "x", "vector": [0.0, 0.0]}, errors.ArgumentInvalidError),
        ({"content": "x", "vector": [float("nan")]}, errors.ArgumentInvalidError),
        ({"content": "x", "vector": ["1"]}, errors.ArgumentInvalidError),
        ({"content": "x", "key": ""}, errors.ArgumentInvalidError),
        ({"content": "x", "key": "k" * 129}, errors.ArgumentInvalidError),
        ({"content": "x", "timeout_s": 0}, errors.LimitOutOfRangeError),
        ({"content": "x", "timeout_s": float("nan")}, errors.LimitOutOfRangeError),
        ({"content": "x", "timeout_s": 10**5000}, errors.LimitOutOfRangeError),
        ({"content": "x", "timeout_s": "1"}, errors.LimitOutOfRangeError),
    ],
)
def test_wrong_arguments_raise_before_anything_is_sent(
    settings: Settings, arguments: dict[str, object], error_class: type[MemmuxError]
) -> None:
    with Client(settings=settings) as client, pytest.raises(error_class):
        client.store(**arguments)
    assert not settings.database.parent.exists()


@pytest.mark.parametrize("vectors", [[[1.0]], [[1.0], [1.0, 2.0]]])
def test_vectors_must_fit_the_memories(settings: Settings, vectors: list[list[float]]) -> None:
    memories = [requests.Store(content="a"), requests.Store(content="b")]
    with Client(settings=settings) as client, pytest.raises(errors.ArgumentInvalidError):
        client.store_batch(memories, vectors=vectors)


def test_search_that_needs_no_vector_refuses_one(settings: Settings) -> None:
    with Client(settings=settings) as client, pytest.raises(errors.ArgumentInvalidError, match="keyword"):
        client.search("x", mode="keyword", vector=[1.0])
