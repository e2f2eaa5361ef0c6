from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator

import pytest

from memmux.errors import MalformedMessageError
from memmux.wire import forks
from memmux.wire.forks import Answer, Order

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers are spawned")

Pair = tuple[socket.socket, socket.socket]
ORDER = Order("read-0-1f3a", ("read", "--identity=read-0-1f3a", "--held"))


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, its = forks.pair()
    with ours, its:
        ours.settimeout(0)
        yield ours, its


def test_order_comes_with_the_standard_input_of_the_worker(pair: Pair) -> None:
    ours, its = pair
    read, written = os.pipe()
    ORDER.send(ours, read)
    os.close(read)
    received = Order.receive(its)
    assert received is not None
    order, descriptor = received
    assert order == ORDER
    os.write(written, b"x")
    assert os.read(descriptor, 1) == b"x"
    os.close(descriptor)
    os.close(written)


def test_order_without_a_descriptor_says_so(pair: Pair) -> None:
    ours, its = pair
    ours.send(b'{"identity":"a","arguments":["read"]}')
    assert Order.receive(its) == (Order("a", ("read",)), -1)


def test_answers_come_one_by_one(pair: Pair) -> None:
    ours, its = pair
    said = [Answer(), Answer("read-0-1", 17), Answer("read-1-2", error="no memory")]
    for answer in said:
        answer.send(its)
    assert [Answer.receive(ours) for _ in said] == said
    with pytest.raises(BlockingIOError):
        Answer.receive(ours)


def test_end_of_either_side_is_no_message(pair: Pair) -> None:
    ours, its = pair
    its.close()
    assert Answer.receive(ours) is None
    ours, its = forks.pair()
    ours.close()
    with its:
        assert Order.receive(its) is None


def test_order_that_would_have_to_wait_is_refused(pair: Pair) -> None:
    ours, _ = pair
    read, written = os.pipe()

    def fill() -> None:
        for _ in range(100_000):
            ORDER.send(ours, read)

    with pytest.raises(BlockingIOError):
        fill()
    os.close(read)
    os.close(written)


@pytest.mark.parametrize(
    "data",
    [
        b"x",
        b"[]",
        b"{}",
        b'{"identity":1,"pid":1,"error":""}',
        b'{"identity":"","pid":-1,"error":""}',
        b'{"identity":"","pid":"1","error":""}',
        b'{"identity":"","pid":1,"error":null}',
    ],
)
def test_answer_that_is_none_is_malformed(pair: Pair, data: bytes) -> None:
    ours, its = pair
    its.send(data)
    with pytest.raises(MalformedMessageError):
        Answer.receive(ours)


@pytest.mark.parametrize(
    "data", [b"x", b'{"identity":"a"}', b'{"identity":"a","arguments":"read"}', b'{"identity":"a","arguments":[1]}']
)
def test_order_that_is_none_is_malformed(pair: Pair, data: bytes) -> None:
    ours, its = pair
    ours.send(data)
    with pytest.raises(MalformedMessageError):
        Order.receive(its)
