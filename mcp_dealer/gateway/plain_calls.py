"""Calls of tools that need nothing of MCP but a name and arguments: answered here, as the SDK would answer them.

Its dispatcher, its models of requests and results and what it wraps around handlers take half of what such a call costs
a gateway. What it does for a call is done for these as well: errors are results, cancelled calls get no answer, and the
answer is of the same JSON. Everything else of the protocol is the SDK's: the handshake, lists, the era without one,
versions of the protocol whose results are of another shape, and tools that report how far they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import orjson
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import PROTOCOL_VERSION_META_KEY

from mcp_dealer import lines
from mcp_dealer.cluster_link import ClusterLink
from mcp_dealer.schemas import Answer, text
from mcp_dealer.server import MemoryServer

VERSIONS = ("2025-06-18", "2025-11-25")  # of the protocol, whose results of a call are of one shape
_MEMBERS = {"jsonrpc", "id", "method", "params"}
_PARAMS = {"name", "arguments", "_meta"}


class PlainCalls:
    """The plain calls of one session."""

    def __init__(self, server: MemoryServer, link: ClusterLink) -> None:
        self._server = server
        self._link = link
        self._version = ""

    def negotiated(self, result: Mapping[str, Any]) -> None:
        """Take the result of `initialize`."""
        self._version = str(result.get("protocolVersion", ""))

    def take(self, message: object) -> bool:
        """Return whether a message is a plain call, of a session whose client is known and whose version is, too."""
        if not isinstance(message, dict) or message.get("method") != "tools/call" or message.keys() != _MEMBERS:
            return False
        params = message["params"]
        if self._version not in VERSIONS or not self._link.begun or not isinstance(params, dict):
            return False
        name, arguments, meta = params.get("name"), params.get("arguments", {}), params.get("_meta", {})
        if not (isinstance(name, str) and isinstance(arguments, dict) and isinstance(meta, dict)):
            return False
        return params.keys() <= _PARAMS and PROTOCOL_VERSION_META_KEY not in meta and self._server.is_plain(name)

    async def answer(self, message: Mapping[str, Any]) -> str:
        """Return the line that answers a plain call."""
        params = message["params"]
        try:
            answer = await self._server.answer(params["name"], params.get("arguments", {}))
        except ToolError as error:
            return _line(message["id"], {"content": [_text(str(error))], "isError": True})
        return _line(message["id"], _result(answer))


def _result(answer: Answer) -> dict[str, object]:
    return {"content": [_text(text(answer))], "structuredContent": answer.structured(), "isError": False}


def _text(words: str) -> dict[str, object]:
    return {"type": "text", "text": words}


def _line(request_id: object, result: Mapping[str, object]) -> str:
    said = {"jsonrpc": "2.0", "id": request_id, "result": result}
    try:
        return orjson.dumps(said).decode()
    except TypeError:  # half a surrogate pair, as the name of a file may hold, or a number of more than 64 bits
        return lines.mended(json.dumps(said, ensure_ascii=False))
