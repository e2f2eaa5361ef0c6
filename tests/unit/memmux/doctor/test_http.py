"""What the doctor says of a gateway that is gone before it has answered everything."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from memmux.config.mms_variables import API_KEY
from memmux.config.settings import Settings
from memmux.doctor import http
from memmux.doctor.finding import Level
from tests.bounds import BOUND_S
from tests.unit.memmux.client.peer import Peer, result, status_body


class Gateway(BaseHTTPRequestHandler):
    """Answers what the doctor asks without a token, and cuts the connection of who brings one."""

    def do_GET(self) -> None:
        """Answer by the path."""
        if "Authorization" in self.headers:
            return
        self.send_response(200 if self.path == http.OPEN else 401)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def served() -> Iterator[str]:
    """The URL of such a gateway."""
    with HTTPServer(("127.0.0.1", 0), Gateway) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_gateway_that_is_gone_when_it_is_asked_with_the_token_is_a_finding(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "ANSWER_S", BOUND_S)
    with served() as url, Peer(settings, lambda message: [result(message, status_body(http=url, gateway={"pid": 1}))]):
        answers, gone = http.of_http(settings, {API_KEY: "a token of many letters"})
    assert (answers.name, answers.level) == ("http", Level.OK)
    assert (gone.name, gone.level) == ("tokens", Level.ERROR)
    assert f"{url} does not answer" in gone.text
