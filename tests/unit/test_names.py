"""One word for one thing: names of modules in documents are real, and words that were given up are names no more."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("memmux", "router", "workers", "mcp_dealer", "bench")
SOURCES = sorted(chain.from_iterable((ROOT / package).rglob("*.py") for package in PACKAGES))
CHANGELOG = ROOT / "CHANGELOG.md"
DOCUMENTS = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")} - {CHANGELOG})  # what was may have its old name

RETIRED = {  # and the word that took its place
    "belongings": "links",
    "door": "remote listener",
    "entrance": "listeners",
    "errand": "worker task",
    "estate": "handover",
    "exposition": "prometheus",
    "flaw": "problem",
    "heir": "successor",
    "keeper": "backup scheduler",
    "leg": "stage time",
    "legacy": "mms, or older",
    "pile": "batch queue",
    "shelf": "backup folder",
    "succession": "handover",
}
RETIRED_ALONE = {"Account": "JobLog", "Beginning": "Startup", "Follower": "VectorFollower"}
# In a text rather than in a name, the wire's own spelling is no reason to write the noun like this.
SPELLING = re.compile(r"\bhand-overs?\b", re.IGNORECASE)

ELSEWHERE = {"router.py", "second.py"}  # files of a user's project that a document speaks of
PATH = re.compile(rf"(?:{'|'.join(PACKAGES)}|tests|docs)/[\w/.-]*")
DOTTED = re.compile(rf"(?:{'|'.join(PACKAGES)})(?:\.\w+)+")
NO_MODULES = (".toml", ".json", ".jsonl", ".err", ".db", ".py")


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _quoted(text: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


@cache
def _words(name: str) -> frozenset[str]:
    """The words of a name, without a plural's s."""
    parts = {part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}
    return frozenset(parts | {part.removesuffix("s") for part in parts})


@cache
def _retired(name: str) -> bool:
    return name in RETIRED_ALONE or not _words(name).isdisjoint(RETIRED)


def _identifiers(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.Name(id=name) | ast.arg(arg=name) | ast.Attribute(attr=name):
                yield name
            case ast.alias(name=name, asname=other):
                yield from (*name.split("."), other or "")


def _is_there(dotted: str) -> bool:
    """Whether a dotted name is a module or package, or is defined in one."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:length])
        file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if file.is_file():
            rest = parts[length : length + 1]
            return not rest or re.search(rf"\b{rest[0]}\b", file.read_text()) is not None
    return False


@pytest.mark.parametrize("path", DOCUMENTS, ids=_name)
def test_every_path_in_a_document_is_there(path: Path) -> None:
    for quoted in _quoted(path.read_text()):
        if PATH.fullmatch(quoted):
            assert (ROOT / quoted).exists(), quoted
        elif re.fullmatch(r"\w+\.py", quoted):
            assert quoted in ELSEWHERE or (ROOT / quoted).exists(), f"{quoted}: write the whole path"
        elif DOTTED.fullmatch(quoted) and not quoted.endswith(NO_MODULES):
            assert _is_there(quoted), quoted


def test_every_path_that_the_code_speaks_of_is_there() -> None:
    for path in SOURCES:
        for quoted in _quoted(path.read_text()):
            if PATH.fullmatch(quoted):
                assert (ROOT / quoted).exists(), (_name(path), quoted)
            elif DOTTED.fullmatch(quoted) and not quoted.endswith(NO_MODULES):
                assert _is_there(quoted), (_name(path), quoted)


@pytest.mark.slow
def test_no_retired_word_is_a_name_in_the_code() -> None:
    for path in SOURCES:
        text = path.read_text()
        if not any(_retired(word) for word in re.findall(r"\w+", f"{path.stem} {text}")):
            continue  # most files: to parse all of them takes a second
        names = {path.stem, *_identifiers(ast.parse(text))}
        assert {name for name in names if _words(name) & RETIRED.keys()} == set(), _name(path)
        assert names & RETIRED_ALONE.keys() == set(), _name(path)


@pytest.mark.parametrize("path", DOCUMENTS, ids=_name)
def test_no_retired_word_is_a_name_in_a_document(path: Path) -> None:
    text = path.read_text()
    quoted = _quoted(text)
    assert [name for name in quoted if _words(name) & RETIRED.keys() or name in RETIRED_ALONE] == []
    assert SPELLING.findall(text) == []
