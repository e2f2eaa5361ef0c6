"""Standard input, output and error of our processes: the descriptors are there, whoever closed them."""

from __future__ import annotations

import subprocess
import sys

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
