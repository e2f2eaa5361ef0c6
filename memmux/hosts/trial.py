"""The trial of an entry: start exactly what was written, as a client does, and say `initialize` and `tools/list`."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from memmux.errors import ServerSilentError
from memmux.hosts.entry import Entry

BOUND_S = 60.0  # for all of it; hosts wait for 10 to 60


@dataclass(frozen=True, slots=True)
class Trial:
    """The answer of a server: its name, its version, and the number of its tools."""

    server: str
    version: str
    tools: int


def run(entry: Entry, folder: Path) -> Trial:
    """Start the entry's command in `folder` with its variables and a client's near-empty environment, and talk to it.

    Raises ServerSilentError with the last line that the server wrote to standard error.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        try:
            return asyncio.run(_bounded(entry, folder, errors))
        except TimeoutError:
            why = f"it said nothing for {BOUND_S:.0f} s"
        except OSError as error:
            why = error.strerror or str(error)
        except Exception as error:  # noqa: BLE001  # whatever the SDK raises, alone or in groups, is the server's failure
            why = _first(error)
        errors.seek(0)
        said = [line.strip() for line in errors if line.strip()]
    last = f"; it wrote: {said[-1]}" if said else ""
    raise ServerSilentError(
        f"`{entry.line}` is configured and does not answer: {why}{last}; run `memmux doctor`, which says what it lacks"
    )


async def _bounded(entry: Entry, folder: Path, errors: TextIO) -> Trial:
    import mcp  # noqa: F401 - costs a second or more, which is not the server's

    async with asyncio.timeout(BOUND_S):
        return await _ask(entry, folder, errors)


async def _ask(entry: Entry, folder: Path, errors: TextIO) -> Trial:
    from mcp import Client, StdioServerParameters  # as above
    from mcp.client.stdio import stdio_client  # the same

    server = StdioServerParameters(command=entry.command, args=list(entry.args), env=dict(entry.env or {}), cwd=folder)
    # The handshake is what the clients of today do.
    async with Client(stdio_client(server, errlog=errors), mode="legacy") as client:
        listed = await client.list_tools()
        info = client.server_info
        assert info is not None
        return Trial(info.name, info.version, len(listed.tools))


def _first(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__
