"""Plain requests: the handshake, lists, and calls of tools that need nothing of MCP but a name and arguments.

They are answered here, as the SDK would answer them, and are all that most hosts ever ask. The SDK is imported for the
rest of the protocol, with the first line that needs it: that takes more than all else that a gateway imports, and its
dispatcher, its models and what it wraps around handlers take half of what a call costs. What it does for a request is
done for these as well: errors are results, cancelled calls get no answer, and the answer is of the same JSON. The SDK's
are the era without a handshake, versions of the protocol whose results are of another shape, tools that report how far
they are, resources and prompts that are read, and whatever is not exactly as a request should be.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeGuard

import orjson

from mcp_dealer import lines
from mcp_dealer.features.identity import SERVER
from mcp_dealer.link.cluster_link import ClusterLink

if TYPE_CHECKING:
    from mcp_dealer.gateway.later_features import LaterFeatures

VERSIONS = ("2025-06-18", "2025-11-25")  # of the protocol, whose results of a call are of one shape
STATELESS: Final = "io.modelcontextprotocol/protocolVersion"  # what names the version in the era without a handshake
_PROGRESS: Final = "progressToken"
INITIALIZE, INITIALIZED = "initialize", "notifications/initialized"
_LISTS = {"ping", "tools/list", "prompts/list", "resources/list", "resources/templates/list"}
_MEMBERS, _BARE = {"jsonrpc", "id", "method", "params"}, {"jsonrpc", "id", "method"}
_PARAMS = {"name", "arguments", "_meta"}
_HELLO = {"protocolVersion", "capabilities", "clientInfo"}
_ABOUT = {"name", "version", "title", "description", "websiteUrl"}
_FLAGS, _CAPABILITIES = "roots", {"sampling", "elicitation", "experimental", "tasks", "extensions"}


class PlainRequests:
    """The plain requests of one session. features: what is served."""

    def __init__(self, features: LaterFeatures, link: ClusterLink) -> None:
        self._features = features
        self._link = link
        self._name = ""
        self._version = ""

    def negotiated(self, result: Mapping[str, Any]) -> None:
        """Take the result of `initialize`."""
        self._version = str(result.get("protocolVersion", ""))

    def initialize_result(self, message: object) -> Mapping[str, Any] | None:
        """Return the result of a session's first `initialize`; None for the SDK's, and for all other messages."""
        if not _asks(message, INITIALIZE) or self._version or message.keys() != _MEMBERS:
            return None
        said = message["params"]
        if not isinstance(said, dict) or said.keys() != _HELLO or said["protocolVersion"] not in VERSIONS:
            return None
        about = said["clientInfo"]
        if not (_is_client_info(about) and _are_capabilities(said["capabilities"])):
            return None
        self._name = about["name"]
        self._features.prepare()  # which it does without, and what follows will not
        return {**SERVER, "protocolVersion": said["protocolVersion"]}

    def take_initialized(self, message: object) -> bool:
        """Return whether a message is the `initialized` that ends the handshake; if so, connect to the cluster."""
        if not _asks(message, INITIALIZED) or "id" in message or not self._version:
            return False
        self._link.begin(self._name)
        return True

    def take(self, message: object) -> bool:
        """Return whether a message is a plain request, of a session whose client is known and whose version is, too."""
        if not isinstance(message, dict) or self._version not in VERSIONS or not self._link.begun:
            return False
        method, params = message.get("method"), message.get("params", {})
        meta = params.get("_meta", {}) if isinstance(params, dict) else None
        if not isinstance(meta, dict) or STATELESS in meta or type(meta.get(_PROGRESS, 0)) not in (int, str):
            return False
        if method in _LISTS:
            return message.keys() in (_MEMBERS, _BARE) and params.keys() <= {"_meta"}
        if method != "tools/call" or message.keys() != _MEMBERS:
            return False
        name, arguments = params.get("name"), params.get("arguments", {})
        if not (isinstance(name, str) and isinstance(arguments, dict)):
            return False
        return params.keys() <= _PARAMS and self._features.get().is_plain(name)

    async def answer(self, message: Mapping[str, Any]) -> str:
        """Return the line that answers a plain request."""
        return line(message["id"], await self._result(message["method"], message.get("params", {})))

    async def _result(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        features = self._features.get()
        if (fixed := features.fixed.get(method)) is not None:
            return fixed
        if method == "tools/list":
            return {"tools": await features.tools()}
        return await features.call(params["name"], params.get("arguments", {}))


def line(request_id: object, result: Mapping[str, Any]) -> str:
    """Return the line that answers a request with a result."""
    said = {"jsonrpc": "2.0", "id": request_id, "result": result}
    try:
        return orjson.dumps(said).decode()
    except TypeError:  # half a surrogate pair, as the name of a file may hold, or a number of more than 64 bits
        return lines.mended(json.dumps(said, ensure_ascii=False))


def _asks(message: object, method: str) -> TypeGuard[dict[str, Any]]:
    return isinstance(message, dict) and message.get("method") == method


def _is_client_info(about: object) -> bool:
    """Return whether it is a `clientInfo` whose members are all texts."""
    if not isinstance(about, dict) or not {"name", "version"} <= about.keys() <= _ABOUT:
        return False
    return all(isinstance(value, str) for value in about.values())


def _are_capabilities(said: object) -> bool:
    """Return whether they are `capabilities` that the protocol knows, of the types that it gives them."""
    if not isinstance(said, dict) or not said.keys() <= {_FLAGS, *_CAPABILITIES}:
        return False
    of = {name: bool if name == _FLAGS else dict for name in said}
    return all(
        isinstance(said[name], dict) and all(isinstance(one, of[name]) for one in said[name].values()) for name in said
    )
