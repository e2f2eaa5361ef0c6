"""A hub on this machine: serves one model's files by the addresses of huggingface.co, and what goes wrong there."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

COMMIT = "c" * 40


class Hub(ThreadingHTTPServer):
    """What it has, by name; whether its list tells the digests that it sends; what it was asked for.

    breaks: how many connections end before the end of `model.safetensors`, each after `bytes_each` more. ranges:
    whether a part can be asked for. holds: whether such a connection stays open instead, until `released`; `held` says
    that one does.
    """

    daemon_threads = True

    def __init__(self, repository: str, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.repository = repository
        self.files = files
        self.digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        self.breaks = 0
        self.bytes_each = 1 << 20
        self.ranges = True
        self.holds = False
        self.held = threading.Event()
        self.released = threading.Event()
        self.asked: list[tuple[str, str | None]] = []
        self.sent = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answers(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name of the base class
        pass

    def do_GET(self) -> None:
        hub, path = self.server, self.path.partition("?")[0]
        hub.asked.append((path, self.headers.get("Range")))
        if path == f"/api/models/{hub.repository}":
            self._list()
            return
        content = hub.files.get(path.removeprefix(f"/{hub.repository}/resolve/{COMMIT}/"))
        if content is None:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-")) if hub.ranges else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        rest = content[start:]
        if path.endswith(".safetensors") and hub.breaks:
            hub.breaks -= 1
            rest = rest[: hub.bytes_each]
        hub.sent += len(rest)
        with suppress(ConnectionError):  # whoever asked is gone
            self.wfile.write(rest)
        if hub.holds and start + len(rest) < len(content):
            hub.held.set()
            hub.released.wait()
        self.close_connection = True

    def _list(self) -> None:
        hub = self.server
        siblings = [
            {
                "rfilename": name,
                "size": len(content),
                "blobId": "b" * 40,
                **(
                    {"lfs": {"sha256": hub.digests[name], "size": len(content), "pointerSize": 134}}
                    if name.endswith(".safetensors")
                    else {}
                ),
            }
            for name, content in hub.files.items()
        ]
        body = json.dumps({"id": hub.repository, "sha": COMMIT, "siblings": siblings}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving(repository: str, folder: Path, **more: bytes) -> Iterator[Hub]:
    """Serve the files of a model in `folder`, and others of these names."""
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with Hub(repository, {**files, **more}) as hub:
        thread = threading.Thread(target=hub.serve_forever, daemon=True)
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()
