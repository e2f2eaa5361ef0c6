"""The relay's loop, with pipes for a host and a socket for a gateway."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator

import pytest

from memmux.relay import frames
from memmux.relay import relay as relays
from memmux.relay.frames import Frame, FrameReader
from memmux.relay.host import Host
from memmux.relay.line_log import BYTES
from memmux.relay.relay import LeaveError, Relay, Way
from tests.bounds import BOUND_S


class Offered(Way):
    """Gateways that are socket pairs; `ends` has the other end of each."""

    def __init__(self, count: int) -> None:
        pairs = [socket.socketpair() for _ in range(count)]
        self._waiting = [ours for ours, _ in pairs]
        self.begins = list(self._waiting)
        self.ends = [theirs for _, theirs in pairs]
        self.lost_count = 0
        for end in self.ends:
            end.settimeout(BOUND_S)

    def step(self, now: float, *, search: bool) -> socket.socket:
        del now, search
        if not self._waiting:
            raise LeaveError(3, b"no more")
        return self._waiting.pop(0)

    def hello(self, log: object) -> bytes:
        del log
        return b"hello"

    def lost(self, now: float, log: object) -> None:
        del now, log
        self.lost_count += 1
        self.stopgap = False

    def better(self, now: float, log: object) -> bool:
        del now, log
        return True


class Running:
    """A relay in a thread, its host's ends of the pipes, and what its gateways hear."""

    def __init__(self, gateways: int = 1) -> None:
        self.reads, self.says = os.pipe()
        self.hears, self.writes = os.pipe()
        self.way = Offered(gateways)
        self.code: int | None = None
        relay = Relay(Host(self.reads, self.writes), self.way)
        self._thread = threading.Thread(target=lambda: setattr(self, "code", relay.run()))
        self._thread.start()
        self._readers = [FrameReader() for _ in range(gateways)]

    def say(self, text: bytes) -> None:
        os.write(self.says, text)

    def heard(self, gateway: int, count: int) -> list[tuple[bytes, int, bytes]]:
        """So many frames that a gateway gets."""
        found: list[tuple[bytes, int, bytes]] = []
        while len(found) < count:
            data = self.way.ends[gateway].recv(1 << 16)
            assert data
            found += [(one.kind, one.number, one.payload) for one in self._readers[gateway].feed(data)]
        return found

    def answer(self, gateway: int, *answers: Frame) -> None:
        self.way.ends[gateway].sendall(b"".join(frame.pack() for frame in answers))

    def ended(self) -> int | None:
        self._thread.join(BOUND_S)
        assert not self._thread.is_alive()
        return self.code

    def close_input(self) -> None:
        os.close(self.says)
        self.says = -1

    def close(self) -> None:
        for descriptor in (self.says, self.hears, self.reads, self.writes):
            if descriptor >= 0:
                os.close(descriptor)
        for end in (*self.way.ends, *self.way.begins):
            end.close()
        self._thread.join(BOUND_S)


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setattr(relays, "LAST_S", BOUND_S)
    running = Running(2)
    yield running
    running.close()


def test_the_end_of_a_gateway_is_not_looked_at_while_the_host_reads_nothing() -> None:
    pipes = [*os.pipe(), *os.pipe()]
    way = Offered(0)
    way.busy = True  # so that no look takes long
    relay = Relay(Host(pipes[0], pipes[3]), way)
    ours, theirs = socket.socketpair()
    relay._gateway = ours
    try:
        relay._log.connected(b"")
        relay._log.sent(len(relay._log.to_gateway))
        relay._log.to_host += bytes(BYTES)
        theirs.close()
        assert ours.fileno() not in relay._events()
        relay._log.written(BYTES)
        assert ours.fileno() in relay._events()
    finally:
        ours.close()
        for descriptor in pipes:
            os.close(descriptor)


def test_lines_go_to_the_gateway_and_answers_come_back(running: Running) -> None:
    running.say(b"one\ntwo\n")
    assert running.heard(0, 3) == [
        (frames.HELLO, 0, b"hello"),
        (frames.LINE, 1, b"one"),
        (frames.LINE, 2, b"two"),
    ]
    running.answer(0, Frame(frames.ANSWER, 2, b"to two"), Frame(frames.ANSWER, 1, b"to one"))
    assert os.read(running.hears, 100) == b"to two\nto one\n"
    running.close_input()
    assert running.heard(0, 1) == [(frames.END, 0, b"input ended")]
    assert running.ended() == 0


def test_what_is_not_answered_goes_to_the_next_gateway(running: Running) -> None:
    running.say(b"one\n")
    running.heard(0, 2)
    running.way.ends[0].close()
    assert running.heard(1, 2) == [(frames.HELLO, 1, b"hello"), (frames.LINE, 1, b"one")]
    running.answer(1, Frame(frames.ANSWER, 1, b"done"))
    assert os.read(running.hears, 100) == b"done\n"
    running.close_input()
    assert running.ended() == 0


