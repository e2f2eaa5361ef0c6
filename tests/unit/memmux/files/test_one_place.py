"""One place: nothing but `memmux.files` puts files on the disk, renames them or locks them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
PACKAGES = ("memmux", "router", "workers", "mcp_dealer")
OURS = "memmux/files/"
CALLS = ("fsync", "fdatasync", "sync", "link", "replace", "rename", "renames", "flock", "lockf")  # of os and fcntl
SPELT = re.compile(rf"\b(?:fcntl|{'|'.join(CALLS)})\b")
ALLOWED = {
    (
        "memmux/relay/turn.py",
        "import fcntl",
    ): "a relay imports built-in modules alone, and memmux.files needs pathlib",
    ("memmux/relay/turn.py", "fcntl.flock"): "the same",
    ("router/lifecycle/gateways.py", ".rename"): "a socket, by which a successor takes the place of another",
    ("router/io/local_listener.py", ".rename"): "a socket, whose other name tells clients that there is no room",
    ("memmux/logs/files.py", ".rename"): "a log that is full gets another name; after a loss of power either will do",
}


def _uses(tree: ast.AST) -> Iterator[str]:
    """Yield what a module does by itself with the disk, with names and with locks."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (f"import {name.name}" for name in names if name.name == "fcntl")
            case ast.ImportFrom(module="fcntl"):
                yield "import fcntl"
            case ast.ImportFrom(module="os", names=names):
                yield from (f"os.{name.name}" for name in names if name.name in CALLS)
            case ast.Attribute(value=ast.Name(id="os" | "fcntl" as module), attr=attribute) if attribute in CALLS:
                yield f"{module}.{attribute}"
            # Of a path: that of a text takes two arguments, that of a time or of a dataclass takes them by name.
            case ast.Call(
                func=ast.Attribute(value=value, attr="replace" | "rename" as method), args=[_], keywords=[]
            ) if not _is_module(value):
                yield f".{method}"


def _is_module(value: ast.expr) -> bool:
    return isinstance(value, ast.Name) and value.id in ("os", "durable")


@pytest.mark.slow
def test_nothing_else_puts_a_file_on_the_disk_or_renames_or_locks_one() -> None:
    found = {
        (path.relative_to(ROOT).as_posix(), use)
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if not path.relative_to(ROOT).as_posix().startswith(OURS)
        if SPELT.search(source := path.read_text())  # few modules have any of it, and to parse all takes a second
        for use in _uses(ast.parse(source))
    }
    assert found == set(ALLOWED)


@pytest.mark.parametrize(
    ("source", "use"),
    [
        ("import fcntl", "import fcntl"),
        ("from fcntl import flock", "import fcntl"),
        ("from os import fsync", "os.fsync"),
        ("import os\nos.fsync(1)", "os.fsync"),
        ("import os\nos.replace(a, b)", "os.replace"),
        ("import os\nos.rename(a, b)", "os.rename"),
        ("partial.replace(path)", ".replace"),
        ("partial.with_name('x').rename(path)", ".rename"),
    ],
)
def test_each_way_to_do_so_is_seen(source: str, use: str) -> None:
    assert list(_uses(ast.parse(source))) == [use]


@pytest.mark.parametrize(
    "source", ["text.replace('a', 'b')", "when.replace(tzinfo=UTC)", "replace(manifest, seq=1)", "os.open(path, 0)"]
)
def test_what_is_something_else_is_not(source: str) -> None:
    assert list(_uses(ast.parse(source))) == []
