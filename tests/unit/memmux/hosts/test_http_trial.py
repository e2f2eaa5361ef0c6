"""What is told apart where an entry's URL leads."""

from __future__ import annotations

import json

import pytest

from memmux.hosts import http_trial
from memmux.hosts.http_entry import HttpEntry
from memmux.hosts.http_trial import Outcome
from tests.bounds import BOUND_S
from tests.ports import free_port
from tests.unit.memmux.hosts.answering import answering

TOKEN = "mmx_" + "a" * 43
OURS = {"jsonrpc": "2.0", "id": 1, "result": {"serverInfo": {"name": "memmux", "version": "9.9"}}}


def answer(status: int, body: bytes, kind: str = "application/json", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Said", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    return (
        "\r\n".join(
            [*lines, *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()), "", ""]
        ).encode()
        + body
    )


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_trial, "BOUND_S", BOUND_S)


def tried(said: bytes, asked: list[bytes] | None = None) -> http_trial.Trial:
    with answering(said, asked) as port:
        return http_trial.run(HttpEntry(f"http://127.0.0.1:{port}/mcp", TOKEN))


@pytest.mark.parametrize("stream", [False, True])
def test_a_session_that_was_begun_is_ended(stream: bool) -> None:
    body, kind = json.dumps(OURS).encode(), "application/json"
    if stream:
        body, kind = b": \n\nevent: message\ndata: " + body + b"\n\n", "text/event-stream"
    asked: list[bytes] = []
    trial = tried(answer(200, body, kind, Mcp_Session_Id="the-session"), asked)
    assert (trial.outcome, trial.said) == (Outcome.ANSWERS, "9.9")
    assert [request.split()[0] for request in asked] == [b"POST", b"DELETE"]
    assert b"Mcp-Session-Id: the-session" in asked[1]
    assert all(f"Bearer {TOKEN}".encode() in request for request in asked)


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        (answer(401, b'{"code": "key_refused", "detail": "no"}'), Outcome.REFUSED),
        (answer(401, b'{"error": "unauthorized"}'), Outcome.STRANGER),
        (answer(503, b'{"code": "overloaded", "detail": "full"}'), Outcome.FAILS),
        (answer(200, b"<html>"), Outcome.STRANGER),
        (answer(200, b'{"result": {"serverInfo": {"name": "other"}}}'), Outcome.STRANGER),
        (answer(200, b'{"result": 7}'), Outcome.STRANGER),
        (b"220 mail.example ESMTP\r\n", Outcome.STRANGER),
    ],
)
def test_who_answers_is_told_apart(said: bytes, outcome: Outcome) -> None:
    assert tried(said).outcome is outcome


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: later\n\n"])
def test_one_that_never_comes_to_an_end_is_waited_for_no_longer_than_the_bound(
    said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_trial, "BOUND_S", 0.2)
    trial = tried(said)
    assert (trial.outcome, trial.said) == (Outcome.SILENT, "not within 0.2 s")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:{}/mcp", "https://127.0.0.1:{}/mcp", "http://[::1/mcp", "http://", "http://a:b/"]
)
def test_nothing_there_and_no_url_are_silence(url: str) -> None:
    trial = http_trial.run(HttpEntry(url.format(free_port()), TOKEN))
    assert trial.outcome is Outcome.SILENT
    assert trial.said
