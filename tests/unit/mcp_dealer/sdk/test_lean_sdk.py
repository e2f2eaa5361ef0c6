"""The lean SDK, in processes of their own."""

from __future__ import annotations

import subprocess
import sys

import pytest

LEFT_OUT = (
    "cryptography",
    "httpx2",
    "mcp.client.client",
    "mcp_dealer.http",
    "mcp.server.streamable_http_manager",
    "mcp_types._v2026_07_28",
    "sse_starlette",
    "starlette",
    "uvicorn",
)


OF_CLIENTS = ("httpx2", "mcp.client.client", "mcp.server.auth.routes", "mcp.server.sse")


def printed(code: str, before: str = "", *, http: bool = False) -> str:
    """Return what a new process prints that imports the lean SDK and runs the code; before: run before that."""
    begun = f"import sys\n{before}from mcp_dealer.sdk import lean_sdk\nlean_sdk.import_sdk(http={http})\n"
    done = subprocess.run([sys.executable, "-P", "-c", begun + code], capture_output=True, check=True, text=True)
    return done.stdout


def _imported(code: str, names: tuple[str, ...]) -> str:
    """Return what a new process prints that runs the code and tells which of these modules it has then."""
    told = f"import sys\n{code}\nprint([name for name in {names} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-P", "-c", told], capture_output=True, check=True, text=True)
    return done.stdout


def test_a_gateway_that_serves_nobody_yet_has_no_sdk_no_models_and_no_traces() -> None:
    none = ("mcp", "mcp_types", "anyio", "pydantic", "opentelemetry", "mcp_dealer.features.features", *LEFT_OUT)
    assert _imported("import mcp_dealer.gateway.process", none) == "[]\n"


def test_what_is_served_knows_no_sdk() -> None:
    code = "from mcp_dealer.features.features import Features\nFeatures()"
    assert _imported(code, ("mcp", "mcp_types", "anyio")) == "[]\n"


@pytest.mark.slow
def test_the_sdk_of_a_gateway_has_neither_http_nor_clients() -> None:
    code = f"import mcp_dealer.sdk.server\nprint([name for name in {LEFT_OUT} if name in sys.modules])"
    assert printed(code) == "[]\n"


@pytest.mark.slow
def test_a_gateway_that_serves_http_imports_no_clients() -> None:
    code = f"import mcp_dealer.http.service\nprint([name for name in {OF_CLIENTS} if name in sys.modules])"
    assert printed(code, http=True) == "[]\n"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mcp.client.session", "mcp.server.sse", "starlette.requests"])
def test_what_was_left_out_can_be_imported_afterwards(name: str) -> None:
    assert printed(f"import {name}\nprint({name}.__file__ is not None)") == "True\n"


@pytest.mark.slow
def test_a_gateway_that_serves_http_has_all_of_the_sdk_but_what_seals() -> None:
    code = "import mcp_dealer.http.service\nprint('starlette' in sys.modules, 'cryptography' in sys.modules)"
    assert printed(code, http=True) == "True False\n"


_ASKED = """
from mcp_types import methods
name = "mcp_types._v2026_07_28"
before = name in sys.modules
params = {"name": "memory_get", "arguments": {}, "_meta": {
    "io.modelcontextprotocol/protocolVersion": VERSION,
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {}}}
request = methods.parse_client_request("tools/call", VERSION, params)
answer = {"content": [{"type": "text", "text": "so"}], "resultType": "complete"}
result = methods.serialize_server_result("tools/call", VERSION, answer)
print(before, name in sys.modules, request.params.name, result["content"][0]["text"], result.get("resultType"))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("version", "said"),
    [("2025-11-25", "False False memory_get so None"), ("2026-07-28", "False True memory_get so complete")],
)
def test_models_of_the_newest_protocol_come_with_its_first_request(version: str, said: str) -> None:
    assert printed(_ASKED.replace("VERSION", repr(version))) == f"{said}\n"


@pytest.mark.slow
def test_all_requests_and_answers_are_read_as_by_the_whole_sdk() -> None:
    code = """
from mcp_types import methods
from pydantic import TypeAdapter
maps = (methods.CLIENT_REQUESTS, methods.CLIENT_NOTIFICATIONS, methods.CLIENT_RESULTS, methods.SERVER_RESULTS,
    methods.SERVER_REQUESTS, methods.SERVER_NOTIFICATIONS)
print([TypeAdapter(model).json_schema() for one in maps for model in one.values()])
"""
    whole = "import mcp.server\n"
    assert printed(code) == printed(code, before=whole)


@pytest.mark.slow
def test_what_was_left_out_says_so_when_it_is_used() -> None:
    code = """
from mcp import Client
try:
    Client("https://nobody.invalid")
except ImportError as error:
    print(error)
"""
    assert printed(code) == "mcp.client.client.Client was left out of this process\n"


@pytest.mark.slow
def test_an_sdk_that_is_there_stays_whole() -> None:
    assert printed("print('starlette' in sys.modules)", before="import mcp\n") == "True\n"
