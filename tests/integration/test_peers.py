"""A short comparison with the peers that are installed; `python -m bench peers` does the same for longer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psutil

from bench.peers.interface import MODULES, REMEDY, installed, peer
from tests.bounds import BOUND_S


def test_every_peer_that_is_installed_finds_what_brute_force_finds_and_leaves_nothing(
    model_env: dict[str, str], short_tmp: Path
) -> None:
    short_tmp.chmod(0o755)  # who runs PostgreSQL for root has to get through
    command = [sys.executable, "-P", str(Path(__file__).with_name("peers_process.py")), "500", "20", "2"]
    env = {**model_env, "TMPDIR": str(short_tmp)}
    ended = subprocess.run(command, capture_output=True, timeout=BOUND_S, check=False, env=env)
    assert ended.stdout, ended.stderr.decode()
    rows = {row["name"]: row["value"] for row in json.loads(ended.stdout)["rows"]}
    assert {"memmux, recall@10", "sqlite-vec, recall@10"} <= rows.keys()
    for one in map(peer, MODULES):
        if installed(one):
            assert rows[f"{one.NAME}, recall@10"] >= 0.99
            assert rows[f"{one.NAME}, 2 clients, queries/s"] > 0
        else:
            assert rows[one.NAME] == REMEDY
    assert [path.name for path in short_tmp.glob("memmux-*")] == []
    lines = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    assert [line for line in lines if str(short_tmp) in line] == []
