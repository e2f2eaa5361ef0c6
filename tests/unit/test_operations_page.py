"""The runbook names what there is: every degraded state, commands that exist, events that are logged."""

from __future__ import annotations

import re
import shlex
from itertools import chain
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from memmux.cli.main import cli
from memmux.errors import ERRORS
from memmux.logs.events import BY_NAME
from tests import documents

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text()
SECTIONS = re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
NO_STATES = frozenset({"busy", "degraded"})  # named in the same paragraph, and none of them


def _codes() -> list[str]:
    """The degraded codes that PROTOCOL.md lists, and those that the router makes of the kind of a worker."""
    listed = re.search(r"^`degraded` codes:.*?\n\n", (ROOT / "PROTOCOL.md").read_text(), re.MULTILINE | re.DOTALL)
    assert listed is not None
    found = re.findall(r"`([a-z_]+)`", listed[0])
    return sorted({*found, "reader_loading", "writer_unavailable"} - NO_STATES)


def _commands() -> list[list[str]]:
    """What is said to memmux in the page's blocks of commands."""
    blocks = [
        block for block in documents.blocks(ROOT / "docs" / "operations.md") if block.language in ("sh", "console")
    ]
    lines = chain.from_iterable(block.text.replace("\\\n", "").splitlines() for block in blocks)
    commands = [shlex.split(line, comments=True) for line in lines]
    said = [words[len(words) - words[::-1].index("memmux") :] for words in commands if "memmux" in words]
    return [words for words in said if words and words[0] not in ("serve", "--build-arg", "|")]


@pytest.mark.parametrize("code", _codes())
def test_every_degraded_state_has_a_section(code: str) -> None:
    assert any(f"`{code}`" in section for section in SECTIONS)


@pytest.mark.parametrize("words", _commands(), ids=" ".join)
def test_every_command_exists_and_takes_the_options_that_it_is_given(words: list[str]) -> None:
    context = click.Context(cli, info_name="memmux")
    _, rest, _ = cli.make_parser(context).parse_args(words)
    if not rest:
        return
    name, *arguments = rest
    command = cli.get_command(context, name)
    assert command is not None, name
    command.make_parser(click.Context(command, info_name=name)).parse_args(arguments)
    assert CliRunner().invoke(cli, [name, "--help"]).exit_code == 0


def test_there_are_commands() -> None:
    assert len(_commands()) > 15


def test_every_event_that_is_to_be_looked_at_is_in_the_catalogue() -> None:
    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", PAGE.partition("- **Logs.**")[2].partition("##")[0]))
    assert len(named) > 8
    assert named <= set(BY_NAME)


def test_every_error_that_it_names_is_one() -> None:
    table = PAGE.partition("| what users see |")[2].partition("###")[0]
    named = re.findall(r"^\| `([a-z_]+)`", table, re.MULTILINE)
    assert len(named) > 8
    assert set(named) <= set(ERRORS)
