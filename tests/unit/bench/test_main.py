"""The command line of the harness: what becomes of its options."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest
from click.testing import CliRunner

from bench.__main__ import bench
from bench.faults import upgrade
from bench.harness import plots
from bench.harness.measure import Row, at_most
from bench.scenarios import (
    degradation,
    differential,
    engines,
    everything,
    http,
    languages,
    mixed,
    retrieval,
    scale,
    search,
    smoke,
    start,
    store,
    store_cost,
    tail,
)
from memmux.config.settings import EmbedderChoice

MEASUREMENTS = (
    degradation,
    differential,
    engines,
    everything,
    http,
    languages,
    mixed,
    retrieval,
    scale,
    search,
    smoke,
    start,
    store,
    store_cost,
    tail,
    upgrade,
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """What the measurements are asked for, none of which takes place; each finds one target missed."""
    found: list[tuple[object, ...]] = []

    def instead(module: ModuleType) -> Callable[..., list[Row]]:
        def measure(*args: Any, **kwargs: Any) -> list[Row]:
            found.append((module.__name__, *args, *kwargs.values()))
            return [at_most("ratio", 2.0, 1.0, key="ratio")]

        return measure

    for module in MEASUREMENTS:
        monkeypatch.setattr(module, "measure", instead(module))
    return found


def _run(*arguments: str) -> tuple[int, str]:
    ended = CliRunner().invoke(bench, arguments)
    return ended.exit_code, ended.output


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("smoke --memories 300 --queries 40", ("bench.scenarios.smoke", 300, 40)),
        ("degradation", ("bench.scenarios.degradation", degradation.Options(), None)),
        (
            "degradation --clients 4 --paced-clients 2 --memories 500 --rounds 3 --plot out.png",
            (
                "bench.scenarios.degradation",
                degradation.Options(clients=4, paced=2, memories=500, rounds=3),
                Path("out.png"),
            ),
        ),
        ("search", ("bench.scenarios.search", search.Options())),
        (
            "search --memories 100000 --filter 0.01 --clients 2 --queries 50",
            ("bench.scenarios.search", search.Options(memories=100_000, fraction=0.01, clients=2, queries=50)),
        ),
        ("http --memories 100", ("bench.scenarios.http", http.Options(memories=100))),
        ("store --clients 3 --seconds 1.5", ("bench.scenarios.store", store.Options(clients=3, seconds=1.5))),
        (
            "store-cost --small 10 --large 20 --rounds 3",
            ("bench.scenarios.store_cost", store_cost.Options(small=10, large=20, rounds=3)),
        ),
        ("mixed --memories 200 --seconds 3", ("bench.scenarios.mixed", mixed.Options(memories=200, seconds=3))),
        ("scale", ("bench.scenarios.scale", scale.Options(), None)),
        (
            "scale --sizes 100,2000 --plot out.svg",
            ("bench.scenarios.scale", scale.Options(sizes=(100, 2000)), Path("out.svg")),
        ),
        ("start --memories 200 --idle-seconds 2", ("bench.scenarios.start", start.Options(memories=200, idle_s=2))),
        (
            "upgrade --clients 4 --rounds 2 --seed 7 --embedder hash",
            ("bench.faults.upgrade", upgrade.Options(clients=4, rounds=2, seed=7, embedder=EmbedderChoice.HASH)),
        ),
        ("engines --memories 500 --kills 2", ("bench.scenarios.engines", engines.Options(memories=500, kills=2))),
        ("engines --quick", ("bench.scenarios.engines", engines.QUICK)),
        (
            "differential --steps 5 --seed 2",
            ("bench.scenarios.differential", differential.Options(steps=5, seed=2)),
        ),
        ("tail --lines 2000 --rounds 1", ("bench.scenarios.tail", tail.Options(lines=2000, rounds=1))),
        ("all --quick --only store --only mixed", ("bench.scenarios.everything", ("store", "mixed"), True)),
    ],
)
def test_options_reach_the_measurement_and_a_missed_target_ends_with_1(
    line: str, wanted: tuple[object, ...], asked: list[tuple[object, ...]]
) -> None:
    code, output = _run(*line.split(), "--json")
    assert asked == [wanted]
    assert code == 1
    assert '"ratio":2.0' in output


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("scale --sizes 10,many", "numbers with commas"),
        ("scale --sizes 10,,20", "numbers with commas"),
        ("scale --sizes 10,0", "1 at least"),
        ("all --only nothing", "there is no 'nothing'"),
        ("search --filter 1.5", "0<=x<=1"),
    ],
)
def test_option_that_makes_no_sense_is_refused(line: str, said: str, asked: list[tuple[object, ...]]) -> None:
    code, output = _run(*line.split())
    assert (code, asked) == (2, [])
    assert said in output


def test_peers_are_called_with_their_options(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[tuple[object, ...]] = []
    peers = ModuleType("bench.peers.compare")
    peers.run = lambda *args, **kwargs: called.append((*args, kwargs)) or 1  # type: ignore[attr-defined, func-returns-value]  # a module for this test
    monkeypatch.setitem(sys.modules, "bench.peers.compare", peers)
    assert _run("peers", "--memories", "200", "--queries", "20", "--json")[0] == 1
    assert _run("peers", "--part", "texts")[0] == 1
    assert called == [
        (200, 20, ("vectors", "texts"), {"as_json": True, "plot": None}),
        (10_000, 1_000, ("texts",), {"as_json": False, "plot": None}),
    ]
    assert _run("peers", "--part", "texts", "--plot", "out.png")[0] == 2


def test_picture_without_matplotlib_is_refused_before_anything_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(click.ClickException, match=r"pip install 'memmux\[bench\]'"):
        plots.check()
    code, output = _run("scale", "--sizes", "100", "--plot", "out.png")
    assert code == 1
    assert "memmux[bench]" in output


def test_questions_are_asked_of_the_file_that_is_named(asked: list[tuple[object, ...]], tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.touch()
    result = CliRunner().invoke(bench, ["retrieval", str(path), "--model", "m"])
    assert result.exit_code == 1
    assert asked == [("bench.scenarios.retrieval", path, "m")]
    assert CliRunner().invoke(bench, ["languages"]).exit_code == 1


def test_a_file_that_is_no_set_of_questions_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text("{")
    result = CliRunner().invoke(bench, ["retrieval", str(path)])
    assert result.exit_code == 1
    assert "line 1 of" in result.output
