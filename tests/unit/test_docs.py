"""The documents say what the code does. `python -m tests.unit.test_docs` writes the parts that are made from code."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from memmux.cli.catalogue import error_table
from memmux.errors import ERRORS, MemmuxError
from memmux.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
PROTOCOL = ROOT / "PROTOCOL.md"
ERROR_TABLE = re.compile(r"(?<=-->\n).*?(?=<!-- /errors -->)", re.DOTALL)


def _error_table() -> str:
    return f"\n{error_table()}\n"


def test_protocol_lists_every_error() -> None:
    found = ERROR_TABLE.search(PROTOCOL.read_text())
    assert found is not None
    assert found[0] == _error_table(), "run python -m tests.unit.test_docs"


@pytest.mark.parametrize("name", [known.name for known in fields(Settings)])
def test_readme_names_every_setting(name: str) -> None:
    assert f"`{PREFIX}{name.upper()}`" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("error", ERRORS.values())
def test_every_error_says_a_remedy_in_a_sentence_or_two(error: type[MemmuxError]) -> None:
    assert len(error("").message) > 30
    assert error("").message.endswith(".")


@pytest.mark.parametrize("path", [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")], ids=lambda path: str(path.name))
def test_every_link_between_documents_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
        assert (path.parent / target).exists(), target


if __name__ == "__main__":
    PROTOCOL.write_text(ERROR_TABLE.sub(lambda _: _error_table(), PROTOCOL.read_text()))
