"""A PostgreSQL server that is thrown away: for `memmux demo --engine postgresql`, for tests, and for bench.

It listens at a Unix socket in a folder of its own, which nobody else may enter, so it asks for no password there; at a
port of the loopback interface only where it is given one, and there it asks for one.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

from memmux import processes
from memmux.errors import PostgresServerError
from memmux.postgres import programs
from memmux.postgres.programs import Programs

USER: Final = "memmux"  # in the database, not of the system
DATABASE: Final = "memmux"
PORT: Final = 5432  # which names the socket, in a folder of its own

_START_S, _STOP_S = 60.0, 30.0
_POLL_S = 0.01
_READY = {b"ready", b"standby"}
_PID_LINE, _MEMORY_LINE, _STATUS_LINE = 0, 6, 7  # of postmaster.pid
_OPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "max_connections": "50",
        "shared_buffers": "64MB",
        "dynamic_shared_memory_type": "mmap",  # files of its folder, which a kill leaves nothing of elsewhere
        "max_wal_senders": "8",
        "wal_keep_size": "256MB",  # a replica that was away for a moment catches up
        "hot_standby_feedback": "on",
        "wal_receiver_status_interval": "1s",
        "wal_retrieve_retry_interval": "200ms",
        "log_line_prefix": "%m [%p] ",
    }
)
_ACCESS = """local all all trust
local replication all trust
host all all 127.0.0.1/32 scram-sha-256
host replication all 127.0.0.1/32 scram-sha-256
"""


class Server:
    """One server: a primary, or a replica of one.

    folder: where its data, socket and log are; its path is short, as that of a socket must be.
    options: settings of PostgreSQL's, which go before those that a small server has here.
    port: at the loopback interface; nowhere where it is None.
    """

    def __init__(
        self,
        folder: Path,
        found: Programs,
        options: Mapping[str, str] = MappingProxyType({}),
        *,
        port: int | None = None,
    ) -> None:
        self.folder = folder
        self.port = port
        self._programs = found
        self._options = dict(options)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        """The folder of its data."""
        return self.folder / "data"

    @property
    def name(self) -> str:
        """Its name: a replica tells it to its primary, where synchronous_standby_names can say it."""
        return self.folder.name

    @property
    def url(self) -> str:
        """Its URL, by the socket; without a password, as it asks for none there."""
        return url([self])

    @property
    def pid(self) -> int | None:
        """The process that all others of the server are children of; None while it does not run."""
        return None if self._process is None or self._process.poll() is not None else self._process.pid

    @property
    def log(self) -> str:
        """What the server said so far."""
        return (self.folder / "log").read_text(errors="replace") if (self.folder / "log").exists() else ""

    def make(self, template: Path | None = None) -> None:
        """Make its data: a copy of that of a server that was stopped, or anew, with the database and its owner."""
        self._make_folder()
        if template is not None:
            shutil.copytree(template, self.data)
            programs.give(self.data)
            return
        self._programs.run(
            "initdb", "-D", self.data, "-U", USER, "-E", "UTF8", "--locale=C", "--auth=trust", "--no-sync"
        )
        self._configure()
        statement = f"CREATE DATABASE {DATABASE} OWNER {USER};\n"
        single: list[str | Path] = [self._programs.folder / "postgres", "--single", "-D", self.data, "postgres"]
        how = {key: value for key, value in programs.process().items() if key != "stdin"}
        done = subprocess.run(single, **how, input=statement.encode(), check=False, capture_output=True)
        if done.returncode:
            raise PostgresServerError(f"the database could not be made: {done.stderr.decode(errors='replace')}")

    def follow(self, *primaries: Server) -> None:
        """Make its data those of a replica, by pg_basebackup, of whichever of these is the primary, now and later."""
        self._make_folder()
        source = _source(primaries, self.name)
        self._programs.run("pg_basebackup", "-D", self.data, "-d", source, "--checkpoint=fast", "--no-sync")
        self._options["primary_conninfo"] = source
        (self.data / "standby.signal").touch()
        programs.give(self.data)

    def start(self) -> None:
        """Start it; returns when it takes connections. It ends with the thread of this process that started it."""
        self._configure()
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs.folder / "postgres", "-D", self.data],
                **programs.process(),
                stdout=log.fileno(),
                stderr=log.fileno(),
                start_new_session=True,
                preexec_fn=processes.ending_with_this(signal.SIGQUIT),  # noqa: PLW1509  # two calls of the system's
            )
        deadline = time.monotonic() + _START_S
        while self._said(_PID_LINE) != b"%d" % self._process.pid or self._said(_STATUS_LINE) not in _READY:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise PostgresServerError(f"PostgreSQL did not start: {self.log[-2000:]}")
            time.sleep(_POLL_S)

    def configure(self, **options: str) -> None:
        """Change settings; while it runs, those that PostgreSQL takes over without a restart."""
        self._options |= options
        self._configure()
        if (pid := self.pid) is not None:
            os.kill(pid, signal.SIGHUP)

    def promote(self) -> None:
        """Have a replica become a primary; returns when it is one."""
        self._programs.run("pg_ctl", "promote", "-D", self.data, "-w", "-t", str(int(_STOP_S)))

    def stop(self) -> None:
        """Stop it as an administrator does, without waiting for its clients."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """Kill all its processes at once, as a machine does that fails; returns when they are gone."""
        if (pid := self.pid) is None or self._process is None:
            return
        self._process.send_signal(signal.SIGSTOP)  # of what it had started after the look for that, nobody would know
        family = [pid, *children(pid)]
        for each in family:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        self._process.wait()
        while any(map(processes.alive, family)):
            time.sleep(_POLL_S)
        self._process = None
        self._forget_memory()

    def _forget_memory(self) -> None:
        """Give back the segment of shared memory that a killed server leaves, and its next start would."""
        import ctypes  # only where one was killed

        if (identifier := self._said(_MEMORY_LINE).split()[1:]) and identifier[0].isdigit():
            ctypes.CDLL(None).shmctl(int(identifier[0]), 0, None)  # IPC_RMID

    def _said(self, line: int) -> bytes:
        """Return a line of the file in which a server says how it is; nothing where it has not yet."""
        with suppress(OSError, IndexError):
            return (self.data / "postmaster.pid").read_bytes().split(b"\n")[line].strip()
        return b""

    def _make_folder(self) -> None:
        self.folder.mkdir(mode=0o700)
        programs.give(self.folder)

    def _configure(self) -> None:
        """Write its settings; those of whomever it was copied from go."""
        options = {**_OPTIONS, **self._options, "unix_socket_directories": str(self.folder), "port": str(PORT)}
        options["listen_addresses"] = ""
        if self.port is not None:
            options |= {"listen_addresses": "127.0.0.1", "port": str(self.port)}
        text = "".join(f"{name} = {_quoted(value)}\n" for name, value in options.items())
        for name, content in (("postgresql.conf", text), ("pg_hba.conf", _ACCESS)):
            (self.data / name).write_text(content)
        programs.give(self.data)


def url(servers: list[Server], **parameters: str) -> str:
    """Return the URL of one database on several servers, by their sockets; parameters: as libpq has them."""
    hosts = ",".join(f"{quote(str(server.folder), safe='')}:{server.port or PORT}" for server in servers)
    asked = "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters.items())
    return f"postgresql://{USER}@{hosts}/{DATABASE}{'?' if asked else ''}{asked}"


def children(pid: int) -> list[int]:
    """Return the processes that a server has for its connections and its work; none where the system can't tell."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _source(primaries: tuple[Server, ...], name: str) -> str:
    """Return what a replica connects to: whichever of these servers takes writes."""
    hosts = ",".join(str(server.folder) for server in primaries)
    ports = ",".join(str(server.port or PORT) for server in primaries)
    which = " target_session_attrs=read-write" if len(primaries) > 1 else ""
    return f"host={hosts} port={ports} user={USER} application_name={name}{which}"


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
