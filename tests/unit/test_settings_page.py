"""docs/settings.md has every setting once, with the default that the code has."""

from __future__ import annotations

import re
from dataclasses import MISSING, Field, fields
from pathlib import Path

import pytest

from memmux.config.settings import PREFIX, Settings

PAGE = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()
ROWS = re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", PAGE, re.MULTILINE)


def _variable(known: Field[object]) -> str:
    return f"{PREFIX}{known.name.upper()}"


def _written(default: object) -> str:
    """A default as the page has it."""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return str(int(default)) if isinstance(default, float) else str(default)


def test_page_names_every_setting_once_and_nothing_else() -> None:
    named = sorted(name for name, _ in ROWS)
    assert named == sorted([*map(_variable, fields(Settings)), f"{PREFIX}CONFIG"])


@pytest.mark.parametrize("known", [known for known in fields(Settings) if known.default not in (MISSING, None, ())])
def test_default_of_a_setting_is_that_of_the_code(known: Field[object]) -> None:
    assert dict(ROWS)[_variable(known)] == f"`{_written(known.default)}`"


@pytest.mark.parametrize("known", [known for known in fields(Settings) if known.default in (MISSING, None, ())])
def test_default_that_depends_on_the_machine_is_described(known: Field[object]) -> None:
    assert len(dict(ROWS)[_variable(known)]) > 3
