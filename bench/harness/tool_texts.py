"""What an MCP server gives a model to read: its list of tools, and its answers to what is asked day by day."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import orjson

STEPS = ("store", "search", "list", "get", "delete", "error")
FACTS = (
    "The staging database listens on port 5433.",
    "The production database is backed up every night at two, to another region.",
    "Ada prefers short answers, with the command first and the reason after it.",
    "We decided against sharding the orders database, as its largest table has 4 million rows.",
    "The build of the shop fails when the database of the tests is not empty; run make reset before.",
    "Grace leads the team that owns the warehouse database and its reports.",
    "Releases go out on Tuesdays, never before a holiday.",
    "The licence of the font allows three seats.",
)
QUERY = "database"  # five of them have the word, so that every kind of search finds these
HITS = 5

_VERSION = "2025-06-18"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a server said. answers: the texts, by step; structured: the other form, where there is one, as JSON."""

    server: str
    version: str
    tools: Sequence[Mapping[str, Any]]
    answers: Mapping[str, str]
    structured: Mapping[str, str]

    @classmethod
    def read(cls, file: Path) -> Self:
        """Return what is in a file."""
        return cls(**orjson.loads(file.read_bytes()))

    def write(self, file: Path) -> None:
        """Keep it in a file."""
        file.write_bytes(orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2) + b"\n")

    @property
    def list_text(self) -> str:
        """The list of tools as a host sends it."""
        return orjson.dumps(self.tools).decode()


@dataclass(frozen=True, slots=True)
class Script:
    """How one server is asked. stores: for each fact. key: finds the name of a memory in the answer to a store.

    calls: tool and arguments by step, where `{key}` is that name; what a server cannot do is left out.
    """

    stores: Sequence[tuple[str, Mapping[str, Any]]]
    calls: Mapping[str, tuple[str, Mapping[str, Any]]]
    key: str = ""


MEMMUX = Script(
    stores=[("memory_store", {"content": fact}) for fact in FACTS],
    key=r"[0-9a-f]{8}-[0-9a-f-]{27}",
    calls={
        "search": ("memory_search", {"query": QUERY, "limit": HITS}),
        "list": ("memory_list", {}),
        "get": ("memory_get", {"id": "{key}"}),
        "delete": ("memory_delete", {"id": "{key}"}),
        "error": ("memory_get", {"id": "{key}"}),
    },
)
MCP_MEMORY_SERVICE = Script(
    stores=[("memory_store", {"content": fact}) for fact in FACTS],
    key=r"[0-9a-f]{64}",
    calls={
        "search": ("memory_search", {"query": QUERY, "limit": HITS}),
        "list": ("memory_list", {"page_size": 20}),
        "delete": ("memory_delete", {"content_hash": "{key}"}),
        "error": ("memory_update", {"content_hash": "{key}", "updates": {"tags": ["a"]}}),
    },
)
SERVER_MEMORY = Script(
    stores=[
        ("create_entities", {"entities": [{"name": fact.split()[1], "entityType": "fact", "observations": [fact]}]})
        for fact in FACTS
    ],
    key=r'"name": "([^"]+)"',
    calls={
        "search": ("search_nodes", {"query": QUERY}),
        "list": ("read_graph", {}),
        "get": ("open_nodes", {"names": ["{key}"]}),
        "delete": ("delete_entities", {"entityNames": ["{key}"]}),
        "error": ("add_observations", {"observations": [{"entityName": "{key}", "contents": ["a"]}]}),
    },
)


def play(command: Sequence[str], env: Mapping[str, str], script: Script) -> Recorded:
    """Start a server, ask it what the script says, and return what it answered; raise ValueError where it is mute."""
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        talk = _Talk(process)
        about = talk.ask(
            "initialize", protocolVersion=_VERSION, capabilities={}, clientInfo={"name": "a", "version": "1"}
        )
        talk.say({"jsonrpc": "2.0", "method": "notifications/initialized"})
        tools = talk.ask("tools/list")["tools"]
        stored = [talk.ask("tools/call", name=name, arguments=given) for name, given in script.stores]
        found = re.search(script.key, _text(stored[-1]))
        key = "" if found is None else found[found.re.groups]
        results = {"store": stored[-1]}
        for step, (name, given) in script.calls.items():
            named = orjson.loads(orjson.dumps(given).replace(b"{key}", key.encode()))
            results[step] = talk.ask("tools/call", name=name, arguments=named)
        assert process.stdin is not None
        process.stdin.close()
    structured = {
        step: orjson.dumps(result["structuredContent"]).decode()
        for step, result in results.items()
        if "structuredContent" in result
    }
    answers = {step: _text(result) for step, result in results.items()}
    server = about["serverInfo"]
    return Recorded(server["name"], server["version"], tools, answers, structured)


def _text(result: Mapping[str, Any]) -> str:
    return "\n".join(block.get("text", "") for block in result.get("content", ()))


class _Talk:
    """Requests to one server, one after the other."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._number = 0

    def say(self, message: Mapping[str, object]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(orjson.dumps(message) + b"\n")
        self._process.stdin.flush()

    def ask(self, method: str, **params: object) -> dict[str, Any]:
        """Return the result; an error of the protocol as a result that is one."""
        self._number += 1
        self.say({"jsonrpc": "2.0", "id": self._number, "method": method, "params": params})
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if not line.startswith(b"{"):
                continue  # some print what is no message
            answer = orjson.loads(line)
            if answer.get("id") == self._number:
                failed = {"content": [{"text": str(answer.get("error", {}).get("message"))}]}
                return dict(answer.get("result", failed))
        raise ValueError(f"{self._process.args!r} has ended without an answer to {method}")
