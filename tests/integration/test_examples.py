"""The scripts in docs/examples, each with the framework from its package, where that is installed.

They want an environment of their own, as frameworks need release 1 of the MCP SDK: `make examples` makes it. Without it
the tests skip.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bounds import BOUND_S

ROOT = Path(__file__).parents[2]
PYTHON = Path(os.environ.get("MEMMUX_EXAMPLES_PYTHON", ROOT / ".venv" / "examples" / "bin" / "python"))
SCRIPTS = sorted((ROOT / "docs" / "examples").glob("*.py"))


@pytest.mark.skipif(not PYTHON.exists(), reason="`make examples` installs the frameworks")
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_what_one_agent_stores_the_next_one_finds(script: Path, settings_env: dict[str, str]) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**settings_env, "PATH": path, "PYTHONPATH": ""}
    ended = subprocess.run(
        [PYTHON, str(script)], env=environment, capture_output=True, text=True, timeout=2 * BOUND_S, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert "The staging database listens on port 5433." in ended.stdout
    assert "#scout" in ended.stdout


def test_every_script_is_on_the_page_with_its_packages() -> None:
    page = (ROOT / "docs" / "how-to" / "agents.md").read_text()
    for script in SCRIPTS:
        packages = script.read_text().split("pip install ")[1].partition(".\n")[0].split()
        assert f"](../examples/{script.name})" in page
        assert all(f"`{package}`" in page for package in packages), script
