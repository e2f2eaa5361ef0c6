"""What is between memmux and a server, such as a proxy, may keep what is said, and nobody waits for it for ever."""

from __future__ import annotations

import math
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread

import pytest

from memmux.errors import DatabaseUnreachableError
from memmux.postgres.server import PORT, Server
from tests.bounds import BOUND_S
from tests.unit.workers.desk import job
from workers.runtime.jobs import Answer, silent
from workers.storage.postgres import engine
from workers.storage.postgres.checking.check import check
from workers.storage.postgres.reader import PostgresReader
from workers.storage.postgres.writer import PostgresWriter

QUIET_S = 2.0  # of silence, after which these servers are asked whether they are there


class Proxy:
    """A proxy at a socket of its own, in front of a server's."""

    def __init__(self, folder: Path, server: Server) -> None:
        self._server = str(server.folder / f".s.PGSQL.{PORT}")
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(folder / f".s.PGSQL.{PORT}"))
        self._listening.listen()
        self._deaf: list[Event] = []
        self._ends: list[socket.socket] = []  # of the connections, on both sides
        self._delays, self._delayed = Event(), Event()  # what a server says next, and that it was passed on
        self._late: SimpleQueue[tuple[socket.socket, bytes]] = SimpleQueue()
        self.most = math.inf  # bytes of a server that are passed on, of each connection that is made from now on
        self._threads = [Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def keep(self) -> None:
        """Pass on no more of what the server says on the connections that are there."""
        for each in self._deaf:
            each.set()

    def delay(self) -> None:
        """Pass on what a server says next no sooner than another connection is made."""
        self._delays.set()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._threads[0].join(BOUND_S)  # from then on there are no more
        for one in self._ends:
            _end(one)
        for thread in self._threads:
            thread.join(BOUND_S)
            assert not thread.is_alive()
        for one in (self._listening, *self._ends):
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, server = self._listening.accept()[0], socket.socket(socket.AF_UNIX)
                if self._delays.is_set():
                    waits, late = self._late.get(timeout=BOUND_S)
                    waits.sendall(late)
                    self._delays.clear()
                    self._delayed.set()
                self._ends += [client, server]
                server.connect(self._server)
                self._deaf.append(Event())
                for passed in (
                    (client, server, Event(), Event(), math.inf),
                    (server, client, self._deaf[-1], self._delays, self.most),
                ):
                    self._threads.append(Thread(target=self._pass_on, args=passed, daemon=True))
                    self._threads[-1].start()

    def _pass_on(self, one: socket.socket, other: socket.socket, deaf: Event, delays: Event, most: float) -> None:
        with suppress(OSError):
            while said := one.recv(65536):
                most -= len(said)
                if delays.is_set():
                    self._late.put((other, said))
                    self._delayed.wait(BOUND_S)
                elif not deaf.is_set() and most > 0:
                    other.sendall(said)
        for end in (one, other):
            _end(end)


def _end(one: socket.socket) -> None:
    """Have nobody wait for a connection any more, on this side or the other."""
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def proxy(shared_postgres: Server, short_tmp: Path) -> Iterator[Proxy]:
    with closing(Proxy(short_tmp, shared_postgres)) as proxy:
        yield proxy


@pytest.fixture
def url(own_url: str, short_tmp: Path) -> str:
    """The URL of a database of the test's own, through the proxy."""
    return f"postgresql://memmux@{str(short_tmp).replace('/', '%2F')}:{PORT}/{own_url.rpartition('/')[2]}"


def stored(writer: PostgresWriter, content: str) -> object:
    ((_, outcome),) = writer.apply([job("memory.store", {"content": content}, key=content)], silent)
    return outcome


def test_a_writer_and_a_reader_leave_a_connection_on_which_nothing_comes(
    proxy: Proxy, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(PostgresWriter(url, tmp_path)) as writer, closing(PostgresReader(url, tmp_path)) as reader:
        assert isinstance(stored(writer, "one"), Answer)
        monkeypatch.setattr(engine, "QUIET_S", QUIET_S)
        proxy.keep()
        reader.idle()
        assert reader.facts()["reconnects"] == 1
        refused = stored(writer, "two")
        assert isinstance(refused, Answer | DatabaseUnreachableError)  # its lock may be held by the one that was left
        with reader.snapshot(math.inf, silent):
            assert reader.seq >= 1


def test_an_answer_that_comes_while_the_server_is_asked_whether_it_is_there_is_taken(
    proxy: Proxy, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(PostgresWriter(url, tmp_path)) as writer, closing(PostgresReader(url, tmp_path)) as reader:
        assert isinstance(stored(writer, "one"), Answer)
        monkeypatch.setattr(engine, "QUIET_S", QUIET_S)
        proxy.delay()
        reader.idle()
        assert (reader.facts()["memories"], reader.facts()["reconnects"]) == (1, 0)


def test_a_check_does_not_wait_for_ever(
    proxy: Proxy, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    PostgresWriter(url, tmp_path).close()
    monkeypatch.setattr(engine, "QUIET_S", QUIET_S)
    proxy.most = 4000  # of which a connection takes one
    with pytest.raises(DatabaseUnreachableError):
        check(url, deep=False)
