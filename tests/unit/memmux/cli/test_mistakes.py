"""What is typed by mistake: the exit code, and the words of the remedy. New ones are added here."""

from __future__ import annotations

from pathlib import Path

import pytest

from memmux.cli import degraded
from memmux.cli.main import cli, run
from memmux.errors import ERRORS
from memmux.logs.events import EVENTS
from tests.unit.memmux.cli.desk_client import Typed

MISTAKES = [
    # commands
    (["serch", "x"], 2, "`memmux search`"),
    (["stroe", "x"], 2, "`memmux store`"),
    (["Search", "x"], 2, "`memmux search`"),
    (["LIST"], 2, "`memmux list`"),
    (["find", "x"], 2, "`memmux search`"),
    (["add", "x"], 2, "`memmux store`"),
    (["remember", "x"], 2, "`memmux store`"),
    (["rm", "x"], 2, "`memmux delete`"),
    (["ls"], 2, "`memmux list`"),
    (["undelete"], 2, "`memmux undo`"),
    (["logs"], 2, "`memmux tail`"),
    (["start"], 2, "`memmux serve`"),
    (["configure"], 2, "`memmux install`"),
    (["frobnicate"], 2, "`memmux --help` lists them all"),
    (["key", "ad"], 2, "`memmux key add`"),
    (["--serch"], 2, "see `memmux --help`"),
    # texts of several words, and texts that begin with -
    (["store", "hello", "world"], 2, "in quotes"),
    (["search", "deploy", "key"], 2, "in quotes"),
    (["store", "-5 degrees"], 2, "-- '-5 degrees'"),
    (["search", "-5"], 2, "put -- before"),
    (["store", "--dry run"], 2, "put -- before"),
    # options in the wrong place, misspelt, without a value
    (["--limit", "3", "search", "x"], 2, "belongs after it: `memmux search … --limit …`"),
    (["--tag", "x"], 2, "belongs after one of store, search"),
    (["search", "x", "--limt", "3"], 2, "--limit"),
    (["search", "x", "--Limit", "3"], 2, "--limit"),
    (["search", "foo", "--limit"], 2, "`memmux search --help`"),
    (["search", "foo", "--limit", "three"], 2, "`memmux search --help`"),
    (["--log-levle", "debug", "status"], 2, "--log-level"),
    (["get"], 2, "`memmux get --help`"),
    (["get", "a", "b"], 2, "`memmux get [OPTIONS] ID`"),
    (["list", "x"], 2, "`memmux list --help`"),
    (["tail", "--event", "no_such_event"], 2, "memmux docs events"),
    (["tail", "--event", "request_finishd"], 2, "request_finished"),
    (["explain", "not_fund"], 2, "did you mean not_found"),
    (["explain", "zzz"], 2, "memmux docs events"),
    (["store", "x", "--tags", "a"], 2, "did you mean --tag? see"),
    (["list", "--tags", "a"], 2, "did you mean --tag? see"),
    (["--tags", "a", "list"], 2, "did you mean --tag, after one of store,"),
    (["stop", "--all"], 2, "there is no option '--all'; see `memmux stop --help`"),
    (["status", "--jsn"], 2, "did you mean --json? see"),
    (["list", "--log-levle", "debug"], 2, "--log-level"),
    # values of choices
    (["settings", "reader"], 2, "did you mean readers?"),
    (["settings", "log-levle"], 2, "did you mean log_level?"),
    (["settings", "zzz"], 2, "`memmux settings` lists them all"),
    (["log", "--kind", "delete"], 2, "did you mean 'deleted'?"),
    (["tail", "--level", "warn"], 2, "did you mean 'warning'?"),
    (["tail", "--level", "WARNING"], 2, "did you mean 'warning'?"),
    (["service", "staus"], 2, "did you mean 'status'?"),
    (["import", "--from", "chat-gpt", "x"], 2, "did you mean 'chatgpt'?"),
    (["export", "--format", "mcp", "x"], 2, "did you mean 'mcp-memory-service'?"),
    (["key", "add", "a", "--role", "reader"], 2, "did you mean 'read'?"),
    (["key", "add", "a", "--role", "zzz"], 2, "'admin'; see `memmux key add --help`"),
    (["search", "x", "--mode", "keywrd"], 2, "did you mean 'keyword'?"),
    # ids that are cut too short
    (["get", "01a2"], 1, "at least 8 characters of an id"),
    (["delete", "01a2"], 1, "at least 8 characters of an id"),
    (["update", "01a2", "--tag", "x"], 1, "at least 8 characters of an id"),
    (["history", "01a2"], 1, "at least 8 characters of an id"),
    (["purge", "01a2", "--yes"], 1, "at least 8 characters of an id"),
    # what is undone
    (["undo"], 2, "--last"),
    (["undo", "1", "2"], 2, "[SEQ|SEQ-SEQ|ID]"),
    (["undo", "1", "--last"], 2, "--since"),
    (["undo", "--since", "frobnicated"], 2, "yesterday"),
    (["undo", "99"], 1, "memmux history ID"),
    (["undo", "--last"], 1, "memmux history ID"),
    (["undo", "01a2225d"], 1, "search or list"),
    (["get", "01a2225d"], 1, "search or list"),
    (["purge"], 2, "--deleted-before"),
    (["forget"], 2, "give tags"),
    # settings
    (["--log-level", "loud", "list"], 2, "one of debug, info"),
    (["list", "--log-level", "loud"], 2, "one of debug, info"),
    (["--readers", "two", "list"], 2, "a whole number"),
    (["--readers", "2.5", "list"], 2, "a whole number"),
    (["--idle-exit-s", "5m", "list"], 2, "a number of seconds"),
    (["--log-mb", "64MB", "list"], 2, "a whole number of MiB"),
    (["--traces", "maybe", "list"], 2, "true or false"),
    (["--database", "", "list"], 2, "give it a value"),
    (["--database", "/", "list"], 2, "is a folder; name a file in it"),
    # clients
    (["install", "claude"], 2, "claude-desktop or claude-code"),
    (["install", "VSCod"], 2, "vscode"),
    (["install", "emacs"], 2, "there are claude-desktop"),
    (["install", "claude-code", "cursor"], 2, "one client at a time, or --all"),
    (["install", "claude-code", "--project", "/nonexistent"], 2, "no folder"),
    (["install", "cursor", "--env", "X"], 2, "NAME=VALUE"),
    # files
    (["export", "/nonexistent/x"], 1, "its folder is not there; make it"),
    (["connect", "/nonexistent/x"], 2, "memmux key add"),
    (["restore", "nofile.db"], 1, "there is no file"),
    (["restore"], 2, "--newest"),
    (["restore", "memories-1.db", "memories-2.db"], 2, "name one of them, or --newest"),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "remedy"), MISTAKES, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_a_mistake_is_answered_with_its_remedy(arguments: list[str], code: int, remedy: str, typed: Typed) -> None:
    ended, out, err = typed(*arguments)
    assert (ended, out) == (code, ""), err
    assert remedy in err, err
    assert err.startswith("memmux: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err


READING = [
    ["search", "x"],
    ["list"],
    ["get", "x"],
    ["update", "x", "--tag", "y"],
    ["delete", "x"],
    ["forget", "--tag", "x"],
    ["history", "x"],
    ["undo", "1"],
    ["undo", "--last"],
    ["purge", "x", "--yes"],
    ["namespaces"],
    ["tags"],
    ["timeline"],
    ["duplicates"],
    ["export", "x.jsonl"],
]


@pytest.mark.parametrize("arguments", READING, ids=lambda words: words[0])
def test_what_adds_nothing_makes_no_database(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for kind in ("RUNTIME", "STATE", "CACHE"):
        monkeypatch.setenv(f"MEMMUX_{kind}_DIR", str(tmp_path / kind))
    assert run(["--database", str(tmp_path / "nowhere" / "x.db"), *arguments]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert f"database_missing: there is no database at {tmp_path}/nowhere/x.db; `memmux store` makes it" in shown.err
    assert list(tmp_path.iterdir()) == []


def test_wrong_usage_goes_before_a_database_that_is_not_there(tmp_path: Path) -> None:
    assert run(["--database", str(tmp_path / "x.db"), "search", "x", "--limit", "0"]) == 2


@pytest.mark.parametrize(
    ("written", "remedy"),
    [
        ('databse = "x.db"', "write it as database"),
        ('log-level = "debug"', "write it as log_level"),
        ('MEMMUX_LOG_LEVEL = "debug"', "write it as log_level"),
        ('Database = "x.db"', "write it as database"),
        ('[memmux]\nlog_level = "debug"', "no section"),
        ("log_level = debug", "texts need quotes"),
        ('frobnicate = "x"', "memmux docs settings"),
        ('readers = "two"', "a whole number"),
        ('idle_exit_s = "5m"', "a number of seconds"),
    ],
)
def test_a_mistake_in_the_file_of_settings_is_answered_with_its_remedy(
    written: str, remedy: str, typed: Typed, tmp_path: Path
) -> None:
    (tmp_path / "memmux.toml").write_text(written)
    code, _, err = typed("list")
    assert (code, remedy in err) == (2, True), err
    assert str(tmp_path / "memmux.toml") in err


@pytest.mark.parametrize(
    ("variable", "meant"),
    [("MEMMUX_DATABSE", "MEMMUX_DATABASE"), ("MEMMUX_LOGLEVEL", "MEMMUX_LOG_LEVEL"), ("memmux_model", "MEMMUX_MODEL")],
)
def test_a_variable_that_is_misspelt_is_told(
    variable: str, meant: str, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "/x")
    code, _, err = typed("list")
    assert code == 0
    assert f"{variable} is set and ignored; {meant} was meant?" in err


def test_a_variable_of_somebody_else_is_not_told(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMMUX_HOUSE_NUMBER", "7")
    assert "ignored" not in typed("list")[2]


@pytest.mark.parametrize("command", ["store", "update", "list", "search"])
def test_a_tag_with_a_comma_is_told(command: str, typed: Typed) -> None:
    more = {"list": []}.get(command, ["x"])
    _, _, err = typed(command, *more, "--tag", "a,b")
    assert "--tag a --tag b" in err


@pytest.mark.parametrize("name", ["list", "search"])
def test_settings_are_taken_after_the_command_too(name: str, typed: Typed) -> None:
    more = ["x"] if name == "search" else []
    assert typed(name, *more, "--log-level", "debug", "--readers=3")[0] == 0
    assert "--readers" not in typed(name, "--help")[1]


def test_help_and_version_are_words_too(typed: Typed) -> None:
    assert typed("help") == typed("--help")
    assert typed("help", "get") == typed("get", "--help")
    assert typed("help", "key") == typed("key", "--help")
    assert typed("version") == typed("--version") == typed("-V")
    assert typed("help", "serch")[0] == 2
    assert "help" not in cli.list_commands(None)  # type: ignore[arg-type]  # it looks at none


@pytest.mark.parametrize("code", [*ERRORS, *degraded.SENTENCES, "embed-0_failing", *(event.name for event in EVENTS)])
def test_every_code_and_event_is_explained(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", code]) == 0
    assert capsys.readouterr().out.strip()
