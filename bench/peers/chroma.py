"""Chroma among the peers: `chroma run` on the loopback, and its HTTP client."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.harness import report
from bench.harness.material import Material
from bench.harness.measure import until
from bench.peers.interface import NEAREST, Address, Answered, Ask, Served, Vector

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

NAME = "Chroma"
PACKAGES = ("chromadb",)
BREADTH = "ef_search"
BREADTHS = (100, 160, 250, 400)  # the first is its default

_HOST = "127.0.0.1"
_COLLECTION = "memories"
_BATCH = 1000  # documents of one request
_START_S, _STOP_S = 240.0, 240.0


@contextmanager
def serve(material: Material, folder: Path) -> Iterator[Served]:
    """Serve the material from a collection by cosine, with the default parameters of its HNSW index."""
    report.progress(f"{NAME}: starting the server")
    server = Server(folder)
    try:
        fill(server.start(), material)

        def widen(breadth: int) -> None:
            if breadth == collection(server.port).configuration["hnsw"]["ef_search"]:
                return
            collection(server.port).modify(configuration={"hnsw": {"ef_search": breadth}})
            # An index that is loaded keeps the old value.
            server.stop()
            server.start()

        yield Served(address=(str(server.port),), version=version(), widen=widen)
    finally:
        server.stop()


@contextmanager
def connect(address: Address) -> Iterator[Ask]:
    """Give a function that asks the server at this port."""
    (port,) = address
    yield partial(nearest, collection(int(port)))


def nearest(searched: Collection, query: Vector) -> Answered:
    """Return the nearest in a collection."""
    found = searched.query(query_embeddings=[query], n_results=NEAREST, include=["documents"])
    assert found["documents"] is not None
    return list(zip(found["ids"][0], found["documents"][0], strict=True))


def collection(port: int) -> Collection:
    """Return the collection of the server at this port."""
    return _client(port).get_collection(_COLLECTION, embedding_function=None)


def version() -> str:
    """Return the version that is installed."""
    from chromadb import __version__

    return str(__version__)


def fill(client: ClientAPI, material: Material) -> None:
    """Store the material in a new collection."""
    made = client.create_collection(_COLLECTION, configuration={"hnsw": {"space": "cosine"}}, embedding_function=None)
    for start in range(0, len(material), _BATCH):
        report.progress(f"{NAME}: storing {start} of {len(material)}")
        places = range(start, min(start + _BATCH, len(material)))
        made.add(
            ids=[str(place) for place in places],
            documents=[material.content(place) for place in places],
            embeddings=material.vectors[places.start : places.stop],
        )


class Server:
    """The server process, at a port that was free when this was made."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind((_HOST, 0))
            self.port: int = free.getsockname()[1]

    @property
    def pid(self) -> int:
        """The process, which runs."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> ClientAPI:
        """Start the process, and return a client once it answers."""
        command = [sys.executable, "-P", "-c", "from chromadb.cli.cli import app; app()", "run"]
        place = ["--path", str(self._folder / "chroma"), "--host", _HOST, "--port", str(self.port)]
        # By default it writes some kilobytes of log a query.
        environment = {**os.environ, "ANONYMIZED_TELEMETRY": "False", "RUST_LOG": "error"}
        with (self._folder / "chroma.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *place], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._folder, env=environment
            )
        with until(_START_S, "starting Chroma") as wait:
            while True:
                try:
                    return _client(self.port)
                except Exception:
                    # Whatever its HTTP library raises where nobody listens yet.
                    if self._process.poll() is not None:
                        raise
                wait()

    def stop(self) -> None:
        """Stop the process, if it runs."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


def _client(port: int) -> ClientAPI:
    """Return a client that tells nobody else about its use; raises what it can if nobody listens."""
    from chromadb import HttpClient
    from chromadb.config import Settings

    return HttpClient(_HOST, port, settings=Settings(anonymized_telemetry=False))
