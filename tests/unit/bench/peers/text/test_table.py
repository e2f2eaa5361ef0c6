"""What is told of the comparison with peers that take texts."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from bench.harness.measure import Row
from bench.harness.rounds import Round, Rounds
from bench.peers.text import table
from bench.peers.text.interface import MODULES, text_peer
from bench.peers.text.table import CHROMA, HYBRID, MEANING, OURS, POSTGRES, SERVICE, Result, Results


def _rounds(per_s: float, p50_ms: float = 10.0, p95_ms: float = 10.0) -> Rounds:
    slow = (p95_ms,) * 10
    return Rounds([Round((*(p50_ms,) * 90, *slow), (), 100 / per_s, cpu_s=1.0)])


def _result(searches: Mapping[str, Rounds], stores: Rounds | str) -> Result:
    by_count = {name: {1: _rounds(1), 8: found} for name, found in searches.items()}
    return Result(version="1.0", searches=by_count, stores=stores, start_s=0.5, pss_mb=200.0)


def _results(*, hybrid: float = 180, meaning: float = 200, p95_ms: float = 10.0, stores: float = 110) -> Results:
    ours = {HYBRID: _rounds(hybrid, p95_ms=p95_ms), MEANING: _rounds(meaning, p95_ms=p95_ms)}
    return {
        OURS: _result(ours, _rounds(stores)),
        POSTGRES: _result({POSTGRES: _rounds(100)}, _rounds(100)),
        CHROMA: _result({CHROMA: _rounds(160)}, _rounds(50)),
        SERVICE: _result({SERVICE: _rounds(36)}, _rounds(20)),
    }


def _promised(results: Results) -> dict[str, Row]:
    return {row.key: row for row in table.ratios(results)}


def test_targets_are_met_on_their_border() -> None:
    rows = _promised(_results())
    assert {row.verdict for row in rows.values()} == {"met"}
    assert rows["hybrid_over_pgvector"].value == 1.8
    assert rows["meaning_over_chroma"].value == 1.25
    assert rows["hybrid_over_memory_service"].value == 5.0
    assert rows["stores_over_pgvector"].value == 1.1


def test_slower_and_less_even_misses_every_target() -> None:
    rows = _promised(_results(hybrid=170, meaning=190, p95_ms=15.0, stores=100))
    assert {row.verdict for row in rows.values()} == {"missed"}
    assert "processor time" in rows["hybrid_over_pgvector"].why


@pytest.mark.parametrize("said", ["not installed: pip install something", "failed: it ended"])
def test_peer_that_was_not_measured_says_why_and_misses_nothing(said: str) -> None:
    rows = list(table.rows({**_results(), POSTGRES: said, CHROMA: said, SERVICE: said}))
    assert all(row.ok for row in rows)
    assert [row.verdict for row in rows].count("not measured") == 5
    assert next(row for row in rows if row.name == f"text, {CHROMA}").value == said


def test_peer_that_has_one_writer_at_a_time_is_asked_all_the_same() -> None:
    results = {**_results(), "MemPalace": _result({"MemPalace": _rounds(22)}, "8 clients at once failed")}
    rows = {row.name: row.value for row in table.rows(results)}
    assert rows["text, MemPalace, 8 clients, searches/s"] == 22
    assert rows["text, MemPalace, 8 clients, stores of short texts/s"] == "8 clients at once failed"


def test_peer_that_can_not_store_leaves_what_is_promised_of_stores_open() -> None:
    results = {**_results(), POSTGRES: _result({POSTGRES: _rounds(100)}, "8 clients at once failed")}
    rows = _promised(results)
    assert rows["stores_over_pgvector"].verdict == "not measured"
    assert rows["hybrid_over_pgvector"].verdict == "met"


def test_rows_have_keys_of_their_own() -> None:
    keys = [row.key for row in table.rows(_results()) if row.key]
    assert len(keys) == len(set(keys))
    assert {"text_memmux_hybrid_8_cpu_ms", "text_memmux_pss_mb", "text_chroma_start_s"} <= set(keys)


def test_modules_are_peers_of_different_names_and_memmux_is_the_first() -> None:
    known = [text_peer(module) for module in MODULES]
    assert [one.NAME for one in known] == [OURS, POSTGRES, CHROMA, SERVICE, "MemPalace"]
    ways = [way for one in known for way in one.MODES]
    assert len(ways) == len(set(ways))
    assert {HYBRID, MEANING, POSTGRES, CHROMA, SERVICE} <= set(ways)
