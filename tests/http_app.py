"""Routes over HTTP for tests that need no gateway: uvicorn in a thread, before a real cluster, for callers at will."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from mcp_dealer.http.caller import Caller
from mcp_dealer.http.problem import HANDLERS
from mcp_dealer.link.cluster_link import ClusterLink
from memmux.config.settings import Settings
from memmux.wire.grants import LOCAL, Grant
from tests.bounds import BOUND_S, PAUSE_S, pause


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer; json: of its body, if that is JSON."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """What the body is as JSON."""
        return json.loads(self.body)

    @property
    def lines(self) -> list[Any]:
        """What the lines of the body are as JSON."""
        return [json.loads(line) for line in self.body.splitlines()]


@dataclass(slots=True)
class Served:
    """A server at a port of loopback; token: sent with each request, where a gate asks for one."""

    port: int
    token: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        *,
        raw: bytes | None = None,
    ) -> Answered:
        """Send a request, and return its answer; body: becomes JSON; raw: is sent as it is."""
        sent = {**self.headers, **({"Authorization": f"Bearer {self.token}"} if self.token else {})}
        data = raw
        if body is not None:
            data, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=BOUND_S)
        try:
            connection.request(method, path, data, {**sent, **(headers or {})})
            answer = connection.getresponse()
            known = {name.lower(): value for name, value in answer.getheaders()}
            return Answered(answer.status, known, answer.read())
        finally:
            connection.close()

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answered:
        """Ask for what is at a path."""
        return self.ask("GET", path, None, headers)

    def post(self, path: str, body: object, headers: Mapping[str, str] | None = None) -> Answered:
        """Send JSON to a path."""
        return self.ask("POST", path, body, headers)


class _Callers:
    """Gives each request the caller that its header X-Test-Caller names, or the owner of the machine."""

    def __init__(self, app: ASGIApp, settings: Settings, grants: Mapping[str, Grant], *, keyed: bool) -> None:
        self._app, self._settings, self._grants, self._keyed = app, settings, grants, keyed
        self.links: dict[str, ClusterLink] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            name = headers.get(b"x-test-caller", b"web").decode()
            grant = self._grants.get(name, LOCAL)
            link = self.links.setdefault(name, ClusterLink(self._settings, grant=grant if self._keyed else None))
            scope.setdefault("state", {})["caller"] = Caller(name, grant, link)
        await self._app(scope, receive, send)

    async def aclose(self) -> None:
        """Say goodbye for all callers."""
        for link in self.links.values():
            await link.aclose()


@contextmanager
def serve(
    settings: Settings,
    routes: Callable[[], Sequence[Route]],
    *,
    grants: Mapping[str, Grant] | None = None,
    leave: Callable[[], object] | None = None,
    keyed: bool = False,
) -> Iterator[Served]:
    """Serve routes until the block ends; leave: called in the loop before the server stops.

    keyed: whether the names of the grants are those of keys that the cluster has, and enforces.
    """
    ready = threading.Event()
    ports: list[int] = []
    holder: dict[str, Any] = {}

    async def run() -> None:
        app = Starlette(routes=list(routes()), exception_handlers=dict(HANDLERS))
        callers = _Callers(app, settings, grants or {}, keyed=keyed)
        config = uvicorn.Config(callers, host="127.0.0.1", port=0, log_config=None, access_log=False, lifespan="off")
        server = holder["server"] = uvicorn.Server(config)
        holder["loop"] = asyncio.get_running_loop()
        server.install_signal_handlers = lambda: None
        serving = asyncio.create_task(server.serve())
        while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(PAUSE_S)
        ports.extend(socket.getsockname()[1] for one in server.servers for socket in one.sockets)
        ready.set()
        await serving
        await callers.aclose()

    thread = threading.Thread(target=lambda: asyncio.run(run()), name="http-app", daemon=True)
    thread.start()
    try:
        assert ready.wait(BOUND_S)
        yield Served(ports[0])
    finally:
        if leave is not None:
            holder["loop"].call_soon_threadsafe(leave)
        holder["server"].should_exit = True
        holder["server"].force_exit = leave is None  # or it waits for whoever still listens
        thread.join(BOUND_S)
        while thread.is_alive():
            pause()
