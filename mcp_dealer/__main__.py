"""The MCP server's process, `python -P -m mcp_dealer HOW FLAGS…`: for all hosts of a cluster, or for one.

`--private`: for the host at the other end of standard input and output. `--connection-fd=N`: for the relay there.
`--listen-fd=N`: for all relays that connect to the socket, as the router's child. `--listen`: the same, of a cluster on
another machine. `--http-fd=N` beside it: for HTTP as well, at the socket there, as soon as the router says so;
`--held`: as soon as standard input has a byte, since the socket has no address before. Without any of these it is
`memmux mcp`.
"""

from __future__ import annotations

import sys

HOWS = ("--private", "--connection-fd=", "--listen-fd=", "--listen")
HTTP = "--http-fd="
HELD = "--held"

if __name__ == "__main__" and not any(argument.startswith(HOWS) for argument in sys.argv[1:]):
    from memmux.__main__ import main as memmux_main

    sys.argv = ["memmux", *sys.argv[1:], "mcp"]
    memmux_main()

import gc

gc.disable()  # of what is imported nothing goes again; `process` has it collect from then on

from memmux import stdio

stdio.open_missing()  # before anything opens a file

from memmux.logs import lean_structlog

lean_structlog.import_structlog()  # before what imports it

if any(argument.startswith(HTTP) for argument in sys.argv[1:]):
    from mcp_dealer.sdk import lean_sdk

    lean_sdk.import_sdk(http=True)  # at once, as others use it; without HTTP it comes when it is needed

from mcp_dealer.gateway import process
from memmux.config import usable
from memmux.config.paths import Places
from memmux.config.settings import parse_flags
from memmux.errors import MemmuxError
from memmux.logs import log


def main(arguments: list[str]) -> None:
    """Serve until nobody is to be served any more."""
    flags = [argument for argument in arguments if argument != HELD and not argument.startswith((*HOWS, HTTP))]
    http = next((int(argument.removeprefix(HTTP)) for argument in arguments if argument.startswith(HTTP)), -1)
    how = next(argument for argument in arguments if argument.startswith(HOWS))
    try:
        settings = parse_flags(flags)
        if settings.remote is None:
            usable.check(Places(settings))
        log.configure("mcp", settings)
        log.catch_crashes(settings)
    except MemmuxError as error:
        sys.exit(f"memmux mcp: {error.code}: {error.message}")
    kind, _, descriptor = how.partition("=")
    process.run(kind, settings, int(descriptor) if descriptor else -1, http, held=HELD in arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
