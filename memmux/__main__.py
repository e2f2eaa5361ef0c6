"""The console script, `memmux`, and `python -m memmux`.

`memmux mcp` is a relay, of which there is one for each MCP host all day: nothing else is imported for it.
"""

from __future__ import annotations

import os
import sys

_NO_DESCRIPTOR = (23, 24)  # ENFILE and EMFILE: `errno` is an import
INTERRUPTED = 130  # what shells report for a process that SIGINT ended
OLDEST = (3, 11)  # Python that memmux runs on


def main() -> None:
    """Run the command that the arguments name, and exit with its code."""
    if sys.version_info < OLDEST:
        sys.exit(f"memmux: it needs Python 3.11 or later, and this is {sys.version.split()[0]}")
    try:
        from memmux import interpreter  # not before an interrupt is heeded

        interpreter.trust_path()
        from memmux import stdio  # only now is the path trusted

        stdio.open_missing()
        from memmux.relay import process  # the same

        if process.wanted(sys.argv[1:]):
            os._exit(process.run(sys.argv[1:]))
        from memmux.cli.interrupts import ending_at_once  # the same

        with ending_at_once():
            from memmux.cli import streams  # the same
            from memmux.cli.main import run  # the same

            streams.prepare()
        code = run()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except OSError as error:
        if error.errno not in _NO_DESCRIPTOR:
            raise
        os.write(2, f"memmux: {error.strerror}; raise the limit of open files (`ulimit -n`)\n".encode())
        code = 1
    sys.exit(code)


if __name__ == "__main__":
    main()
