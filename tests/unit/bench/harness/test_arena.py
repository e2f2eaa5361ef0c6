"""Only processes of its own are ever sent a signal by an arena."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from bench.harness.arena import Arena, arena, roles
from tests.bounds import BOUND_S


@pytest.fixture
def here() -> Iterator[Arena]:
    with arena() as made:
        yield made


def _sleeper(*arguments: str) -> subprocess.Popen[bytes]:
    """A process that says when it runs, and then waits for the end of its standard input."""
    script = "import sys; print(flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", script, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_process_of_the_arena_is_found_and_struck(here: Arena) -> None:
    with _sleeper(f"--database={here.settings.database}") as own:
        assert list(here.running()) == [own.pid]
        assert here.strike(own.pid, signal.SIGKILL)
        assert own.wait(BOUND_S) == -signal.SIGKILL
    assert not here.strike(own.pid, signal.SIGKILL)


def test_end_is_over_where_no_router_runs_and_is_not_where_one_does_not_hear_it(
    here: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.end()
    monkeypatch.setattr("bench.harness.arena.STOP_S", 0.1)
    with _sleeper("-m", "router", f"--database={here.settings.database}") as deaf:
        with pytest.raises(TimeoutError, match="stopping took longer"):
            here.end()
        deaf.kill()
    here.end()


def test_process_of_somebody_else_is_not_struck(here: Arena) -> None:
    with _sleeper(f"--database={here.settings.database}.other") as other:
        assert here.running() == {}
        assert not here.strike(other.pid, signal.SIGKILL)
        assert not here.strike(os.getpid(), signal.SIGKILL)
        assert other.poll() is None
        other.kill()


def test_folder_is_kept_only_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    with arena() as removed:
        assert removed.folder.is_dir()
    assert not removed.folder.exists()
    with arena() as kept:
        kept.kept = True
    assert kept.folder.is_dir()
    assert str(kept.folder) in capsys.readouterr().err
    kept.kept = False
    kept.remove()


@pytest.mark.parametrize(
    ("line", "role"),
    [
        ("/bin/python -P -m router --ready-fd=3 --database=/x", "router"),
        ("/bin/python -P -m workers read --identity=read-0-1 --database=/x", "read"),
        ("/bin/python -P -m mcp_dealer --listen-fd=7 --database=/x", "gateway --listen-fd"),
        ("/bin/python -P -m memmux --database=/x mcp", "relay"),
        ("/bin/python -P -c from x import main; main() --database=/x mcp", "relay"),
        ("/bin/python -P -m memmux.cli.launch 5 --database=/x mcp", "memmux.cli.launch"),
    ],
)
def test_what_is_left_is_named(line: str, role: str) -> None:
    assert roles({7: line}) == f"{role} 7"
