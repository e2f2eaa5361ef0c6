"""A command line in this process, over the real workers."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memmux.cli.main import run
from tests.unit.memmux.cli.desk_client import DeskClient, Typed
from tests.unit.workers.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A writer and a reader of an empty database."""
    desk = Desk(tmp_path / "memories.db")
    yield desk
    desk.close()


@pytest.fixture
def typed(desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Run `memmux` with these arguments on the desk's database."""
    for name in ("memories", "search", "forget", "history", "undo", "names", "log", "timeline", "duplicates"):
        monkeypatch.setattr(importlib.import_module(f"memmux.cli.{name}"), "Client", DeskClient(desk))
    monkeypatch.setenv("MEMMUX_CONFIG", str(tmp_path / "memmux.toml"))
    (tmp_path / "memmux.toml").touch()
    monkeypatch.setenv("MEMMUX_DATABASE", str(tmp_path / "memories.db"))

    def run_(*arguments: str) -> tuple[int, str, str]:
        code = run(arguments)
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run_


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """Have somebody sit at the terminal who answers so; returns the questions."""

    def sit(answer: str) -> list[str]:
        asked: list[str] = []

        def confirm(question: str, **_: object) -> bool:
            asked.append(question)
            return answer == "yes"

        monkeypatch.setattr("sys.stdin.isatty", lambda: True)
        monkeypatch.setattr("click.confirm", confirm)
        return asked

    return sit
