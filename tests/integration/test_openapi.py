"""The OpenAPI document before a real cluster: schemathesis sends what it allows, and what it does not."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_dealer.http.rest import routes
from memmux.config.loader import load
from tests.bounds import BOUND_S
from tests.http_app import Served, serve

EXAMPLES = 4  # of each operation, beside those that cover its parameters
# A body may be as the schema says and still be refused, as a time that nobody understands; and a gate, which asks for
# tokens, stands before these routes in the gateway alone.
LEFT_OUT = "positive_data_acceptance,ignored_auth"


@pytest.fixture(scope="module")
def server(shared_env: dict[str, str]) -> Iterator[Served]:
    """REST before the cluster of this module."""
    with serve(load(environment=shared_env), routes) as served:
        served.get("/api/status")
        yield served


@pytest.mark.skipif(importlib.util.find_spec("schemathesis") is None, reason="schemathesis is not installed")
def test_each_operation_keeps_to_its_description(server: Served, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/api/openapi.json", "--no-color"]
    bounds = ["--max-examples", str(EXAMPLES), "--generation-deterministic", "--phases", "examples,coverage,fuzzing"]
    checks = ["--checks", "all", "--exclude-checks", LEFT_OUT, "--exclude-path", "/api/events"]
    ended = subprocess.run(
        [*command, *bounds, *checks, "--request-timeout", f"{BOUND_S}"],
        cwd=tmp_path,
        env={**os.environ, "HYPOTHESIS_STORAGE_DIRECTORY": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=3 * BOUND_S,  # of some hundred requests, each of which may take its time
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-8000:]


def test_the_document_that_is_served_is_the_one_that_is_checked_in(server: Served) -> None:
    kept = Path(__file__).parents[2] / "docs" / "openapi.json"
    assert server.get("/api/openapi.json").body == kept.read_bytes()
