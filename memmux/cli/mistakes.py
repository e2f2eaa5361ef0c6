"""Mistakes: what is said of a command line that is not understood, with what was probably meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import click

from memmux.errors import ArgumentInvalidError, MemmuxError, UnknownFieldError, UnknownOperationError

_MEANT: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("add", "save", "remember", "put", "new", "create", "write", "insert"), "store"),
        **dict.fromkeys(("find", "query", "ask", "grep", "recall", "retrieve", "lookup"), "search"),
        **dict.fromkeys(("show", "read", "cat", "view", "print", "open"), "get"),
        **dict.fromkeys(("ls", "all", "recent", "memories"), "list"),
        **dict.fromkeys(("edit", "set", "change", "modify"), "update"),
        **dict.fromkeys(("rm", "remove", "del"), "delete"),
        **dict.fromkeys(("clear", "wipe", "erase", "prune"), "forget"),
        **dict.fromkeys(("undelete", "recover", "revert", "rollback", "redo", "unforget"), "undo"),
        **dict.fromkeys(("logs", "events"), "tail"),
        **dict.fromkeys(("start", "run", "server", "up"), "serve"),
        **dict.fromkeys(("kill", "quit", "exit", "down", "shutdown"), "stop"),
        **dict.fromkeys(("info", "stats", "state"), "status"),
        **dict.fromkeys(("ps", "running", "databases"), "clusters"),
        **dict.fromkeys(("changes", "changelog", "journal", "audit", "activity"), "log"),
        **dict.fromkeys(("config", "setting", "options", "env", "variables"), "settings"),
        **dict.fromkeys(("health", "diagnose", "verify", "test"), "doctor"),
        **dict.fromkeys(("monitor", "dashboard", "watch"), "top"),
        **dict.fromkeys(("init", "download", "model", "models"), "setup"),
        **dict.fromkeys(("configure", "clients", "client"), "install"),
        **dict.fromkeys(("load", "merge"), "import"),
        **dict.fromkeys(("man", "manual", "documentation"), "docs"),
        **dict.fromkeys(("dump",), "export"),
        **dict.fromkeys(("namespace", "spaces"), "namespaces"),
        **dict.fromkeys(("tag", "labels"), "tags"),
        **dict.fromkeys(("keys", "user", "users"), "key"),
        **dict.fromkeys(("remote", "login"), "connect"),
    }
)
"""Words that others use for what a command does."""

_EXTRA = re.compile(r"unexpected extra arguments? \((.*)\)", re.DOTALL)
_VALUE = re.compile(r"'([^']*)' is not one of")
_NEAR = 0.85  # likeness of an option that is hardly misspelt
_SIMILAR = 0.6  # likeness of names, without what all options begin with
_TEXTS = ("text", "query")  # arguments that may be of several words


def error_of(error: click.ClickException, cli: click.Group, given: Sequence[str]) -> MemmuxError:
    """Return the error of our table that says what is wrong with the arguments `given`, and what to type instead."""
    context = (error.ctx if isinstance(error, click.UsageError) else None) or click.Context(cli, info_name="memmux")
    command, path = _command(context, cli, given)
    help_ = f"see `{path} --help`"
    if isinstance(error, click.exceptions.NoSuchCommand):
        group = context.command if isinstance(context.command, click.Group) else cli
        name = error.command_name
        meant = _close(name, group.list_commands(context), _MEANT if group is cli else {})
        there = f"did you mean {_joined(f'`{path} {one}`' for one in meant)}? " if meant else ""
        return UnknownOperationError(f"there is no command {name!r}; {there}`{path} --help` lists them all")
    if isinstance(error, click.NoSuchOption):
        return UnknownFieldError(f"there is no option {error.option_name!r}{_option(error, command, path, cli, given)}")
    message = error.format_message().rstrip(".")
    if isinstance(error, click.BadParameter) and error.param and isinstance(error.param.type, click.Choice):
        help_ = f"{_chosen(message, error.param.type.choices)}{help_}"
    if extra := _EXTRA.search(message):
        return ArgumentInvalidError(f"{_extra(extra[1], command, path)}; {help_}")
    return ArgumentInvalidError(f"{message[:1].lower()}{message[1:]}; {help_}")


def _command(context: click.Context, cli: click.Group, given: Sequence[str]) -> tuple[click.Command, str]:
    """Return the command that is meant and how it is called, also where the parser did not say which one it was at."""
    if context.command is not cli:
        return context.command, context.command_path
    for word in given:
        command = None if word.startswith("-") else cli.get_command(context, word)
        if command is not None:
            return command, f"memmux {word}"
    return cli, "memmux"


def _option(
    error: click.NoSuchOption, command: click.Command, path: str, cli: click.Group, given: Sequence[str]
) -> str:
    """Return what goes on after the words that there is no such option."""
    name, at_front = error.option_name, error.ctx is None or error.ctx.command is cli
    if at_front and command is not cli and name in _flags(command):
        return f" before the command; it belongs after it: `{path} … {name} …`"
    typed = next((word for word in given if word.startswith(name)), name)
    arguments = [parameter for parameter in command.params if isinstance(parameter, click.Argument)]
    if arguments and (" " in typed.strip() or not typed.startswith("--")):
        return f"; put -- before a text that begins with -: `{path} -- {typed!r}`"
    if at_front and (owners := _owners(cli, name)):
        return f" before a command; it belongs after one of {', '.join(owners)}"
    meant = _options(name, cli if at_front else command)
    there = f"did you mean {_joined(meant)}? " if meant else ""
    if at_front and not meant:
        others = {flag for one in cli.list_commands(click.Context(cli)) for flag in _flags_of(cli, one)}
        if close := difflib.get_close_matches(name.lower(), sorted(others), 1, _NEAR):
            there = f"did you mean {close[0]}, after one of {', '.join(_owners(cli, close[0]))}? "
    return f"; {there}see `{'memmux' if at_front else path} --help`"


def _options(name: str, command: click.Command) -> list[str]:
    """Return the options that may be meant: of the command's own, or of the settings if one is hardly misspelt."""
    options = [option for option in command.params if isinstance(option, click.Option)]
    own = [flag for option in options if not option.hidden for flag in option.opts if flag.startswith("--")]
    settings = [flag for option in options if option.hidden for flag in option.opts]
    word = name.lower()
    near = difflib.get_close_matches(word, [*own, *settings], cutoff=_NEAR)
    return near or [flag for flag in difflib.get_close_matches(word, own) if _alike(word, flag)]


