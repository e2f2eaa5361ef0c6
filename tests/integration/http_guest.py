"""A guest over HTTP: a cluster that serves it, a token, and requests by the standard library alone."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any, Self

from memmux import Client
from memmux.config.loader import load
from memmux.wire.answers import Status
from tests.bounds import BOUND_S
from tests.integration.helpers import status_until
from tests.integration.machines import memmux

ACCEPT = "application/json, text/event-stream"
STATELESS = "2026-07-28"  # the version of MCP that has no sessions
INITIALIZE: Mapping[str, Any] = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "by-hand", "version": "1"},
}


def token_of(env: dict[str, str], name: str, *flags: str) -> str:
    """Make a key for HTTP with the command line, which may write unless told otherwise; return its token."""
    role = () if "--role" in flags else ("--role", "write")
    ended = memmux(env, "key", "add", name, "--http", *role, *flags, "--json")
    assert ended.returncode == 0, ended.stderr
    token: str = json.loads(ended.stdout)["token"]
    return token


def served(status: Status) -> bool:
    """Return whether a gateway answers over HTTP."""
    return bool(status.http) and status.gateway is not None and status.gateway["state"] == "ready"


def until_served(env: dict[str, str]) -> Status:
    """Start the cluster if need be; return its status once a gateway answers over HTTP."""
    with Client(settings=load(environment=env), name="test") as client:
        return status_until(client, served)


@dataclass
class Guest:
    """Somebody who asks at a port of this machine."""

    port: int
    token: str
    session: str = ""
    _numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 1_000_000)))

    @contextmanager
    def connected(self) -> Iterator[HTTPConnection]:
        """A connection, for several requests."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=BOUND_S)
        try:
            yield connection
        finally:
            connection.close()

    def ask(
        self, method: str, path: str, body: object = None, over: HTTPConnection | None = None, **headers: str
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Return status, headers in lower case and body of an answer, over a connection of its own if none is given."""
        if over is None:
            with self.connected() as connection:
                return self.ask(method, path, body, connection, **headers)
        said = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", "Accept": ACCEPT}
        said |= {name.replace("_", "-"): value for name, value in headers.items()}
        over.request(method, path, None if body is None else json.dumps(body), said)
        answer = over.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    def call(self, method: str, params: Mapping[str, Any], number: int | None = None) -> Any:
        """Return the message that answers a request of MCP in this guest's session, or a status that is not 200."""
        request = {"jsonrpc": "2.0", "id": next(self._numbers) if number is None else number}
        known = {"Mcp_Session_Id": self.session} if self.session else {}
        status, headers, body = self.ask("POST", "/mcp", {**request, "method": method, "params": params}, **known)
        self.session = headers.get("mcp-session-id", self.session)
        return _message(body) if status == 200 else status

    def initialize(self) -> Any:
        """Begin a session; return the answer."""
        answer = self.call("initialize", INITIALIZE)
        self.ask("POST", "/mcp", {"jsonrpc": "2.0", "method": "notifications/initialized"}, Mcp_Session_Id=self.session)
        return answer

    def tool(self, name: str, number: int | None = None, **arguments: object) -> Any:
        """Return what a tool answers; the status where that is not 200."""
        answer = self.call("tools/call", {"name": name, "arguments": arguments}, number)
        return answer["result"]["structuredContent"] if isinstance(answer, dict) else answer

    def tool_alone(self, name: str, number: int | str, key: str = "", **arguments: object) -> Any:
        """Return what a tool answers in the era without sessions; the status where that is not 200."""
        meta = {"io.modelcontextprotocol/protocolVersion": STATELESS, "io.modelcontextprotocol/clientCapabilities": {}}
        params = {"name": name, "arguments": arguments, "_meta": meta}
        request = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
        headers = {"Mcp_Protocol_Version": STATELESS, "Mcp_Method": "tools/call", "Mcp_Name": name}
        headers |= {"Idempotency_Key": key} if key else {}
        status, _, body = self.ask("POST", "/mcp", request, **headers)
        return _message(body)["result"]["structuredContent"] if status == 200 else status


def _message(body: bytes) -> Any:
    """Return the last message of an answer, which is one or a stream of them."""
    if body.startswith(b"{"):
        return json.loads(body)
    data = [line.removeprefix(b"data:").strip() for line in body.splitlines() if line.startswith(b"data:")]
    return json.loads([line for line in data if line][-1])


@dataclass
class Pestering:
    """Guests that ask all the time. answers: how often each status was seen; broken: each error."""

    asks: list[Callable[[], int]]
    answers: Counter[int] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._threads = [threading.Thread(target=self._run, args=(ask,)) for ask in self.asks]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, ask: Callable[[], int]) -> None:
        while not self._stop.wait(0.1):
            try:
                self.answers[ask()] += 1
            except (OSError, HTTPException) as error:
                self.broken[type(error).__name__] += 1
