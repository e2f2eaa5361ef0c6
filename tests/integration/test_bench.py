"""Every measurement, with sizes that say whether it works, not how fast anything is: `python -m bench all --quick`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests import forks
from tests.bounds import BOUND_S

ALL_S = 6 * BOUND_S  # for all of them, which take about a minute on a machine that does nothing else

pytestmark = pytest.mark.timeout(2 * ALL_S)

PATIENT = {
    **dict.fromkeys(("MEMMUX_STALL_S", "MEMMUX_REQUEST_TIMEOUT_S", "MEMMUX_START_TIMEOUT_S"), f"{BOUND_S:g}"),
    "MEMMUX_DRAIN_S": "60",
    "MEMMUX_HEALTH_CHECK_S": "0",  # one that is late counts as failed, and answers say so until the next one
}

KEYS: Mapping[str, tuple[str, ...]] = {
    "smoke": ("cluster_p50_ms", "alone_p50_ms", "overhead_p50", "round_trip_ms", "router_mb", "status_command_s"),
    "degradation": (
        "overhead_p50",
        "throughput_ratio",
        "paced_p50_ratio",
        "paced_p95_ratio",
        "some_p95_ms",
        "overhead_store_p50",
        "store_throughput_ratio",
        "overhead_p50_warm",
        "throughput_ratio_warm",
        "paced_p50_ratio_warm",
        "paced_p95_ratio_warm",
    ),
    "search": ("p50_ms", "p95_ms", "per_s", "clients_per_s", "recall", "readers_mb"),
    "scale": tuple(
        f"{key}_200"
        for key in ("fill_s", "index_s", "readers_mb", "disk_mb", "disk_bytes_a_memory", "p50_ms", "recall")
    ),
    "store": ("vectors_per_s", "vectors_p50_ms", "vectors_p99_ms", "texts_per_s", "texts_p50_ms", "lost"),
    "store_cost": ("small_ms", "large_ms", "cost_ratio"),
    "mixed": (
        "alone_p95_ms",
        "paced_p95_ms",
        "paced_p95_ratio",
        "paced_stores_per_s",
        "saturating_p95_ms",
        "saturating_p95_ratio",
        "saturating_stores_per_s",
    ),
    "differential": ("jobs", "refused", "differences"),
    "engines": (
        "sqlite_stores_per_s",
        "postgresql_stores_per_s",
        "stores_ratio",
        "sqlite_search_p50_ms",
        "postgresql_search_p50_ms",
        "search_ratio",
        "same_percent",
        "primary_percent",
        "kills",
        "acknowledged",
        "lost",
        "twice",
        "failed",
        "first_store_s",
        "outage_ratio",
    ),
    "ops_overhead": (
        "with_per_s",
        "without_per_s",
        "with_per_s_given",
        "without_per_s_given",
        "with_cpu_router_ms",
        "without_given_cpu_router_ms",
    ),
    "start": (
        "packages_mib",
        "first_search_s",
        "first_pss_mib",
        "later_pss_mib",
        "later_cpu_router_s",
        "later_pss_mcp_server_mib",
        "embedder_private_mib",
        "first_answer_s",
        "whole_answer_s",
        "mcp_without_cluster_s",
        "mcp_with_cluster_s",
        "cluster_mb",
        "cluster_pss_mb",
        "idle_percent",
        "embed_ratio",
    ),
    "clients": (
        "gateway_call_ms",
        "relay_call_ms",
        "search_rate",
        "relay_start_ms",
        "initialize_ms",
        "relay_mb",
        "gateway_mb",
        "cluster_2_mb",
        "cluster_3_mb",
        "idle_percent",
        "kill_calls",
        "kill_failed",
        "kill_lost",
    ),
    "http": ("searches_s", "times", "search_ms", "gateway_mb", "streams_mb", "static_kb"),
    "upgrade": ("pause_s", "pause_median_s", "restart_s", "failed", "lost", "duplicated", "unanswered"),
    "tail": ("few_per_s", "some_per_s", "all_per_s", "shown_per_s", "lines"),
}


ROUNDED = 0.001  # what is shown differs from what was measured by less
OF_STARTS = frozenset({"smoke", "start"})  # what processes weigh, what they have imported, and how long that takes
SPAWNED = [sys.executable, "-P", "-m", "bench"]


@pytest.fixture(scope="module")
def document(model_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What it printed, all measurements in one; the peers have tests of their own.

    The clusters of those that are not about starts are forked, as those of other tests are.
    """
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("MEMMUX_")},
        **PATIENT,
        "MEMMUX_CACHE_DIR": str(model_cache),
        "XDG_CONFIG_HOME": str(tmp_path_factory.mktemp("config")),  # no user's memmux.toml
    }
    found: dict[str, Any] = {"rows": []}
    for names, command in ((OF_STARTS, SPAWNED), (KEYS.keys() - OF_STARTS, forks.command("bench"))):
        only = [f"--only={name.replace('_', '-')}" for name in sorted(names)]
        asked = [*command, "all", "--quick", *only, "--json"]
        ended = subprocess.run(asked, capture_output=True, timeout=ALL_S, check=False, env=environment)
        assert ended.stdout, ended.stderr.decode()
        part: dict[str, Any] = json.loads(ended.stdout)
        assert ended.returncode == (0 if all(row["ok"] for row in part["rows"]) else 1)
        found |= {**part, "rows": [*found["rows"], *part["rows"]]}
    return found


