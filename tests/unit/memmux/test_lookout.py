from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import zmq

from memmux.lookout import AWAKE_S, WANTED_S, Lookout, others

LONG_S = 30.0


@dataclass
class Ends:
    """Two sockets that are connected."""

    here: zmq.Socket[bytes]
    there: zmq.Socket[bytes]


@pytest.fixture
def ends() -> Iterator[Ends]:
    context = zmq.Context()
    here, there = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    here.bind("inproc://ends")
    there.connect("inproc://ends")
    yield Ends(here, there)
    context.destroy(linger=0)


STEP_S = AWAKE_S / 128


@dataclass
class Clock:
    """A clock that goes on only while others run, who send a message at that turn, and take their time."""

    sender: zmq.Socket[bytes]
    sends_at: int = 0
    turns: int = 0
    step_s: float = STEP_S

    def __call__(self) -> float:
        return self.turns * self.step_s

    def others(self) -> None:
        self.turns += 1
        if self.turns == self.sends_at:
            self.sender.send(b"now")


def test_message_that_is_there_is_not_waited_for(ends: Ends) -> None:
    ends.there.send(b"here")
    assert Lookout(ends.here).wait(LONG_S)


def test_wait_ends_with_its_time(ends: Ends) -> None:
    assert not Lookout(ends.here).wait(0.001)
    assert not Lookout(ends.here).wait(0)
    assert not Lookout(ends.here).wait(-1)


def test_message_ends_a_sleep(ends: Ends) -> None:
    sender = threading.Timer(0.01, ends.there.send, [b"later"])
    sender.start()
    assert Lookout(ends.here).wait(LONG_S)
    sender.join()


def test_descriptor_ends_a_sleep(ends: Ends) -> None:
    one, other = socket.socketpair()
    with one, other:
        lookout = Lookout(ends.here, one.fileno())
        other.send(b"!")
        assert lookout.wait(LONG_S)


def test_nobody_stays_awake_before_it_has_paid(ends: Ends) -> None:
    clock = Clock(ends.there)
    assert not Lookout(ends.here, clock=clock, give_way=clock.others).wait(AWAKE_S)
    assert clock.turns == 0


def test_short_waits_are_spent_awake_until_one_is_long(ends: Ends) -> None:
    clock = Clock(ends.there, sends_at=2)
    lookout = Lookout(ends.here, clock=clock, give_way=clock.others)
    ends.there.send(b"at once")
    assert lookout.wait(LONG_S)  # asleep, for no time at all: to stay awake would have paid
    ends.here.recv()
    assert lookout.wait(LONG_S)
    assert clock.turns == 2
    ends.here.recv()
    assert not lookout.wait(2 * AWAKE_S)
    assert clock.turns == 2 + 128
    assert not lookout.wait(2 * AWAKE_S)
    assert clock.turns == 2 + 128


def test_processor_is_left_to_whoever_wants_it(ends: Ends) -> None:
    clock = Clock(ends.there, step_s=2 * WANTED_S)
    assert not Lookout(ends.here, clock=clock, give_way=clock.others).stay_awake(AWAKE_S)
    assert clock.turns == 1


def test_threads_of_this_process_run_while_it_stays_awake(ends: Ends) -> None:
    sender = threading.Thread(target=ends.there.send, args=[b"from a thread"])
    sender.start()
    lookout = Lookout(ends.here, give_way=others)
    assert any(lookout.stay_awake(AWAKE_S) for _ in range(10_000))
    sender.join()


def test_staying_awake_ends_with_the_message_or_the_time(ends: Ends) -> None:
    clock = Clock(ends.there)
    lookout = Lookout(ends.here, clock=clock, give_way=clock.others)
    assert not lookout.stay_awake(AWAKE_S)
    assert clock.turns == 128
    ends.there.send(b"here")
    assert lookout.stay_awake(LONG_S)
    assert clock.turns == 128
