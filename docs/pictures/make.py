"""The pictures of the documents: `python docs/pictures/make.py` writes all of them beside this file.

They show real output of a throwaway database. two-clients.svg: a command stores a memory, an MCP client finds it
through a server of its own, and `memmux top` shows the cluster that has served both. help.svg, search.svg, top.svg:
those commands in a terminal of 80 columns. Run it once before, so that the model is exported.
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
from memmux.config.loader import load
from memmux.config.settings import Settings
from memmux.wire.answers import Status

FOLDER = Path(__file__).parent
COLUMNS = 96
NARROW = 80  # of the pictures of one command
STORE = ["store", "The staging database listens on port 5433", "--tag", "staging"]
QUERY = "which port does the test database use"
MORE = (
    ("The staging database is restored from last night's backup every Monday", "staging"),
    ("Ada prefers short answers, with the command first", "people"),
    ("Releases go out on Tuesdays, never before a holiday", "release"),
)
COMMANDS = {"help": ["--help"], "search": ["search", QUERY, "--limit", "3"], "top": ["top", "--once"]}
READY_S = 120.0  # the longest that loading the model and the first health check may take
POLL_S = 1.0
# A picture inside a page can't fetch fonts, and shall not try.
FORMAT = re.sub(r"\s*@font-face \{\{.*?\n    \}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL).replace("Fira Code, ", "")


class Terminal:
    """What is shown: each command or call after a prompt, and its output.

    environment: of the commands, which are run as they are shown.
    """

    def __init__(self, environment: Mapping[str, str], columns: int) -> None:
        self.console = Console(record=True, width=columns, file=io.StringIO())
        self._environment = {**environment, "COLUMNS": str(columns)}

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

    def write(self, name: str, title: str) -> None:
        """Write what was shown as the picture of that name."""
        picture = self.console.export_svg(title=title, code_format=FORMAT, unique_id=name)
        (FOLDER / f"{name}.svg").write_text(re.sub(r"[ \t]+$", "", picture, flags=re.MULTILINE), encoding="utf-8")


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


async def play(environment: Mapping[str, str]) -> None:
    """Let both clients do their part, then each command alone, and write what was seen."""
    settings = load(environment=environment)
    terminal = Terminal(environment, COLUMNS)
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
    terminal.write("two-clients", "one memory, two clients")
    async with AsyncClient(settings=settings) as last:
        for content, tag in MORE:
            await last.store(content, tags=[tag])
        await _ready(settings)
        for name, arguments in COMMANDS.items():
            narrow = Terminal(environment, NARROW)
            await asyncio.to_thread(narrow.run, *arguments)
            narrow.write(name, f"memmux {arguments[0]}")
        await last.stop()


def main() -> None:
    """Make the pictures."""
    with tempfile.TemporaryDirectory(prefix="memmux-") as folder:
        names = {"DATABASE": "memories.db", "RUNTIME_DIR": "run", "STATE_DIR": "state"}
        own = {f"MEMMUX_{name}": f"{folder}/{file}" for name, file in names.items()}
        asyncio.run(play({**os.environ, **own}))


if __name__ == "__main__":
    main()
