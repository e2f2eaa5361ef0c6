from __future__ import annotations

from pathlib import Path

import pytest

from memmux.config import mms_variables
from memmux.config.loader import load
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.wire.addresses import ANYWHERE

GUIDE = Path(__file__).parents[4] / "docs" / "migrating.md"


def given(**known: str) -> dict[str, object]:
    return {name: value for name, value, _ in mms_variables.settings(known)}


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({}, {}),
        ({"MCP_EMBEDDING_MODEL": "all-mpnet-base-v2"}, {"model": "all-mpnet-base-v2"}),
        ({"MCP_EMBEDDING_MODEL": "sentence-transformers/all-MiniLM-L6-v2"}, {"model": "all-MiniLM-L6-v2"}),
        ({"MCP_MEMORY_BACKUPS_PATH": "/b"}, {"backups_dir": "/b"}),
        ({"MCP_BACKUP_INTERVAL": "Weekly"}, {"backup_interval_s": 604_800.0}),
        ({"MCP_BACKUP_ENABLED": "false", "MCP_BACKUP_INTERVAL": "hourly"}, {"backup_interval_s": 0.0}),
        ({"MCP_BACKUP_MAX_COUNT": "3"}, {"backup_keep": 3}),
        ({"MCP_BACKUP_MAX_COUNT": "30"}, {"backup_keep": 7}),  # theirs removes them after 7 days
        ({"MCP_BACKUP_MAX_COUNT": "30", "MCP_BACKUP_RETENTION": "14"}, {"backup_keep": 14}),
        ({"MCP_BACKUP_RETENTION": "2"}, {"backup_keep": 2}),
        ({"MCP_HTTP_ENABLED": "true"}, {"http": "127.0.0.1:8000"}),
        ({"MCP_HTTP_ENABLED": "1", "MCP_HTTP_PORT": "9000", "MCP_HTTP_HOST": "::1"}, {"http": "[::1]:9000"}),
        ({"MCP_HTTP_ENABLED": "true", "MCP_HTTP_HOST": "localhost"}, {"http": "127.0.0.1:8000"}),
        ({"MCP_HTTP_ENABLED": "false", "MCP_HTTP_PORT": "9000"}, {}),
        ({"MCP_HTTP_PORT": "9000"}, {}),
        ({"LOG_LEVEL": "CRITICAL"}, {"log_level": "error"}),
        ({"LOG_LEVEL": "Debug"}, {"log_level": "debug"}),
    ],
)
def test_each_variable_means_a_setting(known: dict[str, str], expected: dict[str, object]) -> None:
    assert given(**known) == expected


def test_a_value_that_makes_no_sense_is_left_aside_and_named() -> None:
    known = {"LOG_LEVEL": "loud", "MCP_BACKUP_INTERVAL": "often", "MCP_BACKUP_MAX_COUNT": "-1"}
    assert given(**known) == {}
    assert set(mms_variables.ignored(known)) == set(known)
    assert mms_variables.honoured(known) == []


def test_a_token_that_can_be_guessed_is_none_and_is_not_repeated() -> None:
    known = {"MCP_API_KEY": "fifteen-letters"}
    assert mms_variables.honoured(known) == []
    assert "fifteen-letters" not in str(mms_variables.ignored(known))
    assert mms_variables.api_key(known) == ""
    assert mms_variables.honoured({"MCP_API_KEY": "sixteen-letters."}) == ["MCP_API_KEY"]


@pytest.mark.parametrize("host", [ANYWHERE[1], "::", "desk.local", "10.0.0.5", "a b"])
def test_their_http_is_served_on_this_machine_alone_whatever_host_they_name(host: str) -> None:
    known = {"MCP_HTTP_ENABLED": "true", "MCP_HTTP_HOST": host, "MCP_HTTP_PORT": "99999"}
    assert given(**known) == {"http": "127.0.0.1:8000"}
    assert set(mms_variables.ignored(known)) == {"MCP_HTTP_HOST", "MCP_HTTP_PORT"}


