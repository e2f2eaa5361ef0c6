"""A client that connects over HTTP: what is written for it, and with whose token."""

from __future__ import annotations

import io
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from memmux.cli.main import USAGE, run
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.doctor.connections import of_connections
from memmux.doctor.hosts import of_hosts
from memmux.hosts import http_trial
from memmux.hosts.catalogue import HOSTS
from memmux.hosts.machine import Machine
from memmux.trust import keys
from tests.bounds import BOUND_S
from tests.ports import free_port
from tests.unit.memmux.hosts.answering import answering

CONNECTING = [name for name, host in HOSTS.items() if host.remote is not None]


@pytest.fixture
def database(short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for kind in ("RUNTIME", "STATE", "CACHE"):
        monkeypatch.setenv(f"MEMMUX_{kind}_DIR", str(short_tmp / kind))
    (short_tmp / "memmux.toml").touch()
    monkeypatch.setenv("MEMMUX_CONFIG", str(short_tmp / "memmux.toml"))
    monkeypatch.setenv("HOME", str(short_tmp / "home"))
    for name in ("XDG_CONFIG_HOME", "CODEX_HOME", "CLAUDE_CONFIG_DIR", "COPILOT_HOME", "GEMINI_CLI_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MEMMUX_HTTP", f"127.0.0.1:{free_port()}")
    monkeypatch.setenv("MEMMUX_DATABASE", str(short_tmp / "data" / "memories.db"))
    monkeypatch.chdir(short_tmp)
    return short_tmp / "data" / "memories.db"


def install(*arguments: str) -> int:
    return run(["install", *arguments])


def known(database: Path) -> keys.Keys:
    return keys.read(Places(Settings(database=database)))


def entry(client: str) -> dict[str, Any]:
    host = HOSTS[client]
    text = host.user_file(Machine.here()).read_text()
    value = tomllib.loads(text) if client == "codex" else json.loads(text)
    found: dict[str, Any] = value[host.servers]["memory"]
    return found


@pytest.mark.parametrize("client", CONNECTING)
def test_a_client_gets_a_url_and_the_token_of_a_key_of_its_own(database: Path, client: str) -> None:
    assert install(client, "--http") == 0
    (key,) = known(database).all
    assert (key.name, key.grant.role) == (client, "write")
    raw = entry(client)
    (url,) = [value for value in raw.values() if str(value).startswith("http://127.0.0.1:")]
    assert url.endswith("/mcp")
    (headers,) = [value for name, value in raw.items() if "headers" in name]
    scheme, token = headers["Authorization"].split()
    assert scheme == "Bearer"
    assert known(database).of_token(token) == key
    assert "command" not in raw
    file = HOSTS[client].user_file(Machine.here())
    assert file.stat().st_mode & 0o777 == 0o600
    before = file.read_bytes()
    assert install(client, "--http") == 0  # again it changes nothing
    assert file.read_bytes() == before
    assert len(known(database).all) == 1
    assert install(client, "--uninstall") == 0
    assert not file.exists() or "mmx_" not in file.read_text()


def test_where_each_client_looks_for_the_url(database: Path) -> None:
    del database
    for client in CONNECTING:
        assert install(client, "--http") == 0
    shapes = {client: {name for name in entry(client) if "eaders" not in name} for client in CONNECTING}
    assert shapes == {
        "claude-code": {"type", "url"},
        "cursor": {"url"},
        "vscode": {"type", "url"},
        "windsurf": {"serverUrl"},
        "codex": {"url"},
        "gemini": {"httpUrl"},
        "opencode": {"type", "oauth", "url"},
        "qwen": {"httpUrl"},
        "copilot": {"type", "tools", "url"},
        "zed": {"url"},
        "cline": {"type", "url"},
        "amp": {"url"},
    }


def test_a_client_that_takes_no_header_is_refused_with_what_works(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert install("claude-desktop", "--http") == USAGE
    assert "leave --http out" in capsys.readouterr().err
    assert known(database).all == ()


def test_the_token_of_a_key_that_is_there_is_asked_for(
    database: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["key", "add", "laptop", "--role", "read", "--http", "--json"]) == 0
    token = json.loads(capsys.readouterr().out)["token"]
    monkeypatch.setattr("sys.stdin", io.StringIO("mmx_wrong\n"))
    assert install("cursor", "--http", "--key", "laptop") == USAGE
    assert "memmux key revoke laptop" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{token}\n"))
    assert install("cursor", "--http", "--key", "laptop") == 0
    assert entry("cursor")["headers"] == {"Authorization": f"Bearer {token}"}
    assert token not in capsys.readouterr().out
    assert [key.name for key in known(database).all] == ["laptop"]


def test_one_that_was_revoked_is_replaced(database: Path) -> None:
    assert install("cursor", "--http") == 0
    before = entry("cursor")
    assert run(["key", "revoke", "cursor"]) == 0
    assert install("cursor", "--http") == 0
    assert entry("cursor") != before
    assert [key.revoked is None for key in known(database).all] == [False, True]


def test_a_dry_run_makes_no_key_and_shows_no_token(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert install("cursor", "--http", "--dry-run") == 0
    said = capsys.readouterr().out
    assert "mmx_…" in said
    assert known(database).all == ()
    assert not HOSTS["cursor"].user_file(Machine.here()).exists()
    assert install("cursor", "--http") == 0
    token = entry("cursor")["headers"]["Authorization"].split()[1]
    capsys.readouterr()
    assert run(["key", "revoke", "cursor"]) == 0
    assert install("cursor", "--http", "--dry-run") == 0
    assert token not in "".join(capsys.readouterr())


@pytest.mark.slow
def test_an_entry_that_starts_memmux_becomes_one_that_connects_and_back(database: Path) -> None:
    del database
    assert install("cursor", "--no-check") == 0
    assert "command" in entry("cursor")
    assert install("cursor", "--http") == 0
    assert set(entry("cursor")) == {"url", "headers"}
    assert install("cursor", "--no-check") == 0
    assert "url" not in entry("cursor")
    assert "command" in entry("cursor")


@pytest.mark.parametrize(
    "arguments", [["--all", "--http"], ["cursor", "--http", "--project"], ["cursor", "--key", "x"]]
)
def test_what_makes_no_sense_is_refused(database: Path, arguments: list[str]) -> None:
    assert install(*arguments) == USAGE
    assert known(database).all == ()


@pytest.fixture
def unset(database: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """memmux.toml, where nothing says where HTTP is served."""
    monkeypatch.delenv("MEMMUX_HTTP")
    return database.parent.parent / "memmux.toml"


def test_an_address_that_no_setting_says_goes_into_memmux_toml(unset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unset.write_text('# mine\nlog_level = "debug"  # for now\n')
    assert install("cursor", "--http", "--no-check", "--dry-run") == 0
    assert '+http = "127.0.0.1:8765"' in capsys.readouterr().out
    assert "http" not in unset.read_text()
    assert install("cursor", "--http", "--no-check") == 0
    assert unset.read_text() == '# mine\nlog_level = "debug"  # for now\nhttp = "127.0.0.1:8765"\n'
    assert f'{unset} has `http = "127.0.0.1:8765"`' in capsys.readouterr().out
    assert install("codex", "--http", "--no-check", "--json") == 0
    assert json.loads(capsys.readouterr().out)["settings"] == {}


@pytest.mark.parametrize("second", ["cursor", "codex"])
def test_an_address_that_an_entry_has_stays_the_address(unset: Path, second: str) -> None:
    unset.write_text('http = "127.0.0.1:19100"\n')
    assert install("cursor", "--http", "--no-check") == 0
    unset.write_text("")
    assert install(second, "--http", "--no-check") == 0
    assert entry(second)["url"] == "http://127.0.0.1:19100/mcp"
    assert tomllib.loads(unset.read_text()) == {"http": "127.0.0.1:19100"}


def test_a_setting_of_the_environment_or_the_file_is_left_alone(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = database.parent.parent / "memmux.toml"
    assert install("cursor", "--http", "--no-check") == 0
    assert file.read_text() == ""
    monkeypatch.delenv("MEMMUX_HTTP")
    file.write_text("http = 9000\n")
    assert install("cursor", "--http", "--no-check") == 0
    assert file.read_text() == "http = 9000\n"
    assert entry("cursor")["url"] == "http://127.0.0.1:9000/mcp"


def test_what_a_flag_says_goes_into_the_file_with_all_that_serves_it(unset: Path) -> None:
    assert run(["--http", ":9000", "--http-hosts", "memory.example", "install", "cursor", "--http", "--no-check"]) == 0
    assert entry("cursor")["url"] == "http://memory.example:9000/mcp"
    assert tomllib.loads(unset.read_text()) == {"http": "127.0.0.1:9000", "http_hosts": "memory.example"}


def test_what_is_switched_off_in_the_file_is_switched_on_and_in_the_environment_is_said(
    unset: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    unset.write_text("http = false\n")
    assert install("cursor", "--http", "--no-check") == 0
    assert unset.read_text() == 'http = "127.0.0.1:8765"\n'
    unset.write_text("")
    monkeypatch.setenv("MEMMUX_HTTP", "none")
    capsys.readouterr()
    assert install("cursor", "--http", "--no-check") == 0
    assert "MEMMUX_HTTP switches HTTP off" in capsys.readouterr().err
    assert unset.read_text() == ""


def test_any_free_port_is_no_address_for_an_entry_and_that_is_said(
    database: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    del database
    monkeypatch.setenv("MEMMUX_HTTP", ":0")
    assert install("cursor", "--http", "--no-check") == USAGE
    assert "port 0" in capsys.readouterr().err


def test_another_program_at_the_address_is_a_failure_and_nothing_there_is_a_note(
    database: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    del database
    assert install("cursor", "--http") == 0
    assert "`memmux restart` has a cluster serve it" in capsys.readouterr().err
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi") as port:
        monkeypatch.setenv("MEMMUX_HTTP", f":{port}")
        monkeypatch.setattr(http_trial, "BOUND_S", BOUND_S)
        assert install("cursor", "--http") == 1
    assert "another program answers" in capsys.readouterr().err


def test_the_doctor_says_where_it_leads_and_who_may_read_it(
    database: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    settings = Settings(database=database)
    assert install("cursor", "--http") == 0
    capsys.readouterr()
    (silent,) = of_connections(settings, Machine.here(), tmp_path)
    assert "connects to http://127.0.0.1:" in silent.text
    assert "where nothing answers" in silent.text
    assert "mmx_" not in silent.text
    assert list(of_hosts(Machine.here(), tmp_path)) == []  # and not that none is set up
    file = HOSTS["cursor"].user_file(Machine.here())
    file.chmod(0o644)
    _, open_ = of_connections(settings, Machine.here(), tmp_path)
    assert f"chmod 600 {file}" in open_.text


def _revoked(database: Path) -> dict[str, bool]:
    return {key.name: key.revoked is not None for key in known(database).all}


@pytest.mark.parametrize("client", CONNECTING)
def test_a_key_that_was_made_for_a_client_ends_with_its_entry(
    database: Path, capsys: pytest.CaptureFixture[str], client: str
) -> None:
    assert install(client, "--http") == 0
    capsys.readouterr()
    assert install(client, "--http", "--uninstall", "--dry-run") == 0
    assert "would be revoked" in capsys.readouterr().err
    assert _revoked(database) == {client: False}
    assert install(client, "--http", "--uninstall") == 0
    assert f"the key '{client}', which was made for {client}, is revoked" in capsys.readouterr().err
    assert _revoked(database) == {client: True}
    assert install(client, "--uninstall") == 0  # there is nothing more to say
    assert "key" not in capsys.readouterr().err


def test_a_key_that_somebody_made_stays_and_is_named(
    database: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["key", "add", "laptop", "--role", "write", "--http", "--json"]) == 0
    token = json.loads(capsys.readouterr().out)["token"]
    assert install("cursor", "--http") == 0
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{token}\n"))
    assert install("cursor", "--http", "--key", "laptop") == 0  # in the place of its own
    assert "the key 'cursor', which was made for cursor, is revoked" in capsys.readouterr().err
    assert install("cursor", "--uninstall", "--json") == 0
    (note,) = json.loads(capsys.readouterr().out)["notes"]
    assert "memmux key revoke laptop" in note
    assert _revoked(database) == {"laptop": False, "cursor": True}


@pytest.mark.slow
def test_a_key_ends_when_its_client_starts_memmux_again_and_with_everything_else(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert install("cursor", "--http") == 0
    assert install("cursor", "--no-check") == 0
    assert "the key 'cursor', which was made for cursor, is revoked" in capsys.readouterr().err
    assert install("gemini", "--http") == 0
    capsys.readouterr()
    assert run(["uninstall", "--yes"]) == 0
    assert "the key 'gemini', which was made for gemini, is revoked" in capsys.readouterr().err
    assert _revoked(database) == {"cursor": True, "gemini": True}


def test_a_token_of_another_database_is_told(
    database: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert install("cursor", "--http") == 0
    capsys.readouterr()
    monkeypatch.setenv("MEMMUX_DATABASE", str(database.with_name("other.db")))
    assert install("cursor", "--uninstall") == 0
    assert f"of no key of {database.with_name('other.db')}" in capsys.readouterr().err
    assert _revoked(database) == {"cursor": False}
