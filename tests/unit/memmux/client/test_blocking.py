"""The blocking client, against a scripted ROUTER over a real socket."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

import memmux.client.blocking
from memmux import Client, errors
from memmux.client import session
from memmux.client.calls import RequestOutcome
from memmux.cluster import endpoint
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import MemmuxError, OverloadedError, UnknownSessionError
from memmux.wire import requests
from memmux.wire.embeddings import Embedding
from memmux.wire.operations import OPERATIONS
from memmux.wire.protocol import Header, Kind, Message, encode
from memmux.wire.requests import Mode
from tests.unit.memmux.client.peer import BOUND_S, Peer, Script, error, result, status_body

MEMORY = {
    "id": "i",
    "content": "c",
    "content_hash": "h",
    "namespace": "default",
    "type": None,
    "tags": ["t"],
    "metadata": {},
    "created_at": "2026-11-23T10:00:00+00:00",
    "updated_at": "2026-11-23T10:00:00+00:00",
    "supersedes": None,
}
STORED = {"id": "i", "content_hash": "h", "seq": 3, "status": "created", "indexed": True}
CHANGE = {
    "seq": 6,
    "id": "i",
    "at": "2026-11-23T10:00:00+00:00",
    "operation": "memory.delete",
    "client": "c",
    "request": "r",
    "did": "deleted",
    "before": MEMORY,
}
ANSWERS = {
    "memory.store": STORED,
    "memory.store_batch": {"stored": [STORED, STORED]},
    "memory.search": {"mode": "hybrid", "hits": [{"score": 0.5, "memory": MEMORY}]},
    "memory.match": {"mode": "keyword", "hits": []},
    "memory.get": MEMORY,
    "memory.list": {"memories": [MEMORY], "total": 7},
    "memory.update": {"id": "i", "content_hash": "h", "seq": 4, "indexed": True},
    "memory.rewrite": {"id": "i", "content_hash": "h2", "seq": 5, "indexed": False},
    "memory.delete": {"id": "i", "seq": 6},
    "memory.history": {"changes": [CHANGE, {**CHANGE, "seq": 3, "before": None}]},
    "memory.undo": {"id": "i", "content_hash": "h", "seq": 7, "undone": 6, "deleted": False, "indexed": False},
    "memory.purge": {"purged": 1, "remaining": 2, "seq": 8},
    "memory.dump": {"memories": [{"id": "i"}], "next": 1, "last": 2},
    "memory.load": {
        "created": 1,
        "skipped": 0,
        "problems": [{"place": 0, "id": None, "status": "broken", "message": "why"}],
        "seq": 9,
    },
    "memory.store_similar": {**STORED, "similar": [{"id": "j", "score": 0.9}]},
    "memory.forget": {"ids": ["i", "j"], "count": 2, "dry_run": True},
    "memory.use": {"count": 1},
    "memory.graph": {
        "nodes": [{"id": "i", "distance": 0, "memory": MEMORY}, {"id": "j", "distance": 1, "memory": None}],
        "links": [
            {
                "source": "i",
                "target": "j",
                "relation": "cites",
                "similarity": None,
                "types": ["a"],
                "metadata": {},
                "created_at": "2026-11-23T10:00:00+00:00",
            }
        ],
    },
    "memory.namespaces": {"namespaces": [{"name": "default", "memories": 3}], "total": 2},
    "memory.tags": {"tags": [{"name": "sea", "memories": 2}, {"name": "port", "memories": 1}], "total": 2},
    "memory.timeline": {
        "days": ["2026-11-23"],
        "groups": [{"name": None, "stored": [2], "changed": [1], "deleted": [0]}],
        "other": {"name": None, "stored": [0], "changed": [0], "deleted": [1]},
        "others": 3,
        "earlier": 4,
        "zone": "UTC",
        "notes": [],
    },
    "memory.duplicates": {
        "groups": [{"members": [{"memory": MEMORY, "similarity": 1.0}], "more": True}],
        "next": 5,
        "compared": 6,
        "least": 0.85,
        "notes": [],
    },
    "memory.superseded": {
        "memories": [
            {"memory": MEMORY, "by": None, "deleted": False},
            {"memory": MEMORY, "by": MEMORY, "deleted": True},
        ],
        "total": 2,
        "notes": [],
    },
    "cluster.status": status_body(),
    "cluster.stop": {},
}


def answer_all(message: Message) -> list[list[bytes]]:
    return [result(message, ANSWERS[message.header.operation], degraded=("embedder_loading",))]


def refused_once(failure: MemmuxError) -> Script:
    refusals = [failure]

    def script(message: Message) -> Iterable[list[bytes]]:
        return [error(message, refusals.pop())] if refusals else answer_all(message)

    return script


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


@pytest.mark.parametrize("failure", [OverloadedError(retry_after_ms=1), UnknownSessionError()])
def test_refused_write_is_sent_again_with_its_id_and_key(settings: Settings, failure: MemmuxError) -> None:
    with Peer(settings, refused_once(failure)) as peer, Client(settings=settings, start=False) as client:
        assert client.store("c").id == "i"
        first, second = peer.request().header, peer.request().header
    assert (first.id, first.key) == (second.id, second.key)


def test_observer_is_told_of_each_request_that_has_ended(settings: Settings) -> None:
    def script(message: Message) -> list[list[bytes]]:
        if message.header.operation == "memory.delete":
            return [error(message, errors.NotFoundError())]
        return [result(message, ANSWERS[message.header.operation])]

    told: list[RequestOutcome] = []
    with Peer(settings, script), Client(settings=settings, on_answer=told.append) as client:
        client.get("i")
        with pytest.raises(errors.NotFoundError):
            client.delete("i")
    with Client(settings=settings, on_answer=told.append, start=False) as client, pytest.raises(MemmuxError):
        client.get("i")
    assert [(asked.operation, asked.outcome) for asked in told] == [
        ("memory.get", "ok"),
        ("memory.delete", "not_found"),
        ("memory.get", "cluster_unreachable"),
    ]
    assert len({asked.id for asked in told}) == 3
    assert all(asked.total_ms >= 0 for asked in told)


def test_error_of_the_cluster_is_raised_as_its_class(settings: Settings) -> None:
    def script(message: Message) -> list[list[bytes]]:
        detail = errors.NotFoundError("no such memory").to_json()
        return [encode(Header(kind=Kind.ERROR, id=message.header.id, degraded=("log_large",), detail=detail))]

    with (
        Peer(settings, script),
        Client(settings=settings, start=False) as client,
        pytest.raises(errors.NotFoundError, match="no such memory") as raised,
    ):
        client.get("i")
    assert raised.value.degraded == ("log_large",)


def test_answer_that_can_not_be_read_is_an_error_of_ours(settings: Settings) -> None:
    def script(message: Message) -> list[list[bytes]]:
        return [result(message, {"surprise": 1})]

    with (
        Peer(settings, script),
        Client(settings=settings, start=False) as client,
        pytest.raises(errors.MalformedMessageError, match=r"memory\.store"),
    ):
        client.store("c")


def test_time_that_is_over_ends_the_call_and_the_client_goes_on(settings: Settings) -> None:
    with Peer(settings, answer_all) as peer, Client(settings=settings, start=False) as client:
        client.status()
        peer.deaf.set()
        began = time.monotonic()
        with pytest.raises(errors.DeadlineExceededError):
            client.status(timeout_s=0.2)
        assert time.monotonic() - began < BOUND_S
        peer.deaf.clear()
        assert client.status(timeout_s=BOUND_S).state == "serving"


def test_router_that_falls_silent_is_left_for_the_one_that_answers(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "QUIET_S", 0.05)
    monkeypatch.setattr(session, "PONG_S", 0.05)
    with Peer(settings, answer_all) as silent, Peer(settings, answer_all) as successor:
        silent.announce()
        with Client(settings=settings, start=False) as client:
            client.status()
            silent.deaf.set()
            successor.announce()
            assert client.store("c").id == "i"
            silent.request()
            assert silent.request().header.key == successor.request().header.key


def test_router_that_died_is_left_for_its_successor(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "QUIET_S", 1000.0)  # so that its death is seen, not its silence
    dead: set[int] = set()
    alive = endpoint.alive
    monkeypatch.setattr(endpoint, "alive", lambda pid: pid not in dead and alive(pid))
    with Peer(settings, answer_all) as first, Peer(settings, answer_all) as second:
        first.announce(os.getppid())  # a process that lives, until this test says otherwise
        with Client(settings=settings, start=False) as client:
            client.status()
            first.deaf.set()
            dead.add(os.getppid())
            second.announce()
            assert client.store("c").id == "i"
            assert second.request().header.operation == "memory.store"


def test_router_that_drains_is_left_for_its_successor_while_it_lives(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "BACK_OFF_S", 1000.0)  # so that the request is not sent again for another reason
    with Peer(settings, answer_all) as first, Peer(settings, answer_all) as second:
        first.announce(os.getppid())
        with Client(settings=settings, start=False) as client:
            client.status()
            first.request()

            def drain(message: Message) -> list[list[bytes]]:
                second.announce()
                return [error(message, errors.DrainingError())]

            first.script = drain
            assert client.store("c").id == "i"
            assert first.request().header.key == second.request().header.key


def test_client_without_a_cluster_that_may_not_start_one_fails_at_once(settings: Settings) -> None:
    with Client(settings=settings, start=False) as client:
        for call in (client.status, client.stop):
            with pytest.raises(errors.ClusterUnreachableError, match="memmux serve"):
                call()
    assert not settings.database.parent.exists()


def test_stop_without_a_cluster_has_nothing_to_do(settings: Settings) -> None:
    with Client(settings=settings) as client:
        client.stop()
    assert not settings.database.parent.exists()


def test_stop_returns_when_the_router_is_gone(settings: Settings) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as router:

        def script(message: Message) -> list[list[bytes]]:
            if message.header.operation == "cluster.stop":
                router.communicate(b"\n", timeout=BOUND_S)
            return answer_all(message)

        with Peer(settings, script) as peer, Client(settings=settings, start=False) as client:
            peer.announce(router.pid)
            client.stop()
            assert router.returncode == 0
            with pytest.raises(errors.ClusterUnreachableError):
                client.status()


def test_goodbye_is_said_on_close_and_when_the_client_is_collected(settings: Settings) -> None:
    with Peer(settings, answer_all) as peer:
        with Client(settings=settings, start=False) as client:
            client.status()
        peer.other(Kind.GOODBYE)
        forgotten = Client(settings=settings, start=False)
        forgotten.status()
        del forgotten
        gc.collect()
        peer.other(Kind.GOODBYE)


def test_closed_client_says_so(settings: Settings) -> None:
    client = Client(settings=settings, start=False)
    client.close()
    client.close()
    with pytest.raises(errors.ClusterError, match="closed"):
        client.status()


def test_interrupted_call_is_cancelled(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with Peer(settings, answer_all) as peer, Client(settings=settings, start=False) as client:
        client.status()
        peer.request()
        receive = memmux.client.blocking._Connection.receive

        def interrupted(connection: memmux.client.blocking._Connection, timeout_s: float) -> list[bytes] | None:
            del connection, timeout_s
            raise KeyboardInterrupt

        monkeypatch.setattr(memmux.client.blocking._Connection, "receive", interrupted)
        with pytest.raises(KeyboardInterrupt):
            client.store("c")
        monkeypatch.setattr(memmux.client.blocking._Connection, "receive", receive)
        assert peer.other(Kind.CANCEL).header.id == peer.request().header.id
        assert client.store("c").id == "i"


def test_threads_share_a_client(settings: Settings) -> None:
    with Peer(settings, answer_all) as peer, Client(settings=settings, start=False) as client:
        threads = [threading.Thread(target=client.store, args=(f"text {number}",)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(BOUND_S)
        stored = {orjson.loads(peer.request().body)["content"] for _ in threads}
    assert stored == {f"text {number}" for number in range(8)}


def test_forked_process_has_a_connection_and_a_session_of_its_own(settings: Settings) -> None:
    with Peer(settings, answer_all) as peer, Client(settings=settings, start=False) as client:
        client.status()
        instance = peer.other(Kind.HELLO).header.detail["instance"]
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = 0 if client.store("from the child").id == "i" else 2
                client.close()
            finally:
                os._exit(code)
        hello = peer.other(Kind.HELLO).header.detail
        assert hello["pid"] == child
        assert hello["instance"] != instance
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert client.store("from the parent").id == "i"


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


def test_name_that_a_header_can_not_hold_is_refused(settings: Settings) -> None:
    for name in ("", "x" * 129, "a\nb", "\ud800"):
        with pytest.raises(errors.ArgumentInvalidError, match="name"):
            Client(settings=settings, name=name)


def test_two_names_of_one_database_reach_one_cluster(settings: Settings, short_tmp: Path) -> None:
    (short_tmp / "real").mkdir()
    (short_tmp / "link").symlink_to(short_tmp / "real")
    one, other = (Client(short_tmp / folder / "m.db", settings=settings) for folder in ("real", "link"))
    assert Places(one.settings).endpoint == Places(other.settings).endpoint


def test_endpoint_file_of_a_dead_process_is_not_used(settings: Settings) -> None:
    settings.database.parent.mkdir()
    endpoint.write(Places(settings), endpoint.Endpoint("ipc:///nowhere", 2**22 + 1, "0", 1))
    with Client(settings=settings, start=False) as client, pytest.raises(errors.ClusterUnreachableError):
        client.status()