def _alike(one: str, other: str) -> bool:
    """Return whether two options are alike also without the dashes that all begin with."""
    return difflib.SequenceMatcher(None, one.lstrip("-"), other.lstrip("-")).ratio() >= _SIMILAR


def _owners(cli: click.Group, flag: str) -> list[str]:
    """Return the commands that have an option."""
    return [one for one in cli.list_commands(click.Context(cli)) if flag in _flags_of(cli, one)]


def _chosen(message: str, choices: Iterable[object]) -> str:
    """Return which of the choices may be meant by a value that is none."""
    value = _VALUE.search(message)
    meant = close_value(value[1], map(str, choices)) if value else None
    return f"did you mean {meant!r}? " if meant else ""


def close_value(value: str, known: Iterable[str]) -> str | None:
    """Return the value that may be meant by one that is not known; None if none is like it."""
    names, lower = list(known), value.lower()
    begun = [name for name in names if lower and (name.lower().startswith(lower) or lower.startswith(name.lower()))]
    return next(iter(begun or difflib.get_close_matches(lower, names, 1)), None)


def _extra(extra: str, command: click.Command, path: str) -> str:
    names = [parameter.name for parameter in command.params if isinstance(parameter, click.Argument)]
    if names and names[-1] in _TEXTS:
        return f"there is more than one text ({extra} is left over); put a text of several words in quotes"
    if names == ["client"]:
        return f"{extra} is left over; set up one client at a time, or --all of them"
    if path == "memmux restore":
        return f"{extra} is left over; name one of them, or --newest for the newest good one of this database's own"
    takes = " ".join(command.collect_usage_pieces(click.Context(command, info_name=path)))
    return f"{extra} is left over: it is `{path} {takes}`"


def _flags(command: click.Command) -> list[str]:
    return [flag for parameter in command.params if isinstance(parameter, click.Option) for flag in parameter.opts]


def _flags_of(cli: click.Group, name: str) -> list[str]:
    command = cli.get_command(click.Context(cli), name)
    return [] if command is None else _flags(command)


def _close(name: str, known: Iterable[str], meant: Mapping[str, str]) -> list[str]:
    """Return the names that may be meant by one that is not known, best first."""
    names, lower = list(known), name.lower()
    if lower in names:
        return [lower]
    if lower in meant:
        return [meant[lower]]
    return difflib.get_close_matches(lower, names) or [
        meant[word] for word in difflib.get_close_matches(lower, meant, 1)
    ]


def _joined(names: Iterable[str]) -> str:
    return " or ".join(names)