def test_variables_without_an_effect_are_named_with_the_reason() -> None:
    known = {
        "MCP_SEMANTIC_DEDUP_THRESHOLD": "0.9",
        "MCP_SSE_PORT": "8765",
        "MCP_CONSOLIDATION_ENABLED": "1",
        "MCP_TIMEOUT": "60",  # of an MCP client
        "MCP_EMBEDDING_MODEL": "m",
    }
    found = mms_variables.ignored(known)
    assert set(found) == {"MCP_SEMANTIC_DEDUP_THRESHOLD", "MCP_SSE_PORT", "MCP_CONSOLIDATION_ENABLED"}
    assert "no memory is dropped" in found["MCP_SEMANTIC_DEDUP_THRESHOLD"]
    assert mms_variables.honoured(known) == ["MCP_EMBEDDING_MODEL"]


@pytest.mark.parametrize(
    ("known", "tools"),
    [
        ({}, "core"),
        ({"LOG_LEVEL": "DEBUG", "MCP_TIMEOUT": "60"}, "core"),  # anybody's
        ({"MCP_MEMORY_STORAGE_BACKEND": "sqlite_vec"}, "full"),
        ({"MCP_HTTP_ENABLED": "true"}, "full"),
        ({"MCP_CONSOLIDATION_ENABLED": "false"}, "full"),
        ({"MCP_CONSOLIDATION_ENABLED": "false", "MEMMUX_TOOLS": "core"}, "core"),
        ({"MEMMUX_ADOPT_FROM": "/theirs.db"}, "full"),
    ],
)
def test_its_users_get_all_tools(known: dict[str, str], tools: str, tmp_path: Path) -> None:
    environment = {"MEMMUX_DATABASE": str(tmp_path / "m.db"), "MEMMUX_CONFIG": str(tmp_path / "memmux.toml"), **known}
    (tmp_path / "memmux.toml").touch()
    assert load(environment=environment).tools == tools


def test_a_database_that_was_adopted_is_its_users(tmp_path: Path) -> None:
    environment = {"MEMMUX_DATABASE": str(tmp_path / "m.db"), "MEMMUX_STATE_DIR": str(tmp_path / "state")}
    (tmp_path / "m.db").write_bytes(b"begun")
    settings = load(environment=environment)
    assert settings.tools == "core"
    report = Places(settings).adoption
    report.parent.mkdir(parents=True)
    report.touch()
    assert load(environment=environment).tools == "full"


def test_everything_of_memmux_wins_over_them(tmp_path: Path) -> None:
    config = tmp_path / "memmux.toml"
    config.write_text("log_level = 'debug'\n")
    environment = {
        "MEMMUX_CONFIG": str(config),
        "MEMMUX_DATABASE": str(tmp_path / "m.db"),
        "MEMMUX_MODEL": "ours",
        "MCP_EMBEDDING_MODEL": "theirs",
        "LOG_LEVEL": "ERROR",
        "MCP_BACKUP_INTERVAL": "hourly",
        "MCP_BACKUP_MAX_COUNT": "4",
    }
    found = load({"backup_keep": 9}, environment)
    assert (found.model, found.log_level, found.backup_interval_s, found.backup_keep) == ("ours", "debug", 3600.0, 9)
    assert found.readers == Settings().readers


@pytest.mark.parametrize("name", [*mms_variables.HONOURED, *mms_variables.WITHOUT_EFFECT])
def test_the_guide_names_every_variable(name: str) -> None:
    assert f"`{name}" in GUIDE.read_text()


def test_a_longer_beginning_stands_before_a_shorter_one() -> None:
    names = list(mms_variables.WITHOUT_EFFECT)
    for place, name in enumerate(names):
        assert not any(name.startswith(before) for before in names[:place])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MCP_EMBEDDING_MODEL", "~nosuch/model"),
        ("MCP_MEMORY_BACKUPS_PATH", "~nosuch/backups"),
        ("MCP_MEMORY_BACKUPS_PATH", "  "),
        ("MCP_BACKUP_RETENTION", "9" * 310),
        ("MCP_BACKUP_MAX_COUNT", "9" * 310),
        ("MCP_HTTP_PORT", "9" * 310),
    ],
)
def test_a_value_that_makes_no_sense_keeps_nobody_from_starting_and_is_named(
    config: Path, name: str, value: str
) -> None:
    config.touch()
    usual = load(environment={"MEMMUX_CONFIG": str(config), "MEMMUX_TOOLS": "full"})
    assert load(environment={"MEMMUX_CONFIG": str(config), "MEMMUX_TOOLS": "full", name: value}) == usual
    assert mms_variables.ignored({name: value}) == {name: f"{value!r} is no value for it"}
