"""A short comparison with the peers that are installed; `python -m bench peers` does the same for longer."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import psutil

from bench.peers.interface import MODULES, REMEDY, installed, peer
from bench.peers.text.interface import MODULES as TEXT_MODULES
from bench.peers.text.interface import text_peer
from tests.bounds import BOUND_S

COMPARISON_S = 3 * BOUND_S  # of all peers, one after the other
PATIENT = {"MEMMUX_STALL_S": f"{BOUND_S:g}", "MEMMUX_HEALTH_CHECK_S": "0"}  # as other peers are


def test_every_peer_that_is_installed_finds_what_brute_force_finds_and_leaves_nothing(
    model_env: dict[str, str], short_tmp: Path
) -> None:
    short_tmp.chmod(0o755)  # who runs PostgreSQL for root has to get through
    command = [sys.executable, "-P", str(Path(__file__).with_name("peers_process.py")), "500", "20", "2"]
    env = {**model_env, **PATIENT, "TMPDIR": str(short_tmp)}
    ended = subprocess.run(command, capture_output=True, timeout=COMPARISON_S, check=False, env=env)
    assert ended.stdout, ended.stderr.decode()
    rows = {row["name"]: row["value"] for row in json.loads(ended.stdout)["rows"]}
    assert {"memmux, recall@10", "sqlite-vec, recall@10"} <= rows.keys()
    for one in map(peer, MODULES):
        if installed(one):
            assert rows[f"{one.NAME}, recall@10"] >= 0.99
            assert rows[f"{one.NAME}, 2 clients, queries/s"] > 0
        else:
            assert rows[one.NAME] == REMEDY
    assert [path.name for path in short_tmp.glob("m*-*")] == []
    lines = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    assert [line for line in lines if str(short_tmp) in line] == []


def test_every_peer_for_texts_that_is_installed_is_asked_and_leaves_nothing(
    model_env: dict[str, str], short_tmp: Path
) -> None:
    short_tmp.chmod(0o755)
    script = Path(__file__).with_name("text_peers_process.py")
    command = [sys.executable, "-P", str(script), "200", "2", *TEXT_MODULES]
    env = {**model_env, **PATIENT, "TMPDIR": str(short_tmp), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, capture_output=True, timeout=COMPARISON_S, check=False, env=env)
    assert ended.stdout, ended.stderr.decode()
    rows = {row["name"]: row["value"] for row in json.loads(ended.stdout)["rows"]}
    for one in map(text_peer, TEXT_MODULES):
        if all(find_spec(package) for package in one.PACKAGES):
            for way in one.MODES:
                assert rows[f"text, {way}, 2 clients, searches/s"] > 0
            assert rows[f"text, {one.NAME}, 2 clients, PSS of everything, MiB"] > 0
        else:
            assert rows[f"text, {one.NAME}"] == one.REMEDY
    assert [path.name for path in short_tmp.glob("m*-*")] == []
