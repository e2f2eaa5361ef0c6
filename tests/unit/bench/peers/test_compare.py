"""The comparison with peers: what is told of it, how an index is tuned, and how a client asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from bench.harness.material import Material
from bench.harness.measure import Row
from bench.harness.rounds import Round, Rounds
from bench.harness.tasks import Task, Work
from bench.peers import compare, process, table
from bench.peers.interface import MODULES, REMEDY, Address, Ask, Served, Vector, installed, peer
from bench.peers.process import loop
from bench.peers.table import Result


def _result(p50_ms: float, per_s: float, recall: float = 1.0, tuning: str = "") -> Result:
    rounds = [Rounds([Round((p50_ms,) * 100, (), 100 / rate)]) for rate in (1000 / p50_ms, per_s)]
    return Result(version="1.0", tuning=tuning, recall=recall, clients=8, one=rounds[0], many=rounds[1])


def _by_name(rows: list[Row]) -> dict[str, Row]:
    return {row.name: row for row in rows}


LATENCY = "vector search, 1 client p50, memmux / pgvector"
RATE = "vector search, 8 clients, q/s, memmux / pgvector"


def test_targets_are_met_on_their_border() -> None:
    rows = _by_name(list(table.rows({"memmux": _result(1.15, 1800), "pgvector": _result(1.0, 2000)})))
    assert (rows[LATENCY].value, rows[LATENCY].ok) == (1.15, True)
    assert (rows[RATE].value, rows[RATE].ok) == (0.9, True)


def test_slower_than_pgvector_misses_both_targets() -> None:
    rows = _by_name(list(table.rows({"memmux": _result(0.6, 1790), "pgvector": _result(0.5, 2000)})))
    assert not rows[LATENCY].ok
    assert not rows[RATE].ok


def test_low_recall_of_memmux_misses_a_target_and_that_of_a_peer_is_told() -> None:
    rows = _by_name(list(table.rows({"memmux": _result(1, 1, 0.98), "sqlite-vec": _result(1, 1, 0.97)})))
    assert not rows["memmux, recall@10"].ok
    assert (rows["sqlite-vec, recall@10"].value, rows["sqlite-vec, recall@10"].ok) == (0.97, True)


def test_peer_that_is_not_installed_says_the_remedy_and_misses_nothing() -> None:
    rows = list(table.rows({"memmux": _result(0.5, 4000), "pgvector": None, "Chroma": None}))
    assert _by_name(rows)["pgvector"].value == REMEDY
    assert [row.verdict for row in rows if row.target][:2] == ["not measured", "not measured"]
    assert all(row.ok for row in rows)
    assert _by_name(rows)["Chroma"].ok


def test_table_has_a_line_per_peer_with_its_tuning() -> None:
    results = {"memmux": _result(0.5, 4000), "pgvector": _result(0.75, 2000, 0.991, "ef_search=64"), "Chroma": None}
    console = Console(width=160)
    with console.capture() as captured:
        console.print(table.table(results))
    text = captured.get()
    assert "q/s at 8" in text
    (pgvector,) = (line for line in text.splitlines() if "pgvector" in line)
    assert all(cell in pgvector for cell in ("0.75", "2000", "0.9910", "ef_search=64; 1.0"))
    (chroma,) = (line for line in text.splitlines() if "Chroma" in line)
    assert REMEDY in chroma


def test_picture_leaves_out_who_is_not_installed() -> None:
    picture = table.picture({"memmux": _result(0.5, 4000), "pgvector": None}, 10_000)
    assert picture.places == (1, 8)
    assert picture.curves == {"memmux": pytest.approx((2000, 4000))}


@dataclass
class _Peer:
    """Finds as many of the ten nearest as it was told to look at."""

    NAME: str = "fake"
    PACKAGES: tuple[str, ...] = ("orjson",)
    BREADTH: str = "width"
    BREADTHS: tuple[int, ...] = (5, 10, 20)
    widened: list[int] = field(default_factory=lambda: [10])

    @contextmanager
    def serve(self, material: Material, folder: Path) -> Iterator[Served]:
        raise NotImplementedError

    @contextmanager
    def connect(self, address: Address) -> Iterator[Ask]:
        assert address == ("here",)
        width = self.widened[-1]
        yield lambda _: [(place, f"text §{place if place < width else 99}") for place in range(10)]


TRUTH = np.arange(10, dtype=np.int64)[np.newaxis]
ASKED = np.ones((1, 4), np.float32)


def test_least_breadth_that_finds_enough_is_taken() -> None:
    fake = _Peer()
    served = Served(address=("here",), version="", widen=fake.widened.append)
    assert compare.tuned(fake, served, ASKED, TRUTH) == ("width=10", 1.0)
    assert fake.widened == [10, 5, 10]


def test_greatest_breadth_is_taken_when_none_finds_enough() -> None:
    fake = _Peer(BREADTHS=(5, 8))
    served = Served(address=("here",), version="", widen=fake.widened.append)
    assert compare.tuned(fake, served, ASKED, TRUTH) == ("width=8", 0.8)


def test_exact_search_is_not_widened() -> None:
    assert compare.tuned(_Peer(BREADTHS=()), Served(address=("here",), version=""), ASKED, TRUTH) == ("", 1.0)


def test_peer_without_its_packages_is_not_installed() -> None:
    assert installed(_Peer())
    assert not installed(_Peer(PACKAGES=("orjson", "no_such_package")))


def test_modules_are_peers_of_different_names() -> None:
    known = [peer(module) for module in MODULES]
    assert [one.NAME for one in known] == ["memmux", "pgvector", "Chroma", "sqlite-vec"]
    assert all(list(one.BREADTHS) == sorted(one.BREADTHS) for one in known)
    assert {table.OURS, table.THEIRS} <= {one.NAME for one in known}


def test_client_asks_its_share_of_the_queries_and_at_least_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    now = [5.0]
    clock = SimpleNamespace(monotonic=lambda: now[-1], sleep=lambda pause: now.append(now[-1] + pause))
    monkeypatch.setattr(process, "time", clock)

    def ask(query: Vector) -> list[tuple[object, str]]:
        asked.append(float(query[0]))
        clock.sleep(0.25)
        return []

    queries = np.arange(8, dtype=np.float32).reshape(-1, 1)
    done = loop(ask, queries, Task(work=Work.SEARCH, seconds=0.0, first=3, step=4), 7.0)
    assert (asked, done.began, done.ended, done.latencies_ms) == ([3.0], 7.0, 7.25, (250.0,))
    done = loop(ask, queries, Task(work=Work.SEARCH, seconds=0.75, first=3, step=4), 7.0)  # which is over
    assert (asked[1:], done.began, done.ended, done.calls) == ([3.0, 7.0, 3.0], 7.25, 8.0, 3)
