"""The lean SDK, in processes of their own."""

from __future__ import annotations

import subprocess
import sys

import pytest

LEFT_OUT = (
    "httpx2",
    "mcp.client.client",
    "mcp_dealer.http",
    "mcp.server.streamable_http_manager",
    "sse_starlette",
    "starlette",
    "uvicorn",
)


OF_CLIENTS = ("httpx2", "mcp.client.client", "mcp.server.auth.routes", "mcp.server.sse")


def printed(code: str, before: str = "", *, http: bool = False) -> str:
    """Return what a new process prints that imports the lean SDK and runs the code; before: run before that."""
    begun = f"import sys\n{before}from mcp_dealer import lean_sdk\nlean_sdk.import_sdk(http={http})\n"
    done = subprocess.run([sys.executable, "-P", "-c", begun + code], capture_output=True, check=True, text=True)
    return done.stdout


@pytest.mark.slow
def test_a_gateway_imports_neither_http_nor_clients() -> None:
    code = f"import mcp_dealer.gateway.process\nprint([name for name in {LEFT_OUT} if name in sys.modules])"
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
