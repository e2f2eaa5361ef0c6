from __future__ import annotations

from tests.unit.workers.desk import job
from workers.storage.postgres import ahead
from workers.storage.postgres.ahead import Ahead
from workers.storage.records.state import digest

NOTHING = Ahead([], [], [])


def test_keys_and_contents_of_stores_are_looked_for_once_each() -> None:
    jobs = [
        job("memory.store", {"content": "a"}, key="k1"),
        job("memory.store_similar", {"content": " a ", "namespace": "default"}, key="k1"),
        job("memory.store_batch", {"memories": [{"content": "b", "namespace": "team"}, {"content": "a"}]}, key="k2"),
        job("memory.delete", {"id": "x"}, key="k3"),
    ]
    assert ahead.of(jobs) == Ahead(
        ["k1", "k2", "k3"],
        [("default", digest("a")), ("team", digest("b"))],
        [("test", "default"), ("test", "team")],
    )


def test_what_is_wrong_with_a_body_is_not_its_business() -> None:
    bodies = (b"", b"{", b"[]", b"1", b'{"content": 1}', b'{"content": "a", "namespace": 2}', b'{"content": "\\u0000"}')
    assert ahead.of([job("memory.store", body) for body in bodies]) == NOTHING
    assert (
        ahead.of([job("memory.store_batch", body) for body in (b"{}", b'{"memories": 1}', b'{"memories": [1]}')])
        == NOTHING
    )
    assert ahead.of([job("memory.delete", {}, key="\0")]) == NOTHING
