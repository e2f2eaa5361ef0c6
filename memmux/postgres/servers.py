"""Servers of one folder, which are gone with it: a primary and its replicas."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memmux.postgres import programs
from memmux.postgres.programs import Programs
from memmux.postgres.server import Server

PREFIX = "mm-pg-"  # of folders, which are short as sockets are in them


class Servers:
    """Servers that follow each other, each in a folder of its own name.

    template: the data of a server that was stopped, for copies of it, instead of making each anew.
    """

    def __init__(self, folder: Path, found: Programs, template: Path | None = None) -> None:
        self.folder = folder
        self.programs = found
        self.all: list[Server] = []
        self._template = template

    def primary(self, name: str = "a", *, port: int | None = None, **options: str) -> Server:
        """Return a primary that runs."""
        server = Server(self.folder / name, self.programs, options, port=port)
        server.make(self._template)
        return self._started(server)

    def replica(self, name: str = "b", *, port: int | None = None, **options: str) -> Server:
        """Return a replica that runs, of whichever server here is the primary."""
        server = Server(self.folder / name, self.programs, options, port=port)
        server.follow(*(each for each in self.all if each.pid is not None))
        return self._started(server)

    def end(self) -> None:
        """Kill those that still run."""
        for server in self.all:
            server.kill()

    def _started(self, server: Server) -> Server:
        self.all.append(server)
        server.start()
        return server


@contextmanager
def running(template: Path | None = None) -> Iterator[Servers]:
    """Give a place for servers, which ends with the block; raises PostgresMissingError where there are no programs."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX)).resolve()
    try:
        programs.give(folder)
        servers = Servers(folder, programs.find(folder), template)
        try:
            yield servers
        finally:
            servers.end()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def template(**options: str) -> Iterator[Path]:
    """Give the data of a server that never ran, for the servers of the block to be copies of; raises as `running`.

    options: settings of PostgreSQL's, of all of them.
    """
    with running() as place:
        never = Server(place.folder / "template", place.programs, options)
        never.make()
        yield never.data
