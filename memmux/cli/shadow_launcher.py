"""The program of the scripts of `memmux install --shadow`: `memory server` is `memmux mcp`, the rest says what to use.

`python -P -m memmux.cli.shadow_launcher NAME ARGUMENTS…`
"""

from __future__ import annotations

import os
import sys

from memmux.relay import process
from memmux.version import __version__

TYPE_CHECKING = False  # nothing more is imported for a relay
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COMMAND = "MCP_MEMORY_COMMAND"  # as `memmux.config.mms_variables` knows it, which costs too much to import
USAGE = 2  # the exit code for what memmux does another way

_INSTEAD: Mapping[str, str] = {
    "status": "use `memmux status`",
    "info": "use `memmux status`",
    "health": "use `memmux doctor`",
    "logs": "`memmux doctor` names the folder of the logs",
    "launch": "nothing is to be launched: whichever client comes first starts the cluster",
    "start": "nothing is to be started: whichever client comes first starts the cluster",
    "stop": "use `memmux stop`",
    "restart": "use `memmux restart`",
    "ingest-document": "use `memmux ingest FILE`",
    "ingest-directory": "use `memmux ingest FOLDER`",
    "list-formats": "`memmux ingest --help` names the formats",
}
"""What to use for the other subcommands of `memory`."""

_BACKEND = ("-s", "--storage-backend")
_TRANSPORTS = ("--http", "--sse", "--streamable-http", "--transport", "--host", "--port")


def launch(name: str, arguments: Sequence[str]) -> int:
    """Do what the script of that name does with these arguments; return its exit code."""
    given = list(arguments)
    if "--version" in given:
        sys.stdout.write(f"memmux {__version__}, in the place of mcp-memory-service\n")
        return 0
    if name == "memory" and given and not given[0].startswith("-"):
        command = given.pop(0)
        if command != "server":
            return _say(f"memory {command}: this is memmux; {_INSTEAD.get(command, 'see `memmux --help`')}")
    elif name == "memory" and not given and sys.stdin.isatty():
        return _say("memory: this is memmux; `memory server` speaks MCP, `memmux --help` shows everything else")
    if "-h" in given or "--help" in given:
        sys.stdout.write("This is `memmux mcp`, in the place of mcp-memory-service; see `memmux mcp --help`.\n")
        return 0
    return _serve(name, given)


def _serve(name: str, given: list[str]) -> int:
    """Run `memmux mcp`, unless an option asks for what memmux has not."""
    os.environ.setdefault(COMMAND, name)
    debug = False
    while given:
        option, _, value = given.pop(0).partition("=")
        if option in _TRANSPORTS:
            return _say(f"{option}: memmux speaks MCP on standard input and output only; leave it out")
        if option in _BACKEND and not value and given:
            given.pop(0)  # there is one
        elif option == "--debug":
            debug = True
        elif option not in _BACKEND:
            sys.stderr.write(f"memmux: {option} has no effect\n")
    arguments = ["--log-level", "debug", "mcp"] if debug else ["mcp"]
    if process.wanted(arguments):
        return process.run(arguments)
    from memmux.cli.main import run  # only a server of its own needs the command line

    return run(arguments)


def _say(text: str) -> int:
    sys.stderr.write(f"{text}\n")
    return USAGE


if __name__ == "__main__":
    from memmux import stdio

    stdio.open_missing()
    if sys.argv[2:3] != ["server"]:
        from memmux.cli import streams

        streams.prepare()
    sys.exit(launch(sys.argv[1], sys.argv[2:]))
