"""The MCP server's process: `python -P -m mcp_dealer FLAGS…`, which `memmux mcp` becomes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn

from mcp_dealer import host_watch, traces
from mcp_dealer.cluster_link import ClusterLink
from mcp_dealer.server import MemoryServer
from memmux.config import usable
from memmux.config.paths import Places
from memmux.config.settings import Settings, parse_flags
from memmux.errors import MemmuxError
from memmux.logs import log


def main(arguments: list[str]) -> None:
    """Serve one MCP client on standard input and output until it leaves."""
    try:
        settings = parse_flags(arguments)
        if settings.remote is None:
            usable.check(Places(settings))
        log.configure("mcp", settings)
        log.catch_crashes(settings)
    except MemmuxError as error:
        sys.exit(f"memmux mcp: {error.code}: {error.message}")
    asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> NoReturn:
    link = ClusterLink(settings)
    if settings.traces:
        traces.set_up()
    loop = asyncio.get_running_loop()
    leaving: list[asyncio.Task[NoReturn]] = []  # a task that nobody holds may be collected before it has run
    for stop in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(stop, lambda: leaving.append(loop.create_task(_leave(link))))

    def host_gone(why: str) -> None:
        log.get().info("host_gone", why=why)
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(lambda: leaving.append(loop.create_task(_leave(link))))

    host_watch.begin(host_gone)
    log.get().info("mcp_started")
    try:
        await MemoryServer(link).run_stdio_async()
    except Exception as error:
        if not host_watch.is_gone(error):
            raise
        log.get().info("host_gone", why="output closed")
    await _leave(link)


async def _leave(link: ClusterLink) -> NoReturn:
    """Say goodbye and end the process.

    At once, because a thread that waits for standard input, or for a cluster that is still starting, can't be
    interrupted, and hosts kill servers that linger. Every answer was flushed when it was written.
    """
    await link.aclose()
    if link.settings.traces:
        traces.flush()
    log.get().info("mcp_stopped")
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
