"""The entry of the command line: which module holds a command, and how a failure ends."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

import click

from memmux.cli import completion, mistakes, output
from memmux.cli.interrupts import ending_at_once
from memmux.cli.options import hidden_settings, take_settings
from memmux.cli.streams import ReaderGoneError
from memmux.cli.table import COMMANDS, GROUPS
from memmux.errors import (
    KeyConflictError,
    MemmuxError,
    ModelMismatchError,
    NotFoundError,
    PoisonedError,
    RequestError,
    SettingInvalidError,
    UndoConflictError,
)
from memmux.version import __version__

FAILURE = 1
USAGE = 2
INTERRUPTED = 130  # what shells report for a process that SIGINT ended
READER_GONE = 141  # and for one that SIGPIPE ended

HELP = "help"
_OPTIONS = {HELP: "--help", "version": "--version"}

# Requests that are well formed, and fail by the state in which they find the memories.
_STATE_ERRORS = (NotFoundError, KeyConflictError, ModelMismatchError, UndoConflictError, PoisonedError)


class Commands(click.Group):
    """The commands, each imported when it is run: `memmux status` pays for nothing else."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, in the order of the help."""
        del ctx  # the same in any context
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of that name, or None."""
        del ctx  # the same in any context
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].where.rpartition(".")
        with ending_at_once():
            command = getattr(importlib.import_module(f"memmux.cli.{module}"), attribute)
        assert isinstance(command, click.Command)
        take_settings(command)
        show_examples(command, COMMANDS[cmd_name].examples)
        if completion.asked():
            completion.offer(command)
        return command

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, and then the options."""
        self.format_commands(ctx, formatter)
        click.Command.format_options(self, ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands in their groups, a line for each; the modules of the commands are not imported for it."""
        del ctx  # the same in any context
        names = max(map(len, COMMANDS))
        for group, commands in GROUPS.items():
            with formatter.section(group):
                formatter.write_dl([(name.ljust(names), entry.text) for name, entry in commands.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is meant; `help` and `version` are what many type for the options."""
        name, *rest = args
        if name in _OPTIONS:
            args = [*rest[:1], _OPTIONS[name]] if rest and name == HELP else [_OPTIONS[name]]
            if args[0].startswith("-"):
                self.parse_args(ctx, args)  # which ends here
        return super().resolve_command(ctx, args)


@click.group(
    cls=Commands,
    options_metavar="[SETTING]...",
    subcommand_metavar="COMMAND [ARGUMENT]...",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "-V", "--version", message="%(prog)s %(version)s")
def cli() -> None:
    """One memory, shared by every AI client on this machine.

    Each database has one cluster, which the first client starts. `memmux COMMAND --help` has the options of a command,
    and examples. `memmux settings` lists the settings: each is also an option, before or after the command, as in
    `memmux --database FILE status`.
    """


cli.params += hidden_settings()


def show_examples(command: click.Command, examples: Sequence[str]) -> None:
    """Have the help of a command end with examples."""
    command.epilog = "\n".join(["\b", "Examples:", *(f"  {example}" for example in examples)])
    for inner in command.commands.values() if isinstance(command, click.Group) else ():
        show_examples(inner, [one for one in examples if one.split()[1:3] == [command.name, inner.name]])


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, 1 for a failure, 2 for wrong usage, 130 for Ctrl-C.

    `memmux status` and `memmux top --once` end with 3 when no cluster runs. It is 141 when whoever read standard output
    went away before everything was written.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in given
    if completion.asked():
        completion.offer(cli)
    try:
        code = cli.main(given, prog_name="memmux", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return USAGE
    except click.ClickException as error:
        output.failure(mistakes.error_of(error, cli, given), as_json=as_json)
        return USAGE
    except click.Abort:
        return INTERRUPTED
    except ReaderGoneError:
        return READER_GONE
    except MemmuxError as error:
        output.failure(error, as_json=as_json)
        return USAGE if _is_usage(error) else FAILURE
    return code if isinstance(code, int) else 0


def _is_usage(error: MemmuxError) -> bool:
    return isinstance(error, RequestError | SettingInvalidError) and not isinstance(error, _STATE_ERRORS)
