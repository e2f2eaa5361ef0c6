"""What the fuzzer sends."""

from __future__ import annotations

from contextlib import suppress

import orjson
import pytest

from bench.faults.fuzz_frames import Fuzzer
from memmux.errors import ProtocolError, RequestError
from memmux.wire import protocol
from memmux.wire.protocol import Header, Kind


@pytest.mark.slow
def test_decoding_what_it_sends_raises_nothing_but_what_it_may_and_every_kind_is_among_it_but_no_stop() -> None:
    fuzzer = Fuzzer(1)
    understood: list[Header] = []
    for _ in range(20_000):
        with suppress(ProtocolError, RequestError):
            understood.append(protocol.decode(fuzzer.message()).header)
    assert 2_000 < len(understood) < 12_000
    assert {header.kind for header in understood} == set(Kind)
    assert "cluster.stop" not in {header.operation for header in understood}


def test_some_messages_are_sent_again_and_some_ids_too() -> None:
    fuzzer = Fuzzer(3)
    messages = [tuple(fuzzer.message()) for _ in range(5_000)]
    assert len(set(messages)) < len(messages)
    ids = []
    for message in messages:
        with suppress(orjson.JSONDecodeError, AttributeError):
            ids.append(str(orjson.loads(message[0]).get("id")))
    assert len(set(ids)) < 0.8 * len(ids)


def test_same_seed_sends_the_same() -> None:
    one, other, another = Fuzzer(5), Fuzzer(5), Fuzzer(6)
    messages = [one.message() for _ in range(1_000)]
    assert messages == [other.message() for _ in range(1_000)]
    assert messages != [another.message() for _ in range(1_000)]


def test_garbage_is_bytes_of_many_lengths() -> None:
    fuzzer = Fuzzer(4)
    assert len({len(fuzzer.garbage()) for _ in range(500)}) > 50
