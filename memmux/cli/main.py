"""The entry of the command line: which module holds a command, and how a failure ends."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import click

from memmux.cli import completion, mistakes, output
from memmux.cli.interrupts import ending_at_once
from memmux.cli.options import setting_options, take_settings
from memmux.cli.streams import ReaderGoneError
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

_COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "store": "memories.store",
        "search": "memories.search",
        "get": "memories.get",
        "list": "memories.list_memories",
        "namespaces": "names.namespaces",
        "tags": "names.tags",
        "update": "memories.update",
        "delete": "memories.delete",
        "forget": "memories.forget",
        "ingest": "ingest.ingest",
        "history": "history.history",
        "undo": "undo.undo",
        "purge": "history.purge",
        "export": "transfer.export_memories",
        "import": "transfer.import_memories",
        "status": "cluster.status",
        "tail": "tail.command.tail",
        "top": "top.command.top",
        "stop": "cluster.stop",
        "restart": "cluster.restart",
        "serve": "cluster.serve",
        "mcp": "cluster.mcp",
        "backup": "maintenance.backup",
        "restore": "maintenance.restore",
        "check": "maintenance.check",
        "doctor": "doctor.doctor",
        "explain": "explain.explain",
        "docs": "manual.docs",
        "setup": "setup.setup",
        "install": "install.install",
        "service": "service.service",
        "uninstall": "uninstall.uninstall",
        "key": "key.key",
        "connect": "connect.connect",
        "demo": "demo.command.demo",
    }
)

HELP = "help"
_OPTIONS = {HELP: "--help", "version": "--version"}

# Requests that are well formed, and fail by the state in which they find the memories.
_STATE_ERRORS = (NotFoundError, KeyConflictError, ModelMismatchError, UndoConflictError, PoisonedError)


class Commands(click.Group):
    """The commands, each imported when it is run: `memmux status` pays for nothing else."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, in the order of the help."""
        del ctx  # the same in any context
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of that name, or None."""
        del ctx  # the same in any context
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name].rpartition(".")
        with ending_at_once():
            command = getattr(importlib.import_module(f"memmux.cli.{module}"), attribute)
        assert isinstance(command, click.Command)
        take_settings(command)
        if completion.asked():
            completion.offer(command)
        return command

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


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="%(prog)s %(version)s")
@setting_options
def cli() -> None:
    """One memory, shared by every AI client on this machine.

    Each database has one cluster, which the first client starts. The options here are the settings; each is also
    the variable MEMMUX_NAME and the key `name` of memmux.toml.
    """


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