@pytest.mark.parametrize("section", KEYS)
def test_measurement_finds_all_that_it_is_about(section: str, document: dict[str, Any]) -> None:
    failed = [row for row in document["rows"] if row["name"] == section.replace("_", "-")]
    assert not failed
    for key in KEYS[section]:
        assert document[f"{section}_{key}"] >= 0, key


def test_nothing_acknowledged_is_lost(document: dict[str, Any]) -> None:
    assert document["store_acknowledged"] > 0
    assert document["store_lost"] == 0


def test_no_call_fails_of_an_upgrade(document: dict[str, Any]) -> None:
    assert document["upgrade_calls"] > 0
    assert (document["upgrade_failed"], document["upgrade_lost"], document["upgrade_duplicated"]) == (0, 0, 0)


def test_search_finds_the_nearest(document: dict[str, Any]) -> None:
    assert document["search_recall"] >= 0.99  # with a filter
    assert document["scale_recall_200"] >= 0.99


def test_only_ratios_and_what_is_promised_of_small_databases_have_targets(document: dict[str, Any]) -> None:
    targets = {row["key"] for row in document["rows"] if row["target"]}
    assert {
        "degradation_overhead_p50",
        "mixed_paced_p95_ratio",
        "mixed_saturating_p95_ratio",
        "store_lost",
        "start_idle_percent",
    } <= targets
    assert not targets & {"search_p50_ms", "scale_recall_200", "store_cost_cost_ratio", "start_first_answer_s"}
    assert not targets & {"degradation_some_p95_ms", "start_cluster_pss_mb"}
    assert not any(key.endswith("_warm") for key in targets)


def test_each_row_tells_its_verdict(document: dict[str, Any]) -> None:
    for row in document["rows"]:
        assert row["verdict"] == ("" if not row["target"] else "met" if row["ok"] else "missed"), row


def test_ratios_are_of_what_was_measured(document: dict[str, Any]) -> None:
    ratio = document["degradation_one_p50_ms"] / document["degradation_alone_p50_ms"]
    assert document["degradation_overhead_p50"] == pytest.approx(ratio, rel=0.01, abs=ROUNDED)
    for writer in ("paced", "saturating"):
        ratio = document[f"mixed_{writer}_p95_ms"] / document["mixed_alone_p95_ms"]
        assert document[f"mixed_{writer}_p95_ratio"] == pytest.approx(ratio, rel=0.01, abs=ROUNDED)
