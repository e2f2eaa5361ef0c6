"""What commands print on terminals of 60, 80 and 200 columns: no line is wider, no word is broken, indents are kept."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios

import pytest

from memmux import Client
from memmux.config.loader import load
from tests.bounds import BOUND_S
from tests.commands import MEMMUX

LABEL = 10  # characters, and the gap behind it
CONTENT = (
    "The ferry leaves at nine in the morning from the northern pier, unless there is fog over the bay, in which case "
    "nobody knows when it will leave, and the harbour master has to be asked by telephone"
)
COMMANDS = (
    ("list",),
    ("search", "when does the ferry leave", "--why"),
    ("log",),
    ("list", "--deleted"),
    ("history", "ID"),
    ("status",),
    ("clusters",),
    ("namespaces",),
    ("tags",),
    ("timeline",),
    ("duplicates",),
    ("settings", "--changed"),
    ("top", "--once"),
    ("explain", "embedder_loading"),
    ("--help",),
    ("search", "--help"),
    ("nonsense",),
)


def _drawn(env: dict[str, str], columns: int, *arguments: str) -> list[str]:
    """Return the lines that a command prints on a terminal, without their styles."""
    here, there = pty.openpty()
    fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {name: value for name, value in env.items() if name not in ("COLUMNS", "LINES")}
    environment["TERM"] = "xterm-256color"
    with subprocess.Popen([*MEMMUX, *arguments], env=environment, stdin=subprocess.DEVNULL, stdout=there, stderr=there):
        os.close(there)
        read = b""
        while True:
            try:
                part = os.read(here, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            read += part
    os.close(here)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", read.decode()).replace("\r", "").splitlines()


@pytest.mark.timeout(BOUND_S * 3)
@pytest.mark.parametrize("columns", [60, 80, 200])
def test_no_line_is_wider_than_the_terminal_and_no_word_is_broken(columns: int, own_env: dict[str, str]) -> None:
    with Client(settings=load(environment=own_env), name="a client with a longer name") as client:
        stored = client.store(CONTENT, tags=["harbour", "ferry", "timetable", "telephone"], type="appointment")
        client.update(stored.id, content=CONTENT.replace("nine", "ten"))
        client.delete(client.store(f"{CONTENT} again", tags=["harbour"]).id)
    for command in COMMANDS:
        lines = _drawn(own_env, columns, *(stored.id if word == "ID" else word for word in command))
        assert lines, command
        for line in lines:
            copied = line.startswith("    ") and " memmux " in line  # an example in a help is one line, to be copied
            alone = len(max(line.split(), key=len, default="")) + LABEL > columns  # a path, beside its label at most
            assert len(line.rstrip()) <= columns or (alone and len(line.split()) <= 2) or copied, (command, line)
        if command[0] in ("list", "search", "log") and "--help" not in command:
            begin = next(place for place, line in enumerate(lines) if line.strip().startswith("The ferry leaves"))
            indent = len(lines[begin]) - len(lines[begin].lstrip())
            told = [line for line in lines[begin : begin + 4] if line.startswith(" " * indent)]
            assert indent >= 2
            assert "asked by telephone" in " ".join(line.strip() for line in told), command
