"""The import contracts can fail: for each of them an import that it forbids is planted in a copy of the code."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("memmux", "router", "workers", "mcp_dealer", "bench")
PLANTED = {
    "the shared contract imports none of its users": ("memmux/limits.py", "import router.dispatch"),
    "router, workers and mcp_dealer never import each other": ("mcp_dealer/tools/tool.py", "import workers.read"),
    "only bench stands above": ("workers/read.py", "import bench.harness.report"),
    "bench starts clusters only as a user would": ("bench/harness/arena.py", "import router.io.loop"),
    "memmux: from what knows most to what knows least": ("memmux/wire/ids.py", "import memmux.config.settings"),
    "relay: as small as a Python process can be": ("memmux/relay/frames.py", "import json"),
    "ingest: the readers of strangers' files know no client": (
        "memmux/ingest/parser_process.py",
        "import memmux.client.blocking",
    ),
    "router: sockets around decisions": ("router/lifecycle/supervisor.py", "import router.io.loop"),
    "router: the dispatcher is sans-I/O": ("router/dispatch/flow.py", "import time"),
    "mcp_dealer: from the process to the bytes": ("mcp_dealer/lines.py", "import mcp_dealer.link.asked"),
    "gateway: HTTP is imported at one place, where it is asked for": (
        "mcp_dealer/gateway/session.py",
        "import mcp_dealer.http.problem",
    ),
    "HTTP: from what serves it to who asks": ("mcp_dealer/http/problem.py", "import mcp_dealer.http.server"),
    "workers: kinds of workers above engines": ("workers/index/exact.py", "import workers.write"),
    "workers: words are pure": ("workers/words/stems.py", "import numpy"),
    "storage: reading and writing know nothing of each other": (
        "workers/storage/reading/reader.py",
        "import workers.storage.writing.changes",
    ),
    "storage: an engine's library is imported by that engine alone": ("workers/storage/records/rows.py", "import apsw"),
    "PostgreSQL: from what serves to the wire": (
        "workers/storage/postgres/engine.py",
        "import workers.storage.postgres.writer",
    ),
    "SQLite: from what serves to the file": (
        "workers/storage/sqlite/engine.py",
        "import workers.storage.sqlite.writer",
    ),
    "bench: scenarios above the harness": ("bench/harness/measure.py", "import bench.scenarios.smoke"),
}


@pytest.mark.slow
def test_an_illegal_import_breaks_each_contract(tmp_path: Path) -> None:
    written = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    contracts = [contract["name"] for contract in tomllib.loads(written)["tool"]["importlinter"]["contracts"]]
    assert set(contracts) == set(PLANTED), "plant an import for each contract"
    (tmp_path / "pyproject.toml").write_text(written, encoding="utf-8")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    for file, line in PLANTED.values():
        with (tmp_path / file).open("a", encoding="utf-8") as module:
            module.write(f"\n{line}\n")
    linted = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--config", "pyproject.toml"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    broken = re.findall(r"^(.+) BROKEN", linted.stdout, re.MULTILINE)
    assert (linted.returncode, broken) == (1, contracts), linted.stdout + linted.stderr
