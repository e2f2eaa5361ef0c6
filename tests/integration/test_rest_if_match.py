"""Writes over REST that depend on the state which was read: If-Match, before a real cluster."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from mcp_dealer.http.rest import routes
from memmux import Client
from memmux.config.loader import load
from tests.http_app import Answered, Served, serve
from tests.integration.helpers import complete, status_until

WRITERS = 10
ROUNDS = 6  # of each writer


@pytest.fixture(scope="module")
def server(shared_env: dict[str, str]) -> Iterator[Served]:
    """REST before the cluster of this module."""
    settings = load(environment=shared_env)
    with Client(settings=settings, name="first") as client:
        status_until(client, complete)  # from then on a memory has its vector at once, by no change of its own
    with serve(settings, routes) as served:
        yield served


def _stored(server: Served, content: str) -> str:
    return f"/api/memories/{server.post('/api/memories', {'content': content}).json['id']}"


def test_nothing_that_was_acknowledged_is_lost_and_nothing_refused_is_kept(server: Served) -> None:
    path = _stored(server, "counted 0")

    def count(_: int) -> list[Answered]:
        answers = []
        for _ in range(ROUNDS):
            read = server.get(path)
            then = int(read.json["content"].split()[1]) + 1
            answer = server.ask("PUT", path, {"content": f"counted {then}"}, {"If-Match": read.headers["etag"]})
            answers.append(answer)
            if answer.status == 200:
                assert answer.json["memory"]["content"] == f"counted {then}"
        return answers

    with ThreadPoolExecutor(WRITERS) as pool:
        answers = [answer for each in pool.map(count, range(WRITERS)) for answer in each]
    assert {answer.status for answer in answers} <= {200, 412}
    done = [answer for answer in answers if answer.status == 200]
    assert server.get(path).json["content"] == f"counted {len(done)}"
    changes = server.get(f"{path}/history").json["changes"]
    assert len(changes) == len(done) + 1  # a refused one leaves nothing
    tags = {answer.json["seq"]: answer.headers["etag"] for answer in done}
    assert len(set(tags.values())) == len(done)
    assert server.get(path).headers["etag"] == tags[max(tags)]


def test_of_writers_with_one_etag_one_is_acknowledged(server: Served) -> None:
    path = _stored(server, "to be taken by one")
    read = server.get(path).headers["etag"]

    def put(number: int) -> Answered:
        return server.ask("PUT", path, {"tags": [f"writer-{number}"]}, {"If-Match": read})

    with ThreadPoolExecutor(WRITERS) as pool:
        answers = list(pool.map(put, range(WRITERS)))
    (winner,) = [answer for answer in answers if answer.status == 200]
    assert {answer.json["code"] for answer in answers if answer is not winner} == {"precondition_failed"}
    now = server.get(path)
    assert now.json == winner.json["memory"]
    assert now.headers["etag"] == winner.headers["etag"]


def test_what_a_change_answers_is_what_it_wrote_whatever_came_after(server: Served) -> None:
    path = _stored(server, "written twice")
    once = {"Idempotency-Key": "written-first", "If-Match": server.get(path).headers["etag"]}
    first = server.ask("PUT", path, {"tags": ["first"]}, once)
    server.ask("PUT", path, {"tags": ["second"]})
    again = server.ask("PUT", path, {"tags": ["first"]}, once)
    assert (again.status, again.json, again.headers["etag"]) == (200, first.json, first.headers["etag"])
    assert again.json["memory"]["tags"] == ["first"]
    assert server.get(path).json["tags"] == ["second"]


def test_a_memory_is_deleted_only_in_the_state_that_was_read(server: Served) -> None:
    path = _stored(server, "deleted as read")
    before = server.get(path).headers["etag"]
    server.ask("PUT", path, {"tags": ["changed"]})
    refused = server.ask("DELETE", path, headers={"If-Match": before})
    assert (refused.status, refused.json["code"]) == (412, "precondition_failed")
    assert server.get(path).json["tags"] == ["changed"]
    given = {"If-Match": server.get(path).headers["etag"], "Idempotency-Key": "deleted-as-read"}
    gone = server.ask("DELETE", path, headers=given)
    assert (gone.status, server.get(path).status) == (200, 404)
    assert server.ask("DELETE", path, headers=given).json == gone.json


def test_if_match_may_name_several_states_or_any(server: Served) -> None:
    path = _stored(server, "of several states")
    stale = '"0123"'
    for number, given in enumerate((f"{stale}, {server.get(path).headers['etag']}", "*")):
        answer = server.ask("PUT", path, {"tags": [f"by-{number}"]}, {"If-Match": given})
        assert answer.status == 200, answer.json
    for given in (stale, f'{stale}, "4567"', "unquoted", ""):
        for method, body in (("PUT", {"tags": ["never"]}), ("PUT", {}), ("DELETE", None)):
            answer = server.ask(method, path, body, {"If-Match": given})
            assert answer.status == 412, (method, given, answer.json)
    assert server.get(path).json["tags"] == ["by-1"]


def test_a_newer_version_is_another_state_of_the_former_one(server: Served) -> None:
    path = _stored(server, "the first version")
    read = server.get(path).headers["etag"]
    change = {"content": "the second version", "versioned": True}
    assert server.ask("PUT", path, change, {"If-Match": read}).status == 200
    late = server.ask("PUT", path, {"content": "the second version, too", "versioned": True}, {"If-Match": read})
    assert (late.status, late.json["code"]) == (412, "precondition_failed")
