"""A gate before an application that says who asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mcp_dealer.http.credentials import Credentials
from mcp_dealer.http.gate import Gate, Message, Receive, Scope, Send
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.trust import keys, tokens
from memmux.trust.key import Key
from memmux.wire.grants import Grant
from memmux.wire.roles import Role

Headers = Sequence[tuple[str, str]]


HOST = ("host", "127.0.0.1:8765")


OWN = ("origin", "http://127.0.0.1:8765")


THEIRS = "the-key-of-mcp-memory-service"


@dataclass
class Answer:
    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def header(self, name: str) -> str | None:
        found = [value for known, value in self.headers if known == name]
        assert len(found) < 2
        return found[0] if found else None


@dataclass
class World:
    """A gate before an application that says who asks, and the clocks of both."""

    settings: Settings
    gate: Gate
    credentials: Credentials
    clock: list[float]
    wall: list[float]
    asked: list[Scope] = field(default_factory=list)

    def add(self, name: str, role: Role = Role.WRITE, expires: float | None = None) -> str:
        token = tokens.make()
        key = Key(grant=Grant(name=name, role=role), token=tokens.digest(token), created=1.0, expires=expires)
        keys.add(Places(self.settings), key)
        return token

    def cookie(self) -> tuple[str, str]:
        return "cookie", f"{self.credentials.cookie_name(secure=False)}={self.credentials.cookie()}"

    async def ask(
        self, path: str = "/api/memories", headers: Headers = (), method: str = "GET", **scope: Any
    ) -> Answer:
        given = headers if any(name == "host" for name, _ in headers) else (HOST, *headers)
        path, _, query = path.partition("?")
        answer = Answer()

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = [(name.decode(), value.decode()) for name, value in message["headers"]]
            else:
                answer.body += message.get("body", b"")

        async def receive() -> Message:
            return {"type": "http.request"}

        whole: Scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in given],
            "scheme": "http",
            "client": ("127.0.0.1", 5),
            "server": ("127.0.0.1", 8765),
            **scope,
        }
        await self.gate(whole, receive, send)
        return answer


async def application(scope: Scope, _: Receive, send: Send) -> None:
    caller = scope["state"]["caller"]
    body = b"nobody" if caller is None else f"{caller.name} {caller.grant.role}".encode()
    headers = [(b"content-type", b"text/plain"), (b"Server", b"x"), (b"Access-Control-Allow-Origin", b"*")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def bearer(token: str) -> tuple[str, str]:
    return "authorization", f"Bearer {token}"
