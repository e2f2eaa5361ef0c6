"""The unit tests mirror the tree."""

from __future__ import annotations

import re
from pathlib import Path

from tests.conftest import LONGEST

ROOT = Path(__file__).parents[2]
TREE = ROOT / "tests"
UNIT = TREE / "unit"
TESTS = [path for path in UNIT.rglob("test_*.py") if path.parent != UNIT]  # those on top are about the repository
CROSS_CUTTING = {
    "memmux/files/test_one_place.py": "that nothing else writes or locks files by itself",
    "memmux/ingest/formats/test_formats.py": "a small file of each format, through the table of formats",
    "memmux/test_package.py": "what `import memmux` gives, and what it costs",
    "memmux/client/test_public_interface.py": "what both clients are to somebody who reads `help`",
    "workers/embedding/test_makers.py": "what the makers of the libraries hear of their use",
    "workers/storage/test_clock_steps.py": "writer, reader and index under a clock that is set",
    "workers/storage/writing/test_store_as_given.py": "a store that says its id, time and aliases, through all modules",
    "workers/storage/writing/test_threads_kept.py": "that whatever is done with a memory keeps its thread",
}

PACKAGES = ("memmux", "router", "workers", "mcp_dealer", "bench", "tools")
LINES = 300
LINES_OF_TESTS = 450
LONGER = {  # than that, and why
    "memmux/errors.py": "the table of errors",
    "memmux/logs/events.py": "the table of events",
}


def _belongs(path: Path) -> bool:
    """Whether a module or package of the name, or of what stands before a `_` in it, is at the same place in the tree.

    `test_main.py` is of `__main__.py` where there is no `main.py`.
    """
    folder, words = ROOT / path.parent.relative_to(UNIT), path.stem.split("_")[1:]
    names = ["_".join(words[:count]) for count in range(1, len(words) + 1)]
    found = [folder / f"{name}.py" for name in names] + [folder / name / "__init__.py" for name in names]
    return any(each.exists() for each in found) or (path.stem == "test_main" and (folder / "__main__.py").exists())


def test_every_unit_test_stands_where_its_module_does_and_the_others_are_listed() -> None:
    assert {str(path.relative_to(UNIT)) for path in TESTS if not _belongs(path)} == set(CROSS_CUTTING)


def test_nothing_is_imported_from_a_test_or_a_conftest_of_another_folder() -> None:
    imported = re.compile(r"^from (tests\.(?:\w+\.)*(?:test_\w+)|tests\.unit\.(?:\w+\.)*conftest) import", re.MULTILINE)
    assert {str(path): found for path in TREE.rglob("*.py") if (found := imported.findall(path.read_text()))} == {}


def test_no_file_of_tests_is_longer_than_it_can_be_read_at_once() -> None:
    assert [str(path) for path in TREE.rglob("*.py") if len(path.read_text().splitlines()) > LINES_OF_TESTS] == []


def test_the_files_that_are_begun_first_are_there_and_each_is_named_once() -> None:
    assert [name for name in LONGEST if not (ROOT / "tests" / name).is_file()] == []
    assert len(set(LONGEST)) == len(LONGEST)


def test_no_module_is_longer_than_it_can_be_read_at_once_but_those_that_say_why() -> None:
    modules = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    long = {str(path.relative_to(ROOT)) for path in modules if len(path.read_text().splitlines()) > LINES}
    assert long == set(LONGER), "split what has two nouns, and list the rest with its reason"
