"""The Python interface against a real cluster: what importers need, and what every answer and error says."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from memmux import AsyncClient, Client, NameCount, Status, Store
from memmux.config.loader import load
from memmux.config.settings import Settings
from memmux.errors import IdConflictError, NotFoundError
from memmux.wire.ids import uuid7
from tests.integration.helpers import status_until
from tests.zones import zone_at

MOMENT = datetime(2019, 5, 4, 3, 2, 1, 250_000, tzinfo=UTC)


def test_an_importer_brings_ids_times_and_aliases_and_sees_what_there_is(client: Client) -> None:
    given = uuid7()
    stored = client.store("the lighthouse keeper", id=given, created_at=MOMENT, aliases=["old-7"], tags=["Sea"])
    assert (stored.id, stored.status) == (given, "created")
    batch = client.store_batch(
        [
            Store(content="the harbour master", created_at=MOMENT, aliases=("old-8",), tags=("sea", "port")),
            Store(content="the kettle", namespace="home"),
        ]
    )
    assert [one.status for one in batch] == ["created", "created"]
    memory = client.get("old-7")
    assert (memory.id, memory.created_at, memory.updated_at, memory.aliases) == (given, MOMENT, MOMENT, ("old-7",))
    assert client.store("the lighthouse keeper", id=given, created_at=MOMENT, aliases=["old-7"]).status == "duplicate"
    with pytest.raises(IdConflictError, match=given):
        client.store("somebody else", id=given)
    assert client.search("lighthouse", before=datetime(2020, 1, 1, tzinfo=UTC))[0].memory.id == given

    assert list(client.namespaces()) == [NameCount(name="default", memories=2), NameCount(name="home", memories=1)]
    assert (client.namespaces(limit=1).namespaces[0].name, client.namespaces(limit=1).total) == ("default", 2)
    assert list(client.tags()) == [NameCount(name="sea", memories=2), NameCount(name="port", memories=1)]
    assert list(client.tags(namespace="home")) == []

    undone = client.undo(client.delete("old-7").seq)
    assert (undone.deleted, client.get("old-7")) == (False, memory)
    assert [change.did for change in client.history(given) if not change.operation.startswith("vectors.")] == [
        "undid a change: brought back",
        "deleted",
        "stored",
    ]


def test_what_happened_can_be_counted_tidied_up_and_seen_as_it_was(client: Client) -> None:
    first = client.store("The ferry leaves at nine", tags=["sea"])
    again = client.store("the ferry leaves at nine", tags=["pier"])
    newer = client.update(client.store("tea is at four").id, content="tea is at five", versioned=True)
    status_until(client, lambda status: status.pending == 0)
    zone = zone_at(12)
    counted = client.timeline(by="tag", zone=zone)
    assert [(group.name, group.total) for group in counted] == [(None, 3), ("pier", 1), ("sea", 1)]
    assert (len(counted.days), counted.zone, counted.other) == (1, zone, None)
    (group,) = client.duplicates()
    assert [one.memory.id for one in group.members] == [first.id, again.id]
    (replaced,) = client.superseded()
    assert replaced.by is not None
    assert (replaced.memory.superseded_by, replaced.by.id) == (newer.id, newer.id)
    client.store(group.members[0].memory.content, tags=["pier"])
    client.delete(again.id)
    assert list(client.duplicates()) == []
    assert client.get(first.id).tags == ("sea", "pier")
    assert client.get(first.id, as_of=again.seq).tags == ("sea",)
    assert [memory.id for memory in client.list(as_of=again.seq)] == [again.id, first.id]
    with pytest.raises(NotFoundError, match="stored after"):
        client.get(again.id, as_of=first.seq)


def test_every_answer_and_error_says_what_is_wrong_with_the_cluster(
    settings_env: dict[str, str], short_tmp: Path
) -> None:
    broken = load({"embedder": "onnx", "model": str(short_tmp / "nothing")}, settings_env)
    with Client(settings=broken) as client:
        status_until(client, lambda status: "embed-0_failing" in status.degraded)
        stored = client.store("kept")
        (other,) = client.store_batch([Store(content="deleted")])
        answers = [
            stored,
            client.store_batch([Store(content="kept")]),
            client.search("kept"),
            client.get(stored.id),
            client.list(),
            client.graph(stored.id),
            client.path(stored.id, other.id),
            client.namespaces(),
            client.tags(),
            client.timeline(),
            client.duplicates(),
            client.superseded(),
            client.update(stored.id, tags=["t"]),
            client.forget(tags=["t"], dry_run=True),
            client.used([stored.id]),
            client.history(stored.id),
            client.delete(other.id),
            client.undo(client.delete(stored.id).seq),
            client.purge(other.id),
            (page := client.dump()),
            client.load(page.memories),
            client.backup(),
            client.rebuild(),
            client.verify(),
            client.status(),
        ]
        with pytest.raises(NotFoundError) as raised:
            client.get("nothing")
    for answer in (*answers, raised.value):
        assert {"model_missing", "embed-0_failing"} <= {*answer.degraded}, answer
    assert len({type(answer) for answer in answers}) == len(answers) - 1  # graph and path answer alike


def test_an_observer_is_no_client_that_a_cluster_stays_for(client: Client, settings: Settings) -> None:
    client.status()

    async def look() -> Status:
        async with AsyncClient(settings=settings, name="looking on", observer=True) as observing:
            return await observing.status()

    seen = asyncio.run(look())
    assert [one["name"] for one in seen.clients] == ["test"]
