"""The probe: what is stored to be found again."""

from __future__ import annotations

from memmux.wire import ids
from memmux.wire.canary import NAMESPACE, CanaryMemory
from memmux.wire.requests import Get, Search, Store
from workers.storage.db.state import digest


def test_its_bodies_are_what_the_operations_take() -> None:
    canary_memory = CanaryMemory.of(ids.uuid7(), "a test")
    stored = Store.from_body(canary_memory.store_body())
    assert (stored.content, stored.namespace) == (canary_memory.content, NAMESPACE)
    search = Search.from_body(canary_memory.search_body())
    assert (search.query, search.filter.namespace) == (canary_memory.word, NAMESPACE)
    assert Get.from_body(canary_memory.named_body()).namespace == NAMESPACE


def test_it_is_known_by_the_hash_that_the_writer_makes() -> None:
    canary_memory = CanaryMemory.of("019a-77", "a test")
    assert Get.from_body(canary_memory.named_body()).id == digest(canary_memory.content)


def test_its_word_is_one_token_and_in_no_other_probe() -> None:
    one, other = (CanaryMemory.of(ids.uuid7(), "a test") for _ in range(2))
    assert one.word.isalnum()
    assert one.is_in(one.content.encode())
    assert not one.is_in(other.content.encode())
