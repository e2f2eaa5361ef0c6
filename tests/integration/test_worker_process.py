"""One real worker process, with the test as its router."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
import zmq

from memmux.config.settings import Settings
from memmux.wire import protocol, sockets
from memmux.wire.embeddings import Embedding
from memmux.wire.protocol import Header, Kind, Message
from tests.bounds import BOUND_S
from tests.integration.helpers import gone


class Backend:
    """The router's end of the worker's socket."""

    def __init__(self, folder: Path) -> None:
        self.address = f"ipc://{folder}/workers"
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = sockets.router(self._context, self.address)
        self._socket.rcvtimeo = round(BOUND_S * 1000)

    def next(self, *kinds: Kind) -> Message:
        """The next message of one of these kinds; heartbeats in between are passed over."""
        while True:
            self.identity, *frames = self._socket.recv_multipart()
            message = protocol.decode(frames)
            if message.header.kind in kinds:
                return message

    def send(self, header: Header, *frames: bytes) -> None:
        self._socket.send_multipart([self.identity, *protocol.encode(header, *frames)])

    def close(self) -> None:
        self._socket.close(linger=0)
        self._context.term()


@pytest.fixture
def backend(short_tmp: Path) -> Iterator[Backend]:
    backend = Backend(short_tmp)
    yield backend
    backend.close()


@pytest.fixture
def embedder(backend: Backend, settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-P", "-m", "workers", "embed", "--identity=embed-0-test"]
    process = subprocess.Popen([*command, f"--router={backend.address}", *settings.flags()], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.wait()
    if process.stdin is not None:
        process.stdin.close()


def _search(request_id: str, deadline_ms: int = round(BOUND_S * 1000)) -> Header:
    operation = "memory.search"
    return Header(
        kind=Kind.REQUEST, id=request_id, operation=operation, stage="embed", deadline_ms=deadline_ms, attempt=1
    )


def test_cancel_of_what_is_answered_does_not_hit_the_next_request_of_that_id(
    backend: Backend, embedder: subprocess.Popen[bytes]
) -> None:
    backend.next(Kind.READY)
    backend.send(_search("one"), b'{"query":"where are my keys"}')
    assert backend.next(Kind.RESULT, Kind.ERROR).header.kind is Kind.RESULT
    embedder.send_signal(signal.SIGSTOP)  # so that it takes the two together
    backend.send(Header(kind=Kind.CANCEL, id="one", attempt=1))
    backend.send(_search("one"), b'{"query":"where are my keys"}')
    embedder.send_signal(signal.SIGCONT)
    assert backend.next(Kind.RESULT, Kind.ERROR).header.kind is Kind.RESULT


@pytest.mark.usefixtures("embedder")
def test_worker_says_ready_and_answers_with_the_attempt_it_was_given(backend: Backend) -> None:
    ready = backend.next(Kind.READY)
    assert ready.header.detail["credit"] == 16
    assert ready.header.detail["model"] == "hash"
    backend.send(_search("one"), b'{"query":"where are my keys"}')
    answer = backend.next(Kind.RESULT)
    assert (answer.header.id, answer.header.attempt, answer.header.degraded) == ("one", 1, ("hash_embedder",))
    assert Embedding.from_frames(answer.frames).windows == (((0, 17),),)


@pytest.mark.usefixtures("embedder")
def test_worker_answers_bad_body_with_an_error_and_goes_on(backend: Backend) -> None:
    backend.next(Kind.READY)
    for number, body in enumerate([b"", b"[]", b"\xff", b'{"query":1}', b'{"query":"x","no":1}']):
        backend.send(_search(f"bad-{number}"), body)
        assert backend.next(Kind.ERROR, Kind.RESULT).header.kind is Kind.ERROR
    backend.send(_search("good"), b'{"query":"x"}')
    assert backend.next(Kind.ERROR, Kind.RESULT).header.id == "good"


@pytest.mark.usefixtures("embedder")
def test_expired_and_cancelled_requests_are_answered_without_work(backend: Backend) -> None:
    backend.next(Kind.READY)
    backend.send(_search("late", deadline_ms=0), b'{"query":"x"}')
    assert backend.next(Kind.ERROR).header.detail["code"] == "deadline_exceeded"


@pytest.mark.usefixtures("embedder")
def test_silence_is_broken_by_heartbeats_with_facts(backend: Backend) -> None:
    backend.next(Kind.READY)
    assert backend.next(Kind.HEARTBEAT).header.detail["model"] == "hash"


def test_worker_stops_when_told(backend: Backend, embedder: subprocess.Popen[bytes]) -> None:
    backend.next(Kind.READY)
    backend.send(Header(kind=Kind.STOP))
    assert embedder.wait(BOUND_S) == 0


def test_worker_dies_with_its_router(backend: Backend, embedder: subprocess.Popen[bytes]) -> None:
    backend.next(Kind.READY)
    assert embedder.stdin is not None
    embedder.stdin.close()
    gone([embedder.pid])


def test_worker_ignores_an_interrupt_meant_for_the_router(backend: Backend, embedder: subprocess.Popen[bytes]) -> None:
    backend.next(Kind.READY)
    os.kill(embedder.pid, signal.SIGINT)
    backend.send(_search("after"), b'{"query":"x"}')
    assert backend.next(Kind.RESULT).header.id == "after"


def test_worker_that_can_not_start_says_why(backend: Backend, settings: Settings) -> None:
    settings.database.parent.mkdir()
    settings.database.write_text("not a database, " * 100)
    command = [sys.executable, "-P", "-m", "workers", "write", "--identity=write-0-test"]
    flags = [f"--router={backend.address}", *settings.flags()]
    with subprocess.Popen([*command, *flags], stdin=subprocess.PIPE) as process:
        assert backend.next(Kind.FAILED).header.detail["code"] == "database_foreign"
        assert process.wait(BOUND_S) == 1


def test_log_of_a_worker_has_the_request_id(
    backend: Backend, embedder: subprocess.Popen[bytes], settings: Settings
) -> None:
    backend.next(Kind.READY)
    backend.send(_search("traced"), b'{"query":"x"}')
    backend.next(Kind.RESULT)
    backend.send(Header(kind=Kind.STOP))
    embedder.wait(BOUND_S)
    (path,) = (settings.state_dir / "logs").glob("*/embed-0.jsonl")
    lines = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    (finished,) = (line for line in lines if line["event"] == "stage_finished")
    assert (finished["request_id"], finished["stage"], finished["outcome"]) == ("traced", "embed", "ok")
    assert finished["kind"] == "embed"
