"""The log of lines: every line is answered once or its host is gone, wherever gateways and hosts die."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from memmux.relay import line_log
from memmux.relay.frames import ANSWER, END, GO, HELLO, LINE, OUTPUT, PIN, REPLAYED, SETTLED, Frame, FrameReader
from memmux.relay.line_log import BYTES, LINES, LineLog
from tests.unit.examples import examples


def _sent(log: LineLog) -> list[tuple[bytes, int, bytes]]:
    found = [(frame.kind, frame.number, frame.payload) for frame in FrameReader().feed(bytes(log.to_gateway))]
    log.sent(len(log.to_gateway))
    return found


def test_lines_are_sent_once_there_is_a_gateway_and_again_to_the_next_one() -> None:
    log = LineLog()
    log.read(b"one\ntw", 5)
    log.connected(b"hello")
    log.read(b"o\n", 6)
    assert _sent(log) == [(HELLO, 0, b"hello"), (LINE, 1, b"one"), (LINE, 2, b"two")]
    log.receive(Frame(ANSWER, 1, b"answer").pack())
    log.connected(b"hello")
    assert _sent(log) == [(HELLO, 2, b"hello"), (LINE, 2, b"two")]
    assert bytes(log.to_host) == b"answer\n"


def test_a_pinned_line_goes_to_the_next_gateway_too_until_it_is_unpinned() -> None:
    log = LineLog()
    log.read(b"initialize\nsubscribe\n", 0)
    log.connected(b"")
    for number in (1, 2):
        log.receive(Frame(PIN, number).pack() + Frame(SETTLED, number).pack())
    log.connected(b"")
    assert _sent(log) == [(HELLO, 2, b""), (REPLAYED, 1, b"initialize"), (REPLAYED, 2, b"subscribe")]
    log.receive(Frame(PIN, 3, b"2").pack())
    log.connected(b"")
    assert _sent(log) == [(HELLO, 2, b""), (REPLAYED, 1, b"initialize")]
    assert log.settled


def test_a_gateway_is_needed_while_a_line_is_pinned_that_needs_one() -> None:
    log = LineLog()
    log.read(b"subscribe\n", 0)
    log.connected(b"")
    log.receive(Frame(PIN, 1, at=1).pack() + Frame(SETTLED, 1).pack())
    assert log.waits
    log.receive(Frame(PIN, 0, b"1").pack())
    assert not log.waits


def test_a_line_that_waits_all_the_time_keeps_no_host_from_resting() -> None:
    log = LineLog()
    log.read(b"tell me of changes\nanother\n", 0)
    log.connected(b"")
    log.sent(len(log.to_gateway))
    assert not log.rests
    log.receive(Frame(PIN, 1, at=1).pack())
    assert (log.oldest, log.rests) == (2, False)
    log.receive(Frame(SETTLED, 2).pack())
    assert (log.oldest, log.rests) == (0, True)
    assert log.waits


def test_half_a_frame_of_a_gateway_that_is_gone_is_as_if_unsaid() -> None:
    log = LineLog()
    log.read(b"one\n", 0)
    log.connected(b"")
    log.receive(Frame(ANSWER, 1, b"long answer").pack()[:-1])
    log.disconnected()
    assert not log.to_host
    log.connected(b"")
    log.receive(Frame(ANSWER, 1, b"another").pack())
    assert bytes(log.to_host) == b"another\n"


def test_a_line_is_answered_by_one_gateway_alone() -> None:
    log = LineLog()
    log.read(b"one\n", 0)
    log.connected(b"")
    log.receive(Frame(ANSWER, 1, b"first").pack() + Frame(ANSWER, 1, b"second").pack() + Frame(SETTLED, 1).pack())
    assert bytes(log.to_host) == b"first\n"


def test_the_end_follows_the_lines_and_is_said_again() -> None:
    log = LineLog()
    log.connected(b"")
    log.read(b"one\nlast", 0)
    log.end(b"why")
    assert _sent(log) == [(HELLO, 0, b""), (LINE, 1, b"one"), (LINE, 2, b"last"), (END, 0, b"why")]
    log.connected(b"")
    assert _sent(log) == [(HELLO, 2, b""), (LINE, 1, b"one"), (LINE, 2, b"last"), (END, 0, b"why")]


def test_a_gateway_that_wants_to_be_left_says_so_and_the_next_one_has_not() -> None:
    log = LineLog()
    log.connected(b"")
    assert not log.understood
    log.receive(Frame(GO, 0, b"seek").pack())
    assert (log.understood, log.go) == (True, b"seek")
    log.connected(b"")
    assert (log.understood, log.go) == (False, None)


@pytest.mark.parametrize("line", [b"x\n", b"y" * (BYTES // 8) + b"\n"])
def test_a_host_is_not_read_further_while_too_much_is_unanswered(line: bytes) -> None:
    log = LineLog()
    log.connected(b"")
    read = 0
    while log.takes_lines:
        log.read(line, 0)
        log.sent(len(log.to_gateway))
        read += 1
    assert read <= LINES
    log.receive(Frame(SETTLED, 1).pack())
    assert log.takes_lines


def test_a_gateway_is_not_read_further_while_the_host_reads_nothing() -> None:
    log = LineLog()
    log.connected(b"")
    while log.takes_answers:
        log.receive(Frame(OUTPUT, 0, b"z" * (1 << 20)).pack())
    assert len(log.to_host) <= BYTES + (1 << 20) + 1
    assert not log.takes_lines
    log.written(len(log.to_host))
    assert log.takes_answers


def test_a_line_that_is_too_long_is_refused_and_not_kept_and_the_next_one_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(line_log, "PAYLOAD_BYTES", 100)
    log = LineLog()
    log.connected(b"")
    log.read(b"x" * 100 + b"\n", 0)
    log.read(b'{"id": 7, "method": "', 0)
    for _ in range(1000):
        log.read(b"y" * 100, 0)
    assert len(log.to_gateway) < 1000
    log.read(b'"}\nnext\n' + b"z" * 101, 0)
    log.end()
    sent = [(kind, number, payload) for kind, number, payload in _sent(log) if kind == LINE]
    assert sent == [(LINE, 1, b"x" * 100), (LINE, 2, b"next")]
    answers = bytes(log.to_host).splitlines()
    assert [json.loads(answer)["id"] for answer in answers] == [7, None]


class Lines(RuleBasedStateMachine):
    """A host that writes numbered lines, gateways that answer and die at any byte, and pipes that take any portion."""

    def __init__(self) -> None:
        super().__init__()
        self.log = LineLog()
        self.written = 0
        self.heard = bytearray()
        self.gone = False
        self._meet()

    def _meet(self) -> None:
        """Have a gateway that knows nothing."""
        self.log.connected(b"hello")
        self.incoming = FrameReader()  # at the gateway
        self.outgoing = bytearray()  # of the gateway, not yet arrived
        self.todo: list[tuple[bytes, int, bytes]] = []

    @precondition(lambda self: not self.gone)
    @rule(count=st.integers(1, 3), pinned=st.booleans(), cut=st.booleans())
    def host_writes(self, count: int, pinned: bool, cut: bool) -> None:
        for _ in range(count):
            self.written += 1
            text = b"%s %d\n" % (b"pin" if pinned else b"ask", self.written)
            parts = (text[:2], text[2:]) if cut else (text,)
            for part in parts:
                self.log.read(part, 0)

    @rule(size=st.integers(1, 80))
    def relay_sends(self, size: int) -> None:
        part = bytes(self.log.to_gateway[:size])
        self.log.sent(len(part))
        self.todo += [(frame.kind, frame.number, frame.payload) for frame in self.incoming.feed(part)]

    @rule(pick=st.integers(0, 100))
    def gateway_works(self, pick: int) -> None:
        """Answer any line that has come, in any order."""
        if not self.todo:
            return
        kind, number, payload = self.todo.pop(pick % len(self.todo))
        if kind == LINE:
            if payload.startswith(b"pin"):
                self.outgoing += Frame(PIN, number).pack()
            self.outgoing += Frame(ANSWER, number, b"to " + payload).pack()

    @rule()
    def gateway_says_something_else(self) -> None:
        self.outgoing += Frame(OUTPUT, 0, b"by the way").pack()

    @rule(size=st.integers(1, 80))
    def relay_receives(self, size: int) -> None:
        part = bytes(self.outgoing[:size])
        del self.outgoing[:size]
        self.log.receive(part)

    @rule()
    def gateway_dies(self) -> None:
        self._meet()

    @precondition(lambda self: not self.gone)
    @rule(size=st.integers(1, 80))
    def host_reads(self, size: int) -> None:
        part = bytes(self.log.to_host[:size])
        self.log.written(len(part))
        self.heard += part

    @precondition(lambda self: self.written > 3)
    @rule()
    def host_leaves(self) -> None:
        self.gone = True
        self.log.end()

    @invariant()
    def nothing_is_answered_twice_and_only_whole_lines_are_on_their_way(self) -> None:
        said = bytes(self.heard + self.log.to_host)
        assert not said or said.endswith(b"\n")
        counted = Counter(line for line in said.split(b"\n") if line.startswith(b"to "))
        assert all(count == 1 for count in counted.values())

    def teardown(self) -> None:
        """A gateway that lives at last answers all that is left, and nothing else."""
        self._meet()
        while self.log.to_gateway:
            self.relay_sends(80)
        assert {kind for kind, *_ in self.todo} <= {HELLO, LINE, REPLAYED, END}
        while self.todo:
            self.gateway_works(0)
        self.log.receive(bytes(self.outgoing))
        said = bytes(self.heard + self.log.to_host).split(b"\n")
        numbers = sorted(int(line.split()[2]) for line in said if line.startswith(b"to "))
        assert numbers == list(range(1, self.written + 1))
        self.log.written(len(self.log.to_host))
        assert self.log.settled
        assert all(line.pinned for line in self.log.lines.values())


TestLines = Lines.TestCase
TestLines.settings = settings(max_examples=examples(200), stateful_step_count=40, deadline=None)
