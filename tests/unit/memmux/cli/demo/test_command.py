"""The verdict of the demo."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from memmux.cli.demo import command
from memmux.cli.demo.corpus import documents
from memmux.cli.demo.players import Played, Player
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.wire.answers import Status

TEXTS = documents(4)


def _status(memories: int) -> Status:
    return Status(
        state="serving",
        pid=1,
        version="0",
        endpoint="",
        database="",
        seq=memories,
        memories=memories,
        pending=0,
        model="some model",
        uptime_s=1.0,
        rss_bytes=0,
        degraded=(),
        workers=(),
        clients=(),
        queues={},
        requests={},
    )


def _played() -> Played:
    """Two players that found everything."""
    players = tuple(
        Player(
            name=f"client {number}",
            documents=TEXTS[number::2],
            stored={document.name: document for document in TEXTS[number::2]},
            store_ms=[1.0, 3.0],
            search_ms=[2.0, 4.0],
            by_meaning=1,
            exactly=1,
            intact=2,
        )
        for number in range(2)
    )
    return Played(players=players, statuses=(_status(len(TEXTS)),), pids=frozenset())


def _lose_hit(played: Played) -> None:
    played.players[0].exactly -= 1


def _change_text(played: Played) -> None:
    played.players[1].intact -= 1


def _lose_store(played: Played) -> None:
    played.players[1].stored.popitem()


def test_demo_passes_when_everything_was_found_and_nothing_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    assert command._tell(_played(), len(TEXTS), [], 12.0, as_json=False) == 0
    table, verdict = capsys.readouterr().out.rsplit("\n", 2)[:2]
    assert "client 1" in table
    assert verdict.startswith("passed: 2 clients stored 4 of 4 memories; 4 were found again")


@pytest.mark.parametrize("spoil", [_lose_hit, _change_text, _lose_store])
def test_demo_fails_when_a_store_is_not_found_again(
    spoil: Callable[[Played], None], capsys: pytest.CaptureFixture[str]
) -> None:
    played = _played()
    spoil(played)
    assert command._tell(played, len(TEXTS), [], 12.0, as_json=False) == 1
    assert "FAILED" in capsys.readouterr().out


def test_demo_fails_when_the_cluster_holds_something_else(capsys: pytest.CaptureFixture[str]) -> None:
    played = replace(_played(), statuses=(_status(len(TEXTS)), _status(len(TEXTS) + 1)))
    assert command._tell(played, len(TEXTS), [], 12.0, as_json=True) == 1
    assert json.loads(capsys.readouterr().out)["passed"] is False


def test_demo_on_postgresql_fails_where_nothing_was_stored_after_the_kill(capsys: pytest.CaptureFixture[str]) -> None:
    def told(outage_s: float | None) -> int:
        return command._tell(_played(), len(TEXTS), [], 12.0, engine="postgresql", outage_s=outage_s, as_json=False)

    assert (told(1.25), told(None)) == (0, 1)
    assert "the next store was acknowledged 1.2 s later" in capsys.readouterr().out


def test_demo_fails_when_a_process_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    assert command._tell(_played(), len(TEXTS), [4711], 12.0, as_json=False) == 1
    assert "4711" in capsys.readouterr().out


def test_process_that_runs_on_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "END_S", 0.0)
    with subprocess.Popen([sys.executable, "-c", "pass"]) as ended:
        ended.wait()
    assert command._left([os.getpid(), ended.pid]) == [os.getpid()]


class Clock:
    """A clock that runs only while somebody sleeps, much longer than was asked for."""

    def __init__(self, sleep: Callable[[], None]) -> None:
        self._now = 0.0
        self._sleep = sleep

    def monotonic(self) -> float:
        return self._now

    def sleep(self, _: float) -> None:
        self._now += 3.0
        self._sleep()


def test_a_router_that_was_started_and_does_nothing_yet_is_waited_for(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = Places(settings)
    places.database.parent.mkdir()
    places.spawn_lock.touch()
    program = "import sys; sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program, f"--database={settings.database}"], stdin=subprocess.PIPE
    ) as starting:
        looks = iter(range(3))

        def look() -> None:
            if next(looks) == 2:
                starting.communicate()

        monkeypatch.setattr(command, "time", Clock(look))
        command._stop(settings)
        assert starting.poll() is not None


def test_percentile_is_a_timing_that_was_measured() -> None:
    timings_ms = [float(number) for number in range(1, 101)]
    assert command._percentile(timings_ms, 0.5) == 50.0
    assert command._percentile(timings_ms, 0.95) == 95.0
    assert command._percentile([7.0], 0.95) == 7.0
    assert command._percentile([], 0.5) == 0.0
