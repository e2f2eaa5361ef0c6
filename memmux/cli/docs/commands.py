"""The reference of the command line as Markdown: `python -m memmux.cli.docs.commands > docs/cli.md` writes it."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator

import click

from memmux.cli.main import cli
from memmux.cli.table import GROUPS

_HEAD = """\
# The command line

`memmux --help` and `memmux COMMAND --help` say the same. This page is generated from them; a test compares.

Commands that print data take `--json` and then print one JSON document on standard output. Text for people goes to
standard output, warnings and errors to standard error. A failure is one line, `memmux: CODE: what happened and what to
do`; with `--json` it is `{"error": {"code", "message", "retryable"}}`. [json.md](json.md) has the shapes of all
documents, and their schema.

Where an ID is taken, its beginning will do, from eight characters on, if no other begins so; and the content hash of a
memory. At least 13 are shown, as ids that are made within a minute begin with the same eight. Settings may stand before
and after the command.

In text for people, control characters and what turns the direction of writing around are escaped, as in `\\x1b`: no
memory can forge a line or drive the terminal. So are characters that the output's encoding lacks. JSON is always UTF-8.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | failed; also where `check`, `doctor`, `import` or `install` found something wrong, after a question that is \
answered with no, where there is no database yet for a command that adds nothing, and when standard output can't be \
written, as on a full disk or when it is closed |
| 2 | wrong usage: an argument, an option or a setting is not valid |
| 3 | `memmux status`, `top --once`: no cluster runs, or it answers nobody yet; `service status`: it does not run |
| 130 | interrupted with Ctrl-C |
| 141 | whoever read standard output, as `head`, went away before everything was written; 0 with `memmux tail` |
"""


def reference() -> str:
    """Return the whole page."""
    context = click.Context(cli, info_name="memmux", max_content_width=100)
    parts = [_HEAD, "## memmux\n", f"`memmux {_usage(cli, context)}`\n", _described(cli), _groups()]
    for command, inner in _commands(cli, context):
        path = inner.command_path
        parts += [f"## {path}\n", f"`{path} {_usage(command, inner)}`\n", _described(command)]
        if any(isinstance(parameter, click.Option) for parameter in command.params):
            parts.append(_options(command, inner))
        if examples := _examples(command):
            parts += ["```console", *examples, "```\n"]
    return "\n".join(parts)


def _groups() -> str:
    lines = ["| | |", "|---|---|"]
    for group, commands in GROUPS.items():
        lines.append(f"| **{group}** | |")
        lines += [f"| [`{name}`](#memmux-{name}) | {entry.text} |" for name, entry in commands.items()]
    return "\n".join([*lines, ""])


def _examples(command: click.Command) -> list[str]:
    """Return the examples of a command; those of a group are shown at its commands."""
    lines = [] if isinstance(command, click.Group) else (command.epilog or "").splitlines()
    return [f"$ {line.strip()}" for line in lines if line.startswith("  ")]


def _commands(group: click.Group, context: click.Context) -> Iterator[tuple[click.Command, click.Context]]:
    """Yield the commands of a group, and after each group its own."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inner = click.Context(command, info_name=name, parent=context)
        yield command, inner
        if isinstance(command, click.Group):
            yield from _commands(command, inner)


def _usage(command: click.Command, context: click.Context) -> str:
    return " ".join(command.collect_usage_pieces(context))


def _described(command: click.Command) -> str:
    return inspect.cleandoc(command.help or "") + "\n"


def _options(command: click.Command, context: click.Context) -> str:
    return "\n".join(["| option | meaning |", "|---|---|", *_rows(command, context), ""])


def _rows(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.params:
        # Arguments have no record: the usage shows them, and the description tells what they are.
        record = parameter.get_help_record(context) if isinstance(parameter, click.Option) else None
        if record is not None:
            flag, text = (" ".join(part.replace("|", "\\|").split()) for part in record)
            named = flag.replace(", --", "`, `--")
            yield f"| `{named}` | {text} |"


if __name__ == "__main__":
    sys.stdout.write(reference())
