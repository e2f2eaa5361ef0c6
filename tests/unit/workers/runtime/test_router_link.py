"""The router link of a worker, with the test as its router: what can't be sent, and what can't be read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson
import pytest
import zmq

from memmux import limits
from memmux.errors import MessageTooLargeError, UnknownFieldError
from memmux.wire import protocol, sockets
from memmux.wire.operations import Stage
from memmux.wire.protocol import Header, Kind, Message
from tests.bounds import BOUND_S
from workers.runtime import serve
from workers.runtime.job_log import JobLog
from workers.runtime.jobs import Alive, Answer, Job, Outcome, silent
from workers.runtime.router_link import RouterLink

BYTES = limits.HEADER_BYTES + 2000  # that a message may have here


class Idler:
    """A worker that has nothing to do."""

    stage = Stage.READ
    credit = 1
    retiring = False

    def open(self, alive: Alive = silent) -> None: ...

    def handle(self, jobs: Sequence[Job], alive: Alive) -> Iterator[Outcome]: ...

    def facts(self) -> dict[str, object]:
        return {"seq": 1}

    def idle(self, alive: Alive) -> None: ...

    def close(self) -> None: ...


class Peer:
    """The router's end. Both ends are open before a message of more bytes is one too large."""

    def __init__(self, folder: Path) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = sockets.router(self._context, f"ipc://{folder}/workers")
        self._socket.rcvtimeo = round(BOUND_S * 1000)
        self.link = RouterLink(f"ipc://{folder}/workers", "read-0", Idler(), 60.0)
        self.link.say(Kind.HEARTBEAT)
        assert self.next().header.kind is Kind.HEARTBEAT

    def next(self) -> Message:
        return protocol.decode(self._socket.recv_multipart()[1:])

    def send(self, *frames: bytes) -> None:
        self._socket.send_multipart([b"read-0", *frames])

    def close(self) -> None:
        self.link.close()
        self._socket.close(linger=0)
        self._context.term()


@pytest.fixture
def peer(short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Peer]:
    peer = Peer(short_tmp)
    monkeypatch.setattr(limits, "MESSAGE_BYTES", BYTES)
    yield peer
    peer.close()


def _answered(peer: Peer, outcome: Answer | UnknownFieldError) -> Message:
    job = Job("r1", "memory.get", (), key="", client="a", deadline=math.inf, attempt=2, degraded=())
    serve._answer_all(Idler(), peer.link, [(job, outcome)], JobLog(Stage.READ, 0))
    answer = peer.next()
    assert (answer.header.id, answer.header.attempt) == ("r1", 2)
    return answer


@pytest.mark.parametrize("frames", [(b"x" * 2001,), (b"x",) * limits.FRAMES])
def test_answer_that_no_message_can_hold_is_an_error(peer: Peer, frames: tuple[bytes, ...]) -> None:
    assert _answered(peer, Answer(frames)).header.detail["code"] == MessageTooLargeError.code
    assert _answered(peer, Answer((b"x",))).header.kind is Kind.RESULT


def test_answer_whose_header_is_too_large_is_an_error(peer: Peer) -> None:
    codes = ("some_code",) * limits.HEADER_BYTES
    assert _answered(peer, Answer((), codes)).header.detail["code"] == MessageTooLargeError.code


def test_error_with_a_message_of_any_length_arrives(peer: Peer) -> None:
    assert _answered(peer, UnknownFieldError("k" * 20_000)).header.detail["code"] == UnknownFieldError.code


@pytest.mark.parametrize("kind", ["request", "odd"])
def test_request_that_can_not_be_read_is_answered_and_no_other_one_suffers(peer: Peer, kind: str) -> None:
    peer.send(orjson.dumps({"v": 1, "kind": kind, "id": "bad", "attempt": 3}), b"x" * 2001)
    peer.send(*protocol.encode(Header(kind=Kind.REQUEST, id="good", attempt=1), b"{}"))
    came: list[Message] = []
    while not came:
        came = peer.link.receive(BOUND_S)
    assert [message.header.id for message in came] == ["good"]
    answer = peer.next().header
    assert (answer.kind, answer.id, answer.attempt) == (Kind.ERROR, "bad", 3)
    assert answer.detail["code"] == MessageTooLargeError.code


@pytest.mark.parametrize(
    "said", [b"", b"{", b"[]", b'{"v":1,"kind":"odd"}', b'{"v":1,"kind":"cancel","id":"r1","attempt":1,"key":5}']
)
def test_message_that_can_not_be_read_and_is_about_no_new_request_is_dropped(peer: Peer, said: bytes) -> None:
    peer.send(*protocol.encode(Header(kind=Kind.REQUEST, id="r1", attempt=1), b"{}"))
    peer.send(said)
    peer.send(*protocol.encode(Header(kind=Kind.STOP)))
    came: list[Message] = []
    while len(came) < 2:
        came += peer.link.receive(BOUND_S)
    assert [message.header.kind for message in came] == [Kind.REQUEST, Kind.STOP]
    peer.link.say(Kind.HEARTBEAT)
    assert peer.next().header.kind is Kind.HEARTBEAT
