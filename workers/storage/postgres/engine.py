"""The engine: PostgreSQL through psycopg; how connections are opened, and how long one waits for what it asks."""

from __future__ import annotations

import math
import os
import select
import time
from collections.abc import Generator, Mapping
from contextlib import suppress
from enum import StrEnum
from typing import Any, TypeVar

import psycopg
from psycopg import conninfo
from psycopg.pq import PGconn, Ping
from psycopg.types.numeric import Int8BinaryDumper
from psycopg.types.string import StrBinaryDumper
from psycopg.waiting import Ready, Wait

from memmux.errors import (
    DatabaseUnreachableError,
    DeadlineExceededError,
    MemmuxError,
    SettingInvalidError,
    StorageError,
)
from workers.runtime.jobs import Alive, silent
from workers.storage.postgres import arrays, refusal
from workers.storage.postgres.errors import errors, mapped, refused, told

LOCK_S = 5  # how long a lock of another session is waited for, before whoever asked is told
BEAT_S = 0.1  # between two signs of life while a query runs
GIVE_UP_S = 2.0  # how long a query that is cancelled may take to end; then its connection is given up
QUIET_S = 5.0  # after so long without an answer the server is asked whether it is there
CONNECT_S = 5  # for a host, of several less: all of them together are to take less than a worker may be silent for
ALL_S = 8
GONE_S = 1  # after which the server looks whether anybody waits: to cancel a query that it has not read has no effect
REFUSAL_S = 2.0  # for the one more try that tells why a server refuses
_ONLY_READS = "session is read-only"
_STATEMENTS = 512  # prepared ones that a connection keeps

# What a connection asks for, unless the URL says otherwise. A server that is gone without a word is noticed in seconds.
_PARAMETERS: dict[str, str | int] = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "client_encoding": "UTF8",
}
# One after the other, as the answers' order rests on it; a cursor is read to its end; nothing is rounded.
_SETTINGS = {
    "max_parallel_workers_per_gather": "0",
    "cursor_tuple_fraction": "1",
    "extra_float_digits": "1",
    "jit": "off",
    "idle_in_transaction_session_timeout": "60s",  # who hangs must not keep a moment for ever
    # What a machine that is gone without a word had at the server is given up as soon as it is on this side.
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    # Each job has a deadline, which is kept here, whatever the server's default for the role or the database is.
    "statement_timeout": "0",
    "lock_timeout": f"{LOCK_S}s",  # another's lock is waited for as long, and then it is said that there is one
    "transaction_timeout": "0",  # of PostgreSQL 17 and later
    "idle_session_timeout": "0",
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
}

_EVENTS = {
    Wait.R: select.POLLIN,
    Wait.W: select.POLLOUT,
    Wait.RW: select.POLLIN | select.POLLOUT,
}
# Whether a session waits for its client; by the process alone it could be another one's.
_WAITS = "SELECT wait_event = 'ClientRead' FROM pg_stat_activity WHERE pid = %s AND backend_start::text = %s"
ResultT = TypeVar("ResultT")


class Role(StrEnum):
    """Which of the servers that a URL names is meant, as libpq calls it."""

    WRITE = "read-write"
    READ = "prefer-standby"


class Raw(psycopg.Connection[tuple[Any, ...]]):
    """A connection that says that it is alive while it waits, and gives up at `deadline`, in monotonic seconds.

    Whoever waits for a lock or for a replica waits as long as it takes, but not for a server that is frozen: its system
    keeps the connection as if all were well.
    """

    alive: Alive = staticmethod(silent)
    deadline = math.inf
    session: tuple[int, str] | None = None  # the process of the server's that it has, and since when
    looked_at = -math.inf  # when it said last that it is alive

    def wait(
        self,
        gen: Generator[Any, Any, ResultT],
        interval: float = BEAT_S,
        timeout: float | None = None,  # noqa: ARG002 - the driver's own; it gives none here
    ) -> ResultT:
        """Wait for what the driver does; a query that runs beyond the deadline, or for nobody, is cancelled."""
        socket, poll = self.pgconn.socket, select.poll()  # which raises if the connection is gone
        until = math.inf  # when a cancelled one is given up
        quiet = time.monotonic() + QUIET_S
        self._beat(gen)
        try:
            wanted = next(gen)
            while True:
                poll.register(socket, _EVENTS[wanted])
                left = min(interval, max(0.0, min(self.deadline, until) - time.monotonic()))
                if found := poll.poll(math.ceil(left * 1000)):
                    wanted = gen.send(_ready(found[0][1]))
                    quiet = time.monotonic() + QUIET_S
                    continue
                self._look(gen)
                now = time.monotonic()
                if now >= until or (now >= self.deadline and until == math.inf and not self._cancelled()):
                    self._leave(gen)
                    raise DeadlineExceededError
                if now >= self.deadline and until == math.inf:
                    until = now + GIVE_UP_S
                if now >= quiet:
                    # What it had said may have come while it was asked, or be on its way.
                    if not self._answers() and not poll.poll(math.ceil(BEAT_S * 1000)):
                        self._leave(gen)
                        raise psycopg.OperationalError("the server is connected, and does not answer")
                    quiet = time.monotonic() + QUIET_S
                wanted = gen.send(Ready.NONE)
        except StopIteration as end:
            result: ResultT = end.value
            return result
        except psycopg.errors.QueryCanceled as error:
            if until == math.inf:
                raise
            raise DeadlineExceededError from error

    def _answers(self) -> bool:
        """Ask the server whether it is there, on a connection beside; to refuse that one is an answer, too."""
        server = self.pgconn
        at = {"host": server.host, "hostaddr": server.hostaddr, "port": server.port}
        given = {name: value.decode() for name, value in at.items() if value}
        asked = conninfo.make_conninfo(**given, connect_timeout=CONNECT_S)
        return PGconn.ping(asked.encode()) != Ping.NO_RESPONSE and not self._has_answered(given)

    def _has_answered(self, given: Mapping[str, str]) -> bool:
        """Ask whether the server waits for this side, so that something between them keeps what it said.

        Where that can't be asked, or another server says it, it has not.
        """
        if self.session is None:
            return False
        asked: dict[str, Any] = {
            **self.info.get_parameters(),
            **given,
            "target_session_attrs": "any",
            "connect_timeout": 2,
        }
        try:
            with Raw.connect(autocommit=True, **asked) as beside:
                beside.deadline = time.monotonic() + GIVE_UP_S
                found = beside.execute(_WAITS, self.session).fetchone()
        except (psycopg.Error, MemmuxError):
            return False
        return found is not None and bool(found[0])

    def _beat(self, gen: Generator[Any, Any, Any]) -> None:
        """Look if it is time: no query of many takes long, but together they do."""
        if time.monotonic() - self.looked_at >= BEAT_S:
            self._look(gen)

    def _look(self, gen: Generator[Any, Any, Any]) -> None:
        """Say that it is alive; if nobody waits for it any more, cancel what runs, and raise what says so."""
        self.looked_at = time.monotonic()
        try:
            self.alive()
        except MemmuxError:
            self._cancelled()
            self._leave(gen)
            raise

    def _leave(self, gen: Generator[Any, Any, Any]) -> None:
        with suppress(psycopg.Error):
            gen.close()
        self.close()

    def _cancelled(self) -> bool:
        """Ask the server to cancel what runs; return whether it could be asked."""
        try:
            self.cancel_safe(timeout=GIVE_UP_S)
        except psycopg.Error:
            return False
        return True


