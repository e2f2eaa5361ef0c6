"""What the benchmark stores and asks: paragraphs of the standard library's documentation, and words out of them."""

from __future__ import annotations

import ast
import inspect
import random
import sysconfig
from collections.abc import Iterator
from pathlib import Path

SHORTEST, LONGEST = 30, 400  # characters of a paragraph; the longest still fits into one window of the model
QUERY_WORDS = 4, 9  # the fewest and the most of a query
_LEFT_OUT = frozenset({"site-packages", "dist-packages", "test", "tests", "idlelib", "lib2to3", "turtledemo"})
_Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def paragraphs(most: int) -> list[str]:
    """Return at most so many different paragraphs, the same ones each time."""
    found: dict[str, None] = {}
    for text in _paragraphs():
        if len(found) == most:
            break
        found.setdefault(text)
    return list(found)


def _paragraphs() -> Iterator[str]:
    library = Path(sysconfig.get_path("stdlib"))
    for path in sorted(library.rglob("*.py")):
        if _LEFT_OUT.isdisjoint(path.relative_to(library).parts):
            for node in ast.walk(ast.parse(path.read_bytes(), filename=str(path))):
                if isinstance(node, _Documented):
                    yield from _split(ast.get_docstring(node) or "")


def _split(documentation: str) -> Iterator[str]:
    for paragraph in inspect.cleandoc(documentation).split("\n\n"):
        text = " ".join(paragraph.split())
        if SHORTEST <= len(text) <= LONGEST:
            yield text


def queries(texts: list[str], count: int, seed: int = 1) -> list[str]:
    """Return so many different queries: each is some words of a text, in their order."""
    chance = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        words = chance.choice(texts).split()
        size = min(chance.randint(*QUERY_WORDS), len(words))
        places = sorted(chance.sample(range(len(words)), size))
        found.setdefault(" ".join(words[place] for place in places))
    return list(found)
