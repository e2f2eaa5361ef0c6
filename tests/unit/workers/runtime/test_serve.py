"""The serving loop, between a worker and a router's socket."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import zmq

from memmux.wire import protocol, sockets
from memmux.wire.operations import Stage
from memmux.wire.protocol import Header, Kind
from tests.bounds import BOUND_S, pause
from workers.runtime import gathering
from workers.runtime.job_log import JobLog
from workers.runtime.jobs import Alive, Answer, Job, Outcome, silent
from workers.runtime.router_link import RouterLink
from workers.runtime.serve import _work


class Reader:
    """A worker that keeps what it is given at once."""

    stage = Stage.READ
    credit = 4
    retiring = False
    gathers = True

    def __init__(self) -> None:
        self.turns: list[list[str]] = []

    def open(self, alive: Alive = silent) -> None: ...

    def handle(self, jobs: Sequence[Job], alive: Alive) -> Iterator[Outcome]:
        alive()
        self.turns.append([job.id for job in jobs])
        for job in jobs:
            yield job, Answer((b"{}",))

    def facts(self) -> dict[str, object]:
        return {}

    def idle(self) -> None: ...

    def close(self) -> None: ...


def test_who_asks_again_is_waited_for_where_that_pays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "SHARE", 1e9)
    monkeypatch.setattr(gathering, "MOST_S", BOUND_S)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    router = sockets.router(context, f"ipc://{tmp_path}/backend")
    worker = Reader()
    link = RouterLink(f"ipc://{tmp_path}/backend", "read-0", worker, heartbeat_s=BOUND_S)

    def say(header: Header) -> None:
        assert sockets.send(router, b"read-0", protocol.encode(header, b"{}"))

    def ask(name: str) -> None:
        say(Header(kind=Kind.REQUEST, id=name, operation="memory.search", attempt=1))

    def heard() -> str:
        said = sockets.receive(router, BOUND_S)
        assert said is not None
        return protocol.decode(said[1:]).header.id

    link.ready(0)
    assert heard() == ""  # READY
    for name in ("r0", "r1"):
        ask(name)
    while link.there < len(("r0", "r1")):
        link.look()
        pause()
    serving = threading.Thread(target=_work, args=(worker, link, JobLog(Stage.READ, 0)))
    serving.start()
    assert [heard(), heard()] == ["r0", "r1"]
    ask("r2")
    while not link.there and len(worker.turns) == 1:
        pause()
    ask("r3")
    assert [heard(), heard()] == ["r2", "r3"]
    say(Header(kind=Kind.STOP))
    serving.join(BOUND_S)
    assert worker.turns == [["r0", "r1"], ["r2", "r3"]]
    router.close(linger=0)
    link.close()
    context.term()
