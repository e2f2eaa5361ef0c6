"""The command line without a cluster: help, documentation, and how failures end."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from memmux import errors
from memmux.cli.docs.commands import reference
from memmux.cli.main import USAGE, cli, run
from memmux.cli.options import SETTINGS
from memmux.cli.table import COMMANDS as TABLE
from memmux.cli.table import GROUPS
from memmux.config.settings import Settings
from memmux.errors import MemmuxError
from tests.bounds import BOUND_S

ROOT = Path(__file__).parents[4]
CONTEXT = click.Context(cli)


def _names(group: click.Group, before: str = "") -> Iterator[str]:
    for name in group.list_commands(CONTEXT):
        yield before + name
        command = group.get_command(CONTEXT, name)
        if isinstance(command, click.Group):
            yield from _names(command, f"{before}{name} ")


def _command(name: str) -> click.Command:
    command: click.Command | None = cli
    for word in name.split():
        assert isinstance(command, click.Group)
        command = command.get_command(CONTEXT, word)
    assert command is not None
    return command


COMMANDS = list(_names(cli))


def test_every_setting_is_an_option_with_help() -> None:
    names = [known.name for known in fields(Settings)]
    assert list(SETTINGS) == names
    assert [parameter.name for parameter in cli.params if parameter.name in names] == names


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_the_help_shows_each_command_in_its_group_first(columns: int) -> None:
    shown = CliRunner().invoke(cli, ["--help"], terminal_width=columns, max_content_width=columns).output
    lines = shown.splitlines()
    assert [line.rstrip(":") for line in lines if line[:1].isalpha()] == [shown.splitlines()[0], *GROUPS, "Options"]
    assert all(len(line) <= columns for line in lines)
    assert "…" not in shown
    assert "..." not in shown.partition("\n\n")[2]
    assert not any(f"--{name.replace('_', '-')} " in shown.partition("Options:")[2] for name in SETTINGS)
    if columns >= 80:
        at = {name: f"  {name:10}  {entry.text}" for name, entry in TABLE.items()}
        assert all(line in lines for line in at.values())


def test_the_help_imports_no_module_of_a_command() -> None:
    script = (
        "import sys; from memmux.cli.main import run; run(['--help']); "
        "sys.exit(' '.join(name for name in ('zmq', 'memmux.cli.memories', 'memmux.client') if name in sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, timeout=BOUND_S, check=False)
    assert ended.stderr.decode().strip() == ""


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command_ends_with_examples_that_are_understood(name: str) -> None:
    command = _command(name)
    shown = CliRunner().invoke(cli, [*name.split(), "--help"], terminal_width=80).output
    examples = shown.partition("\n  Examples:\n")[2].splitlines()
    assert examples
    assert all(len(line) <= 80 for line in examples)
    for example in examples:
        typed = next(part for part in example.split(" | ") if "memmux " in part).strip()
        words = shlex.split(typed)[1:]
        one = cli if words[0].startswith("-") else command
        rest = words if one is cli else words[len(name.split()) :]
        one.make_context(name, rest, parent=click.Context(cli, info_name="memmux"))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_help(name: str) -> None:
    command = _command(name)
    assert command.help
    for parameter in command.params:
        assert isinstance(parameter, click.Argument) or getattr(parameter, "help", None), parameter.name


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in {"serve", "mcp", "key"}])
def test_every_command_that_prints_data_takes_json(name: str) -> None:
    assert any("--json" in parameter.opts for parameter in _command(name).params)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_stands_in_the_documentation(name: str) -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    section = page.partition(f"## memmux {name}\n")[2].partition("\n## ")[0]
    assert section
    for parameter in _command(name).params:
        for flag in parameter.opts:
            told = isinstance(parameter, click.Argument) or f"`{flag}" in section
            assert told or getattr(parameter, "hidden", False)


def test_documentation_is_what_the_code_says() -> None:
    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8") == reference(), (
        "write it anew: python -m memmux.cli.docs.commands > docs/cli.md"
    )


def test_help_needs_no_cluster_and_no_arguments_mean_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    assert "Memories:" in capsys.readouterr().out
    assert run([]) == 2
    assert "Memories:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("raised", "exit_code"),
    [
        (errors.ContentEmptyError(), 2),
        (errors.SettingInvalidError(), 2),
        (errors.NotFoundError(), 1),
        (errors.ModelMismatchError(), 1),
        (errors.OverloadedError(), 1),
        (errors.MemmuxError(), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_failure_decides_the_exit_code(
    raised: BaseException, exit_code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr(_command("status"), "callback", fail)
    assert run(["status"]) == exit_code
    shown = capsys.readouterr()
    assert shown.out == ""
    if isinstance(raised, MemmuxError):
        assert shown.err == f"memmux: {raised.code}: {raised.message}\n"


@pytest.mark.slow
def test_status_imports_nothing_that_it_does_not_need() -> None:
    heavy = (
        "rich",
        "mcp",
        "numpy",
        "structlog",
        "asyncio",
        "torch",
        "onnxruntime",
        "apsw",
        "dateparser",
        "tzlocal",
        "pypdf",
    )
    script = (
        "import sys; from memmux.cli.main import run; run(['--database', '/nonexistent/x.db', 'status', '--json']); "
        f"sys.exit(' '.join(name for name in {heavy!r} if name in sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, timeout=BOUND_S, check=False)
    assert ended.stderr.decode().strip() == ""


@pytest.mark.parametrize("safe", [[], ["-P"]])
def test_command_line_started_in_a_hostile_folder_imports_nothing_of_it(safe: list[str], tmp_path: Path) -> None:
    for name in ("click", "router", "orjson", "zmq"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported from the working directory')")
    environment = {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, *safe, "-m", "memmux", "--version"]
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, timeout=BOUND_S, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith(b"memmux ")


@pytest.mark.parametrize(
    "given",
    [
        ["import", "~nosuch"],
        ["export", "~nosuch"],
        ["restore", "~nosuch"],
        ["connect", "~nosuch"],
        ["setup", "--from", "~nosuch"],
        ["key", "add", "ada", "--role", "read", "--endpoint", "tcp://127.0.0.1:7700", "--out", "~nosuch"],
        ["install", "cursor", "--project", "~nosuch"],
        ["install", "--shadow", "--to", "~nosuch"],
    ],
)
def test_a_home_folder_that_there_is_not_ends_no_command_with_a_traceback(
    settings_env: dict[str, str], given: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings_env.items():
        monkeypatch.setenv(name, value)
    assert run(given) == USAGE
    assert "if the name begins with ~, write ./~nosuch" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (["uninstall", "--dry-run"], 0),
        (["install", "cursor", "--dry-run", "--project"], USAGE),
        (["import", "notes.json"], USAGE),
    ],
)
def test_a_working_directory_that_is_gone_ends_no_command_with_a_traceback(
    settings_env: dict[str, str], given: list[str], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**settings_env, "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert run(given) == code
