from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from memmux import interpreter
from tests.bounds import BOUND_S


def test_the_variables_of_another_python_are_left_out_and_all_others_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONINSPECT", "PYTHONWARNINGS"):
        monkeypatch.setenv(name, "/project")
    monkeypatch.setenv("MEMMUX_READERS", "1")
    kept = interpreter.environment()
    assert not [name for name in kept if name.startswith("PYTHON") and kept[name] == "/project"]
    assert kept["MEMMUX_READERS"] == "1"


def test_a_path_that_memmux_is_found_by_is_kept_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["/project", interpreter.HOME, "/more"]))
    assert interpreter.environment()["PYTHONPATH"] == os.pathsep.join([interpreter.HOME, "/project", "/more"])


@pytest.mark.parametrize("found_by_it", [False, True])
def test_the_command_line_imports_nothing_of_a_project_in_the_path(tmp_path: Path, *, found_by_it: bool) -> None:
    for name in ("router", "workers"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('imported from the project')")
    script = "from memmux import interpreter; interpreter.trust_path(); import router, workers; print(router.__file__)"
    path = [str(tmp_path), *([interpreter.HOME] if found_by_it else [])]
    ended = subprocess.run(
        [sys.executable, "-P", "-c", script],
        env={"PYTHONPATH": os.pathsep.join(path)},
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )
    assert ended.stdout.startswith(interpreter.HOME), ended.stderr
