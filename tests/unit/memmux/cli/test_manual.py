"""The documents of an installation, and the messages that name them."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from memmux.cli import manual
from memmux.cli.main import cli, run
from memmux.errors import ERRORS
from memmux.logs.events import EVENTS

ROOT = Path(__file__).parents[4]
_FILE = re.compile(r"\b[\w/-]*\w\.(?:md|yml)\b")
_NAMED = re.compile(r"`memmux docs ([\w/.-]+)`")


def constants() -> Iterator[tuple[Path, str]]:
    """Each text in the code that may be said at run time: all but docstrings, of what is installed."""
    for package in ("memmux", "router", "workers", "mcp_dealer"):
        for path in (ROOT / package).rglob("*.py"):
            if path.is_relative_to(ROOT / "memmux" / "cli" / "docs"):
                continue  # they write pages
            tree = ast.parse(path.read_text())
            docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
            for node in ast.walk(tree):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
                    yield path, node.value


def commands(command: click.Command = cli) -> Iterator[click.Command]:
    yield command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from commands(inner)


def told() -> list[str]:
    helps = [text for command in commands() for text in (command.help, *_options(command)) if text]
    return [
        *(text for _, text in constants()),
        *(inspect.getdoc(error) or "" for error in ERRORS.values()),
        *(f"{event.text} {event.remedy}" for event in EVENTS),
        *helps,
    ]


def _options(command: click.Command) -> list[str | None]:
    return [parameter.help for parameter in command.params if isinstance(parameter, click.Option)]


@pytest.mark.slow
def test_no_message_names_a_file_of_the_checkout() -> None:
    allowed = {"docs/ops/alerts.yml", "ops/alerts.yml", "alerts.yml", "compose.yml"}
    named = {found for text in told() for found in _FILE.findall(text) if found not in allowed}
    assert named == set()


@pytest.mark.slow
def test_every_page_that_a_message_names_is_there() -> None:
    named = {found for text in told() for found in _NAMED.findall(text)}
    assert {"settings", "events", "protocol", "remote", "operations", "migrating"} <= named
    for page in named:
        assert manual.find(page).is_file()


def test_every_document_is_a_page_and_found_by_its_path(capsys: pytest.CaptureFixture[str]) -> None:
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/design/*.md"), *ROOT.glob("docs/ops/*")):
        assert manual.find(path.relative_to(ROOT).as_posix()) == path
    assert run(["docs"]) == 0
    assert re.search(r"^operations +\S", capsys.readouterr().out, re.MULTILINE)
    assert run(["docs", "ops/alerts.yml"]) == 0
    assert capsys.readouterr().out == (ROOT / "docs" / "ops" / "alerts.yml").read_text()
    assert run(["docs", "operatoins"]) == 1
    assert "did you mean operations" in capsys.readouterr().err
    assert run(["docs", "../../etc/passwd"]) == 1
