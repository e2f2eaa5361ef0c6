"""The commands where the database is on PostgreSQL and nobody serves it: what they call it, and what they send on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from memmux.config.loader import load
from tests import commands

URL = "postgresql://app@h1.example,h2.example/memmux"
PRIMARY = f"'{URL}?target_session_attrs=read-write'"
ADMIN = PRIMARY.replace("app@", "")  # the owner of the database need be no superuser


@pytest.fixture
def pg_env(settings_env: dict[str, str], short_tmp: Path) -> dict[str, str]:
    return {**settings_env, "MEMMUX_DATABASE": URL, "XDG_DATA_HOME": str(short_tmp / "data")}


def _home(env: dict[str, str]) -> Path:
    return Path(env["XDG_DATA_HOME"]) / "memmux" / load(environment=env).database.parent.name


@pytest.mark.parametrize("command", ["status", "stop", "top"])
def test_a_command_calls_the_database_by_its_url(pg_env: dict[str, str], command: str) -> None:
    assert f"no cluster runs for {URL}" in commands.text(commands.run([command], pg_env)).stdout
    said = json.loads(commands.run([command, "--json"], pg_env).stdout)
    assert (said["state"], said["database"]) == ("stopped", URL)


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (["backup"], [f"--username=ADMIN --dbname={ADMIN}", f"pg_dump --format=custom --file=FILE {URL}"]),
        (["restore", "--newest"], [f"--single-transaction --dbname={PRIMARY} FILE", "memmux import FILE"]),
    ],
)
def test_what_is_done_with_a_file_names_the_tool_of_postgresql_and_the_line_to_run(
    pg_env: dict[str, str], arguments: list[str], lines: list[str]
) -> None:
    ended = commands.text(commands.run([*arguments, "--json"], pg_env))
    failure = json.loads(ended.stderr)["error"]
    assert failure["code"] == "file_only"
    assert all(line in failure["message"] for line in lines)
    assert not _home(pg_env).exists()


@pytest.mark.parametrize("how", ["variable", "flag", "file"])
@pytest.mark.parametrize("command", [["status"], ["settings"], ["doctor"], ["store", "x"], ["mcp"], ["clusters"]])
def test_a_password_is_shown_by_no_command(
    pg_env: dict[str, str], short_tmp: Path, how: str, command: list[str]
) -> None:
    url, flags = URL.replace("app@", "app:s3cr3t@"), []
    env = {name: value for name, value in pg_env.items() if name != "MEMMUX_DATABASE"}
    if how == "variable":
        env["MEMMUX_DATABASE"] = url
    elif how == "flag":
        flags = ["--database", url]
    else:
        (short_tmp / "memmux.toml").write_text(f'database = "{url}"\n')
        env["MEMMUX_CONFIG"] = str(short_tmp / "memmux.toml")
    ended = commands.text(commands.run([*flags, *command], env))
    assert ended.returncode
    assert "s3cr3t" not in ended.stdout + ended.stderr
    assert "pgpass" in ended.stdout + ended.stderr
    assert not any(b"s3cr3t" in file.read_bytes() for file in (short_tmp / "state").rglob("*") if file.is_file())


def test_settings_shows_the_url_and_where_its_files_are(pg_env: dict[str, str]) -> None:
    said = json.loads(commands.run(["settings", "--json", "server", "database"], pg_env).stdout)["settings"]
    shown = {one["name"]: (one["value"], one["source"]) for one in said}
    assert shown["server"] == (URL, "MEMMUX_DATABASE")
    assert shown["database"] == (str(_home(pg_env) / "memmux"), "MEMMUX_DATABASE")


def test_an_entry_of_a_client_names_the_url(pg_env: dict[str, str], short_tmp: Path) -> None:
    env = {**pg_env, "HOME": str(short_tmp)}
    ended = commands.text(commands.run(["install", "claude-code", "--dry-run"], env, cwd=short_tmp))
    assert f'"MEMMUX_DATABASE": "{URL}"' in ended.stdout, ended
