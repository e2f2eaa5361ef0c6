"""The picture of the README: `python docs/pictures/make.py` writes two-clients.svg beside this file.

It shows real output of a throwaway database: a command stores a memory, an MCP client finds it through a server of its
own, and `memmux top` shows the cluster that has served both. Run it once before, so that the model is exported.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from mcp import Client, StdioServerParameters
from mcp.types import Implementation, TextContent
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from memmux.client.asynchronous import AsyncClient
from memmux.config.settings import Settings, load
from memmux.wire.answers import Status

PICTURE = Path(__file__).with_name("two-clients.svg")
COLUMNS = 96
STORE = ["store", "The staging database listens on port 5433", "--tag", "staging"]
QUERY = "which port does the test database use"
READY_S = 120.0  # the longest that loading the model and the first health check may take
POLL_S = 1.0
# A picture inside a page can't fetch fonts, and shall not try.
FORMAT = re.sub(r"\s*@font-face \{\{.*?\n    \}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL).replace("Fira Code, ", "")


class Terminal:
    """What is shown: each command or call after a prompt, and its output.

    environment: of the commands, which are run as they are shown.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.console = Console(record=True, width=COLUMNS, file=io.StringIO())
        self._environment = {**environment, "COLUMNS": str(COLUMNS)}

    def show(self, prompt: str, said: str, output: str) -> None:
        """Show one exchange."""
        self.console.print(Text.assemble((f"{prompt} ", "bold green"), (said, "bold")))
        self.console.print(Text("\n".join(line.rstrip() for line in output.strip().splitlines())), end="\n\n")

    def run(self, *arguments: str) -> None:
        """Run a command of memmux and show it; raise CalledProcessError if it fails."""
        command = [sys.executable, "-P", "-m", "memmux", *arguments]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=True)
        said = (done.stderr + done.stdout).replace(str(Path(self._environment["MEMMUX_DATABASE"]).parent), "~")
        self.show("$", f"memmux {shlex.join(arguments)}", said)


async def _ready(settings: Settings) -> None:
    """Start the cluster, and wait until all of its workers are ready and its first health check went well."""
    workers = settings.readers + settings.embedders + 1
    async with asyncio.timeout(READY_S), AsyncClient(settings=settings) as client:
        # A question a second: the cluster tells nobody when a worker is ready.
        while not _serves(await client.status(), workers):  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)


def _serves(status: Status, workers: int) -> bool:
    ready = sum(worker["state"] == "ready" for worker in status.workers)
    return ready == workers and all(kind["state"] == "ok" for kind in status.health.values())


async def play(environment: Mapping[str, str]) -> Terminal:
    """Let both clients do their part, and return what was seen."""
    settings = load(environment=environment)
    terminal = Terminal(environment)
    await _ready(settings)
    await asyncio.to_thread(terminal.run, *STORE)
    server = StdioServerParameters(
        command=sys.executable, args=["-P", "-m", "memmux", "mcp"], env=dict(environment), cwd=tempfile.gettempdir()
    )
    async with Client(server, client_info=Implementation(name="an-mcp-client", version="1")) as client:
        found = await client.call_tool("memory_search", {"query": QUERY})
        text = "\n".join(block.text for block in found.content if isinstance(block, TextContent))
        terminal.show("mcp>", f"memory_search {json.dumps({'query': QUERY})}", text)
        await asyncio.to_thread(terminal.run, "top", "--once")
    async with AsyncClient(settings=settings) as last:
        await last.stop()
    return terminal


def main() -> None:
    """Make the picture."""
    with tempfile.TemporaryDirectory(prefix="memmux-") as folder:
        names = {"DATABASE": "memories.db", "RUNTIME_DIR": "run", "STATE_DIR": "state"}
        own = {f"MEMMUX_{name}": f"{folder}/{file}" for name, file in names.items()}
        terminal = asyncio.run(play({**os.environ, **own}))
    picture = terminal.console.export_svg(title="one memory, two clients", code_format=FORMAT, unique_id="two-clients")
    PICTURE.write_text(re.sub(r"[ \t]+$", "", picture, flags=re.MULTILINE), encoding="utf-8")


if __name__ == "__main__":
    main()
