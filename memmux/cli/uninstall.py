"""The command `memmux uninstall`: shows what memmux made on this machine, and removes it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import click

from memmux import installation
from memmux.cli import artifacts, output
from memmux.cli.artifacts import CLIENT, DATA, Artifact
from memmux.cli.options import json_option, with_settings
from memmux.cli.questions import REFUSED, ask
from memmux.config.settings import Settings
from memmux.errors import ArgumentInvalidError, MemmuxError
from memmux.hosts.machine import Machine

FAILURE = 1
TYPED = "delete"  # what is typed to remove memories


@click.command()
@click.option("--data", is_flag=True, help="The memories, too: databases, their backups, indexes and keys.")
@click.option("--dry-run", is_flag=True, help="Only show what would be removed.")
@click.option("--yes", is_flag=True, help="Do not ask; on a terminal --data is asked for all the same.")
@json_option
@with_settings
def uninstall(settings: Settings, *, data: bool, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Remove what memmux made on this machine, and say how the package goes.

    Entries in the configurations of MCP clients, for the user and for the project in the working directory; services;
    running clusters; models that were downloaded; logs; sockets; keys of remotes. The memories stay, unless --data is
    given. Files that memmux did not make stay as they are, and those that stand among its own are named.
    """
    local = replace(settings, remote=None)
    found = list(artifacts.every(local, Machine.here(), Path(sys.executable).absolute()))
    meant = [one for one in found if not one.stays and (data or one.kind != DATA)]
    kept = [one for one in found if one not in meant]
    if not as_json:
        _show(meant, kept)
    failed: dict[str, str] = {}
    if not dry_run and meant:
        _agree(meant, data=data, yes=yes)
        failed = _remove(meant)
        for folder in artifacts.folders(local):
            with suppress(OSError):  # it has something in it
                folder.rmdir()
    goes = installation.removal()
    if as_json:
        removed = [{"kind": one.kind, "what": one.what} for one in meant if one.what not in failed]
        stays = [{"kind": one.kind, "what": one.what} for one in kept]
        output.document({"dry_run": dry_run, "removed": removed, "kept": stays, "failed": failed, "package": goes})
    else:
        for what, message in failed.items():
            output.line(output.styled("not removed", fg="red"), f"  {what}: {message}", err=True)
        if not dry_run:
            output.line(f"{len(meant) - len(failed)} removed")
            if any(one.kind == CLIENT for one in meant):
                output.line("beside each client's file is a copy of it as it was; done again, this removes the copies")
            if not data:
                _name(kept, local)
        output.line(f"the package itself: {goes}")
    click.get_current_context().exit(FAILURE if failed else 0)


def _show(meant: Sequence[Artifact], kept: Sequence[Artifact]) -> None:
    width = max((len(one.kind) for one in (*meant, *kept)), default=0)
    for one in meant:
        output.line(output.styled(one.kind.ljust(width), bold=True), "  ", one.what)
    if not meant:
        output.line("nothing of memmux is here")
    for one in kept:
        why = f": {one.stays}" if one.stays else " without --data"
        output.line(output.styled(one.kind.ljust(width), bold=True), "  ", one.what, f", which stays{why}")


def _name(kept: Sequence[Artifact], settings: Settings) -> None:
    """Say how memories are removed later of which only the logs said where they are."""
    for one in kept:
        if one.database not in (None, settings.database):
            named = shlex.quote(str(one.database))
            output.line(f"to remove these memories later, name them: memmux --database {named} uninstall --data")


def _agree(meant: Sequence[Artifact], *, data: bool, yes: bool) -> None:
    """Ask; end the command unless the answer is yes. Raises ArgumentInvalidError where nobody can be asked."""
    memories = data and any(one.kind == DATA for one in meant)
    if not sys.stdin.isatty():
        if not yes:
            raise ArgumentInvalidError("there is nobody to ask; say --yes to remove all of it, or --dry-run to look")
        return
    if memories:
        typed = click.prompt(
            f"Type {TYPED} to remove these memories for good", default="", show_default=False, err=True
        )
        if typed.strip() != TYPED:
            output.note("nothing was done")
            click.get_current_context().exit(REFUSED)
    elif not yes:
        ask(f"Remove {'this' if len(meant) == 1 else f'these {len(meant)}'}?")


def _remove(meant: Sequence[Artifact]) -> dict[str, str]:
    """Remove what is meant; return why what could not be removed could not."""
    failed: dict[str, str] = {}
    for one in meant:
        try:
            one.remove()
        except MemmuxError as error:
            failed[one.what] = error.message
        except OSError as error:
            failed[one.what] = error.strerror or str(error)
    return failed
