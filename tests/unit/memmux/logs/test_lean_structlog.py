from __future__ import annotations

import subprocess
import sys

import pytest

LOADED = "print(sorted({'asyncio', 'rich'} & {name.partition('.')[0] for name in sys.modules}))"


def printed(code: str) -> str:
    """Return what a new process prints that runs the code."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"import sys\n{code}"], capture_output=True, check=True, text=True
    )
    return done.stdout


@pytest.mark.parametrize("process", ["router.__main__", "workers.__main__"])
def test_process_of_a_cluster_imports_neither_rich_nor_asyncio(process: str) -> None:
    assert printed(f"import {process}\n{LOADED}") == "[]\n"


def test_either_can_be_imported_afterwards() -> None:
    code = """
from memmux.logs import lean_structlog
lean_structlog.import_structlog()
import asyncio, rich.console
print(asyncio.run(asyncio.sleep(0, 5)))
"""
    assert printed(code) == "5\n"


def test_what_was_imported_before_stays() -> None:
    code = """
import asyncio, rich
from memmux.logs import lean_structlog
lean_structlog.import_structlog()
print(sys.modules["asyncio"] is asyncio, sys.modules["rich"] is rich)
"""
    assert printed(code) == "True True\n"
