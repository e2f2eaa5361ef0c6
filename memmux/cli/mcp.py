"""The command `memmux mcp`, where it is no relay: the search of one for its cluster, or a server of its own."""

from __future__ import annotations

import sys

import click

from memmux.cli import launch, output
from memmux.cli.become import become
from memmux.cli.options import from_option, with_settings
from memmux.config.settings import Settings
from memmux.relay import process


@click.command()
@from_option
@with_settings(applied=True)
def mcp(settings: Settings) -> None:
    """Speak MCP on standard input and output: the command that an MCP host is given."""
    if launch.asked():
        click.get_current_context().exit(launch.search(settings))
    if sys.stdin.isatty():
        output.note(process.TERMINAL.removeprefix("memmux: ").rstrip())
    become("mcp_dealer", settings, "--private")