def _ready(events: int) -> Ready:
    """Return what poll says as the driver wants it; whatever is wrong is found by reading."""
    if not events & select.POLLOUT:
        return Ready.R
    return Ready.RW if events & ~select.POLLOUT else Ready.W


def connect(url: str, role: Role) -> Raw:
    """Return a connection to the server of that role, of those that the URL names.

    Raises StorageError and its kinds.
    """
    with errors():
        try:
            given = conninfo.conninfo_to_dict(url)
        except psycopg.ProgrammingError as error:  # what libpq can't read
            raise told(SettingInvalidError, error) from error
        os.environ.pop("PGTARGETSESSIONATTRS", None)  # the driver asks libpq for any server where there is no replica
        asked: dict[str, Any] = {
            **_PARAMETERS,
            "connect_timeout": max(2, min(CONNECT_S, ALL_S // len(str(given.get("host") or "").split(",")))),
            "target_session_attrs": str(role),
            "application_name": "memmux",
            **given,
        }
        if role is Role.WRITE:
            asked["target_session_attrs"] = str(role)  # whatever the URL says of it, which is of reads
        began = time.monotonic()
        try:
            raw = Raw.connect(autocommit=True, prepare_threshold=2, **asked)
        except psycopg.OperationalError as error:
            if role is Role.WRITE and _ONLY_READS in str(error):  # what libpq says, and no server
                _refuse_readonly(asked)
            unknown = type(mapped(error)) is DatabaseUnreachableError and time.monotonic() < began + CONNECT_S
            if unknown and (said := refusal.state(asked, min(began + ALL_S, time.monotonic() + REFUSAL_S))):
                raise refused(error, said) from error
            raise
        try:
            _prepare(raw)
        except BaseException:
            raw.close()
            raise
    return raw


def _refuse_readonly(asked: Mapping[str, Any]) -> None:
    """Raise DatabaseUnreachableError that says so where there is a primary that has transactions only read."""
    with suppress(psycopg.Error):
        psycopg.connect(**{**asked, "target_session_attrs": "primary"}).close()
        raise DatabaseUnreachableError(
            "The primary is there, and has transactions only read (default_transaction_read_only); unset that for the "
            "role, the database or the server, and send the request again"
        )


def _prepare(raw: Raw) -> None:
    raw.prepared_max = _STATEMENTS
    raw.adapters.register_dumper(int, Int8BinaryDumper)  # one type for all, or each would be another statement
    raw.adapters.register_dumper(str, StrBinaryDumper)
    arrays.register(raw)
    settings = ", ".join(
        f"CASE WHEN current_setting('{name}', true) IS NOT NULL THEN set_config('{name}', '{value}', false) END"
        for name, value in _SETTINGS.items()
    )
    process = "SELECT backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()"
    told = f"SELECT current_setting('server_encoding'), pg_backend_pid(), ({process}), {settings}"
    encoding, pid, since, *_ = _row(raw, told)
    raw.session = (pid, since)
    if encoding != "UTF8":
        raise StorageError(f"the database has the encoding {encoding}; make one in UTF8, for memories in any script")
    with suppress(psycopg.Error):  # a server on Windows can't look, and says so
        raw.execute(f"SET client_connection_check_interval = '{GONE_S}s'".encode())
    # What is acknowledged is on the disk, whatever the server does for others, and triggers count what is written.
    raw.execute(
        "SELECT set_config(name, value, false) FROM (VALUES "
        "('synchronous_commit', 'on', 'off local'), ('session_replication_role', 'origin', 'replica local')"
        ") AS wanted (name, value, wrong) WHERE current_setting(name) = ANY(string_to_array(wrong, ' '))"
    )


def _row(raw: Raw, sql: str) -> tuple[Any, ...]:
    found = raw.execute(sql.encode()).fetchone()
    assert found is not None
    return found


def is_usable(raw: Raw | None) -> bool:
    """Return whether a connection is there, as far as this side knows."""
    return raw is not None and not raw.closed and not raw.broken
