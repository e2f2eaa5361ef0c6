"""The search for a cluster on behalf of a relay: what it imports before it starts one."""

from __future__ import annotations

import subprocess
import sys

NONE = ("click", "memmux.cli.main", "memmux.trust", "memmux.wire.sockets", "platformdirs", "tempfile", "tomllib", "zmq")


def test_a_search_that_starts_a_cluster_imports_no_command_line_and_no_sockets() -> None:
    code = f"import sys, memmux.cli.launch; print([name for name in {NONE} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout == "[]\n"
