"""The caller: one client process that does what it is told over its standard input, round by round.

`python -P -m bench.harness.caller --name=… --questions=… [--host=1] FLAGS…`, where the flags are the settings'. With
`--host=1` it is an MCP host, and calls the tools of `memmux mcp`; it can only search then. Each round is a
line with a `Task`, which is answered by an empty line once it is understood, and a line with the moment to begin, a
monotonic time, which is answered by a line with what is `Done`. It ends with its input.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import BinaryIO

from bench.harness.player import Player
from bench.harness.questions import Questions
from bench.harness.searcher import Searcher
from bench.harness.tasks import Done, Task
from memmux import AsyncClient, Client
from memmux.config.settings import Settings, parse_flags

_OWN = ("--name=", "--questions=", "--host=")


def main(arguments: list[str]) -> int:
    """Do tasks until standard input ends; return the exit code."""
    given = {name: argument.removeprefix(name) for name in _OWN for argument in arguments if argument.startswith(name)}
    name, path = given["--name="], given["--questions="]
    settings = parse_flags([argument for argument in arguments if not argument.startswith(_OWN)])
    questions = Questions.load(Path(path))
    with Searcher.of(settings, name) if "--host=" in given else Client(settings=settings, name=name) as side:
        serve(Player(side, questions, name), settings, sys.stdin.buffer, sys.stdout.buffer)
    return 0


def serve(player: Player, settings: Settings, told: BinaryIO, tells: BinaryIO) -> None:
    """Do the tasks that `told` brings, and write what is done to `tells`."""
    while line := told.readline():
        task = Task.from_line(line)
        _say(tells, b"\n")
        at = float(told.readline())
        at_once = task.in_flight > 1
        done = asyncio.run(_at_once(player, settings, task, at)) if at_once else player.play(task, at)
        _say(tells, done.to_line())


async def _at_once(player: Player, settings: Settings, task: Task, at: float) -> Done:
    async with AsyncClient(settings=settings, name="bench") as client:
        await client.status()  # the connection is there before the round begins
        return await player.play_at_once(client, task, at)


def _say(tells: BinaryIO, line: bytes) -> None:
    tells.write(line)
    tells.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
