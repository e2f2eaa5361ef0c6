"""A program at a port of loopback that gives every connection the same bytes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress


@contextmanager
def answering(said: bytes, asked: list[bytes] | None = None) -> Iterator[int]:
    """Answer with these bytes until the block ends; yields the port. asked: gets the beginning of each request."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            # One that is closed too early would be a failure of its own.
            with suppress(OSError), ExitStack() as kept:
                while True:
                    connection, _ = server.accept()
                    kept.enter_context(connection)
                    request = connection.recv(1 << 16)
                    if asked is not None:
                        asked.append(request)
                    connection.sendall(said)

        thread = threading.Thread(target=serve, name="answering", daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
