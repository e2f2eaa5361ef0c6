"""A change of the model, of real processes: searches by meaning go on with the old vectors until the new are complete."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from memmux import Client
from memmux.config.settings import Settings, load
from memmux.wire.answers import Status
from memmux.wire.requests import Mode, Store
from tests.conftest import stop_cluster
from tests.integration.helpers import complete, status_until

OLD, NEW, THIRD = "hash", "hash-768", "hash-96"
MEMORIES = 1_500  # for which the hash embedder takes a while
_BATCH = 250


@pytest.fixture
def filled(settings_env: dict[str, str]) -> Iterator[dict[str, str]]:
    """The environment of a database whose memories all have vectors of the old model; no cluster runs."""
    with Client(settings=load(environment=settings_env), name="fills") as client:
        for first in range(0, MEMORIES, _BATCH):
            client.store_batch([Store(content=_text(number)) for number in range(first, first + _BATCH)])
        status_until(client, lambda status: complete(status) and not status.pending and status.model == OLD)
    stop_cluster(load(environment=settings_env))
    yield settings_env
    stop_cluster(load(environment=settings_env))


def _text(number: int) -> str:
    return f"note {number} says that ship{number} sails to harbour{number % 7}"


def _with(env: dict[str, str], model: str) -> Settings:
    return load(environment={**env, "MEMMUX_MODEL": model})


def _models(settings: Settings) -> list[tuple[str, int]]:
    """Return the models that have vectors in the file, each with how many memories."""
    with closing(apsw.Connection(str(settings.database), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        return connection.execute("SELECT name, memories FROM models ORDER BY id").fetchall()


def _switched(status: Status) -> bool:
    return status.model == NEW and not status.switch and not status.pending


def test_searches_by_meaning_go_on_while_the_model_is_changed(filled: dict[str, str]) -> None:
    settings = _with(filled, NEW)
    with Client(settings=settings, name="asks") as client:
        status = status_until(client, complete)
        seen, asked = set(), 0
        while not _switched(status) or asked < 10:
            number = (asked * 37) % MEMORIES
            found = client.search(_text(number), mode=Mode.SEMANTIC, limit=3)
            assert (str(found.mode), found.hits[0].memory.content) == ("semantic", _text(number))
            assert found.hits[0].similarity == pytest.approx(1, abs=1e-4)
            assert set(found.degraded) <= {"hash_embedder"}
            asked += 1
            status = client.status()
            seen.add(status.model)
        assert seen == {OLD, NEW}
        stored = client.store("the newest of all says something else")
        assert stored.indexed
    stop_cluster(settings)
    assert _models(settings) == [(NEW, MEMORIES + 1)]
