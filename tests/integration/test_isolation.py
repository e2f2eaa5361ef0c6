"""What each process loads: the router stays small, and heavy libraries stay where they belong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from memmux import Client
from memmux.config.loader import load
from tests.bounds import BOUND_S
from tests.import_path import python_path
from tests.integration.conftest import FAULTS
from tests.integration.helpers import complete, status_until
from tests.integration.machines import memmux
from tests.integration.mcp_by_hand import McpByHand

pytestmark = pytest.mark.spawned

LIGHT = Path(__file__).parents[1] / "light"
HEAVY = (
    *("torch/", "scipy/", "scipy.libs/", "sklearn/", "site-packages/onnx/", "safetensors/"),
    *("onnxruntime/", "site-packages/mcp/", "pydantic_core/", "apsw/", "sqlite_vec/", "numpy/"),
)


def _loaded(pid: int) -> set[str]:
    maps = Path(f"/proc/{pid}/maps").read_text()
    return {name for name in HEAVY if name in maps}


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="looks into /proc")
def test_each_process_loads_only_what_its_work_needs(
    model_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", python_path(FAULTS))
    monkeypatch.setenv("MEMMUX_TEST_ANSWER_S", f"{BOUND_S}")  # else a slow fork server is done without
    with Client(settings=load(environment=model_env)) as client:
        client.store("so that every worker has worked")
        status = status_until(client, complete)
        client.search("worked")
        loaded = {worker["kind"]: _loaded(worker["pid"]) for worker in status.workers}
    assert _loaded(status.pid) == set()
    common = {"apsw/", "numpy/"}  # of the process that they are forked from, whose memory they share
    assert loaded["embed"] == common | {"onnxruntime/"}
    assert loaded["read"] == common | {"onnxruntime/", "sqlite_vec/"}
    assert loaded["write"] == common | {"sqlite_vec/"}  # forked before the model is loaded there


@pytest.fixture
def light_env(model_env: dict[str, str], short_tmp: Path) -> dict[str, str]:
    """The environment of processes for which torch and all that comes with it is not installed."""
    (short_tmp / "home").mkdir()
    return {
        **model_env,
        "HOME": str(short_tmp / "home"),
        "PYTHONPATH": python_path(LIGHT),
        "MEMMUX_TEST_TRIED": str(short_tmp / "tried"),
        "MEMMUX_CACHE_DIR": str(short_tmp / "cache"),  # the graph is made as well
        "MEMMUX_EMBEDDER": "auto",
    }


def test_no_process_needs_or_tries_what_a_light_installation_lacks(light_env: dict[str, str], short_tmp: Path) -> None:
    """The commands, the MCP server, the router, each kind of worker, and their tasks, over the real model."""
    for command in (["setup"], *(["store", f"the {animal} sat on the mat"] for animal in ("cat", "cow", "hen", "ape"))):
        ended = memmux(light_env, *command)
        assert ended.returncode == 0, ended.stderr
    with McpByHand(light_env) as server:
        assert not server.call("memory_store", content="a boat on the sea").get("isError")
        assert "boat" in json.dumps(server.call("memory_search", query="a ship on the water"))
    with Client(settings=load(environment=light_env), start=False) as client:
        status_until(client, lambda status: not status.pending and complete(status))
    found = json.loads(memmux(light_env, "search", "a kitten", "--limit", "1", "--json").stdout)
    assert [hit["memory"]["content"] for hit in found["hits"]] == ["the cat sat on the mat"]
    assert found["degraded"] == []
    for command in (["doctor"], ["check", "--deep"], ["backup"], ["stop"], ["restore", "--newest"]):
        ended = memmux(light_env, *command)
        assert ended.returncode == 0, ended.stdout + ended.stderr
    tried = short_tmp / "tried"
    assert not tried.exists(), tried.read_text()


def test_what_a_light_installation_lacks_can_not_be_imported_there(light_env: dict[str, str], short_tmp: Path) -> None:
    """So that the test above can fail."""
    code = "import importlib.util; importlib.util.find_spec('sentence_transformers')"
    ended = subprocess.run(
        [sys.executable, "-P", "-c", code], env=light_env, check=False, timeout=BOUND_S, stderr=subprocess.DEVNULL
    )
    assert ended.returncode == 1
    assert "sentence_transformers" in (short_tmp / "tried").read_text()