def test_a_gateway_that_is_a_stopgap_is_left_once_nothing_is_on_its_way(running: Running) -> None:
    running.say(b"one\n")
    assert running.heard(0, 2)[1] == (frames.LINE, 1, b"one")
    running.way.stopgap = True
    running.say(b"two\n")
    assert running.heard(0, 1) == [(frames.LINE, 2, b"two")]
    running.answer(0, Frame(frames.ANSWER, 1, b"first"))
    assert os.read(running.hears, 100) == b"first\n"
    assert running.way.lost_count == 0
    running.answer(0, Frame(frames.ANSWER, 2, b"second"))
    assert os.read(running.hears, 100) == b"second\n"
    assert running.heard(1, 1) == [(frames.HELLO, 2, b"hello")]
    assert running.way.lost_count == 1
    running.close_input()
    assert running.ended() == 0


def test_a_gateway_that_wants_to_be_left_is_left(running: Running) -> None:
    running.say(b"one\n")
    running.heard(0, 2)
    running.answer(0, Frame(frames.GO))
    assert running.heard(1, 2)[1] == (frames.LINE, 1, b"one")
    assert running.way.lost_count == 1
    running.answer(1, Frame(frames.SETTLED, 1))
    running.close_input()
    assert running.ended() == 0


def test_a_relay_exits_as_its_gateway_says(running: Running) -> None:
    running.say(b"one\n")
    running.heard(0, 2)
    running.answer(0, Frame(frames.EXIT, 1))
    assert running.ended() == 1


def test_a_relay_whose_host_reads_no_more_tells_the_gateway_and_leaves(running: Running) -> None:
    running.heard(0, 1)
    os.close(running.hears)
    running.hears = -1
    assert running.heard(0, 1) == [(frames.END, 0, b"output closed")]
    assert running.ended() == 0


def test_a_relay_whose_host_closes_its_output_says_that_lines_have_no_answer(
    running: Running, capfd: pytest.CaptureFixture[str]
) -> None:
    running.say(b"one\n")
    running.heard(0, 2)
    os.close(running.hears)
    running.hears = -1
    assert running.heard(0, 1) == [(frames.END, 0, b"output closed")]
    running.answer(0, Frame(frames.ANSWER, 1, b"unheard"))
    assert running.ended() == 1
    assert capfd.readouterr().err == "memmux mcp: standard output was closed before every line was answered\n"


def test_a_relay_says_nothing_of_a_line_that_wanted_no_answer(
    running: Running, capfd: pytest.CaptureFixture[str]
) -> None:
    running.say(b"a notification\n")
    running.heard(0, 2)
    os.close(running.hears)
    running.hears = -1
    assert running.heard(0, 1) == [(frames.END, 0, b"output closed")]
    running.answer(0, Frame(frames.SETTLED, 1))
    assert running.ended() == 0
    assert not capfd.readouterr().err


def test_a_relay_that_nobody_hears_stays_until_what_it_read_is_done_also_by_the_next_gateway(running: Running) -> None:
    running.say(b"one\ntwo\n")
    os.close(running.hears)
    running.hears = -1
    assert running.heard(0, 4)[3] == (frames.END, 0, b"output closed")
    running.answer(0, Frame(frames.ANSWER, 1, b"unheard"))
    running.way.ends[0].shutdown(socket.SHUT_RDWR)
    said = running.heard(1, 3)
    assert [(kind, payload) for kind, _, payload in said[1:]] == [(frames.LINE, b"two"), (frames.END, b"output closed")]
    assert running.code is None
    running.answer(1, Frame(frames.SETTLED, 2))
    assert running.ended() == 1


def test_a_relay_that_nobody_hears_waits_only_so_long(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relays, "LAST_S", 0.0)
    running.say(b"one\n")
    running.heard(0, 2)
    os.close(running.hears)
    running.hears = -1
    assert running.ended() == 1


def test_a_relay_whose_host_is_gone_waits_less_long(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relays, "ORPHAN_S", 0.0)
    monkeypatch.setattr(relays, "LAST_S", 2 * BOUND_S)  # as for a host that is there and has closed its output
    running.say(b"one\n")
    running.heard(0, 2)
    monkeypatch.setattr(Host, "ended", True)
    running.say(b"two\n")  # it looks, as a pipe would tell it
    assert running.ended() == 0


def test_a_relay_leaves_with_a_full_output_once_nothing_more_can_come_in(
    running: Running, capfd: pytest.CaptureFixture[str]
) -> None:
    running.say(b"one\n")
    running.heard(0, 2)
    running.answer(0, Frame(frames.ANSWER, 1, b"x" * (1 << 20)))
    running.close_input()
    assert running.ended() == 1
    assert "standard output was not read" in capfd.readouterr().err


def test_a_large_answer_arrives_whole_through_a_small_pipe(running: Running) -> None:
    running.say(b"one\n")
    running.heard(0, 2)
    running.answer(0, Frame(frames.ANSWER, 1, b"x" * (3 << 20)))
    received = b""
    while not received.endswith(b"\n"):
        received += os.read(running.hears, 1 << 16)
    assert len(received) == (3 << 20) + 1
    running.close_input()
    assert running.ended() == 0


def test_without_any_gateway_a_relay_leaves_with_the_words_and_the_code() -> None:
    running = Running(0)
    running.say(b"one\n")
    assert running.ended() == 3
    running.close()


def test_a_relay_that_leaves_a_line_without_an_answer_says_so(
    running: Running, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(relays, "LEAVE_S", 0.0)
    running.say(b"one\n")
    running.heard(0, 2)
    running.close_input()
    assert running.ended() == 1
    assert "not every line was answered" in capfd.readouterr().err
