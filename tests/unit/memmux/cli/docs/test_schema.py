"""The schema of what commands print, and the page about it, as the code says."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import click

from memmux.cli.docs.json import page
from memmux.cli.docs.schema import text
from memmux.cli.docs.shapes import SHAPES
from memmux.cli.main import cli

ROOT = Path(__file__).parents[5]
WITHOUT = {"serve", "mcp", "tail"}  # which print no document, or lines of a log as they are


def test_the_schema_in_the_package_is_what_the_code_says() -> None:
    assert (resources.files("memmux.cli") / "schemas" / "output.json").read_bytes() == text(), (
        "write it anew: python -m memmux.cli.docs.schema > memmux/cli/schemas/output.json"
    )


def test_the_page_is_what_the_code_says() -> None:
    assert (ROOT / "docs" / "json.md").read_text(encoding="utf-8") == page(), (
        "write it anew: python -m memmux.cli.docs.json > docs/json.md"
    )


def test_every_command_that_prints_a_document_has_a_shape() -> None:
    context = click.Context(cli)
    names: set[str] = set()
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        inner = command.list_commands(context) if isinstance(command, click.Group) else []
        names |= {f"{name} {one}" for one in inner} or {name}
    assert names - WITHOUT == set(SHAPES)
