"""Questions to whoever sits at the terminal."""

from __future__ import annotations

import sys

import click

from memmux.cli import output

REFUSED = 1  # the exit code after an answer of no: nothing was done
SHOWN = 10  # things that are shown before a question about them


def asks(*, yes: bool) -> bool:
    """Return whether there is somebody to ask; yes: whether the answer was given beforehand."""
    return not yes and sys.stdin.isatty()


def ask(question: str) -> None:
    """Ask, and end the command unless the answer is yes."""
    if not click.confirm(output.flat(question), err=True):
        output.note("nothing was done")
        click.get_current_context().exit(REFUSED)
