"""Standard input, output and error of our processes: the descriptors are there, whoever closed them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bounds import BOUND_S

_PROBE = """
import json, os
def state(number):
    try:
        found = os.fstat(number)
    except OSError:
        return None
    return os.path.samestat(found, os.stat(os.devnull)), os.get_inheritable(number)
from memmux import stdio
stdio.open_missing()
opened = os.open("/", os.O_RDONLY)
os.write(REPORT, json.dumps([[state(number) for number in range(3)], opened > 2]).encode())
"""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"])
def test_no_file_gets_the_number_of_a_stream_that_is_missing(closed: str) -> None:
    code = _PROBE.replace("REPORT", "9")
    shell = f'exec "$0" -P -c "$1" 9>&1 </dev/null >/dev/null 2>/dev/null {closed}'
    ended = subprocess.run(
        ["/bin/sh", "-c", shell, sys.executable, code], stdout=subprocess.PIPE, timeout=BOUND_S, check=True
    )
    assert ended.stdout == b"[[[true, true], [true, true], [true, true]], true]"


@pytest.mark.slow
@pytest.mark.parametrize(("limit", "arguments"), [(6, "store a"), (5, "mcp"), (6, "mcp")])
def test_too_few_descriptors_end_a_command_with_a_reason(
    short_tmp: Path, settings_env: dict[str, str], limit: int, arguments: str
) -> None:
    shell = f'ulimit -n {limit}; exec "$0" -P -m memmux {arguments}'
    (short_tmp / "line").write_text("{}\n")
    with (short_tmp / "line").open() as line:
        ended = subprocess.run(
            ["/bin/sh", "-c", shell, sys.executable],
            env=settings_env,
            stdin=line,
            capture_output=True,
            timeout=BOUND_S,
            check=False,
        )
    assert (ended.returncode, ended.stdout) == (1, b"")
    assert b"Too many open files" in ended.stderr
    assert b"Traceback" not in ended.stderr
