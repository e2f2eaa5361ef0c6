"""What the makers of the libraries hear of their use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from memmux import interpreter

PROGRAM = f"""
import os, sys
sys.path.insert(0, {interpreter.HOME!r})
import workers.embedding.onnx_backend
print(len(os.listdir("/proc/self/task")))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="it looks for threads in /proc")
def test_a_model_that_is_loaded_tells_nobody_and_leaves_no_number_of_the_machine(tmp_path: Path) -> None:
    environment = {**interpreter.environment(), "HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    for name in ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        environment.pop(name, None)
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1"]  # so none that sends
    assert list(tmp_path.rglob("*")) == []
