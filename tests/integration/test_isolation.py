"""What each process loads: the router stays small, and heavy libraries stay where they belong."""

from __future__ import annotations

from pathlib import Path

import pytest

from memmux import Client
from memmux.config.settings import load
from tests.integration.helpers import status_until

pytestmark = pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="looks into /proc")
HEAVY = (
    *("torch/", "scipy/", "scipy.libs/", "sklearn/", "site-packages/onnx/", "safetensors/"),
    *("onnxruntime/", "site-packages/mcp/", "pydantic_core/", "apsw/", "sqlite_vec/", "numpy/"),
)


def _loaded(pid: int) -> set[str]:
    maps = Path(f"/proc/{pid}/maps").read_text()
    return {name for name in HEAVY if name in maps}


def _embeds(pid: int) -> bool:
    return "onnxruntime/" in _loaded(pid)


def test_each_process_loads_only_what_its_work_needs(model_env: dict[str, str]) -> None:
    with Client(settings=load(environment=model_env)) as client:
        client.store("so that every worker has worked")
        status = status_until(
            client, lambda status: len(status.workers) == 4 and {w["state"] for w in status.workers} == {"ready"}
        )
        status_until(client, lambda status: all(_embeds(w["pid"]) for w in status.workers if w["kind"] == "read"))
        client.search("worked")
        loaded = {worker["kind"]: _loaded(worker["pid"]) for worker in status.workers}
    assert _loaded(status.pid) == set()
    assert loaded["embed"] == {"onnxruntime/", "numpy/"}
    assert loaded["write"] == {"apsw/", "sqlite_vec/", "numpy/"}
    assert loaded["read"] == loaded["write"] | {"onnxruntime/"}  # it embeds queries
