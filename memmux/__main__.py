"""The console script, `memmux`, and `python -m memmux`.

`memmux mcp` is a relay, of which there is one for each MCP host all day: nothing else is imported for it.
"""

from __future__ import annotations

import os
import sys

_NO_DESCRIPTOR = (23, 24)  # ENFILE and EMFILE: `errno` is an import
INTERRUPTED = 130  # what shells report for a process that SIGINT ended


def trust_path() -> None:
    """Take the working directory off the import path, unless it is memmux's own home.

    MCP hosts start servers inside users' projects, which may hold a `router.py` or a `workers/` of their own.
    """
    if sys.flags.safe_path:
        return
    # os.path, because pathlib is an import, and nothing may be imported before the path is trusted.
    home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120  # pathlib is an import
    try:
        here = os.getcwd()  # noqa: PTH109  # pathlib is an import
    except FileNotFoundError:  # the working directory was removed, and holds nothing
        here = ""
    sys.path[:] = [entry for entry in sys.path if entry == home or entry not in ("", here)]


def main() -> None:
    """Run the command that the arguments name, and exit with its code."""
    try:
        trust_path()
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
