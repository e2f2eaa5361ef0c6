from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from memmux.cluster import find
from memmux.config.loader import load, load_with_sources
from memmux.config.settings import Settings, parse_flags
from memmux.errors import SettingInvalidError
from tests.unit.memmux.config.written import environment


def test_flag_wins_over_environment_over_file_over_default(config: Path) -> None:
    config.write_text("readers = 3\nembedders = 3\ndrain_s = 3\n")
    variables = environment(config, MEMMUX_EMBEDDERS="4", MEMMUX_DRAIN_S="4")
    found = load({"drain_s": 5, "stall_s": None}, variables)
    assert (found.stall_s, found.readers, found.embedders, found.drain_s) == (Settings().stall_s, 3, 4, 5.0)


def test_the_source_of_each_setting_that_is_not_the_default_is_told(config: Path) -> None:
    config.write_text("readers = 3\nembedders = 3\ndrain_s = 3\n")
    variables = environment(
        config, MEMMUX_EMBEDDERS="4", MEMMUX_DRAIN_S="4", MCP_EMBEDDING_MODEL="x", MEMMUX_ADOPT_FROM="none"
    )
    found, sources = load_with_sources({"drain_s": 5, "listen": "tcp://127.0.0.1:1"}, variables)
    assert sources == {
        "readers": f"{config}: readers",
        "embedders": "MEMMUX_EMBEDDERS",
        "drain_s": "--drain-s",
        "listen": "--listen",
        "idle_exit_s": "listen",
        "adopt_from": "MEMMUX_ADOPT_FROM",
        "model": "MCP_EMBEDDING_MODEL",
        "tools": "mcp-memory-service",
    }
    assert found == load({"drain_s": 5, "listen": "tcp://127.0.0.1:1"}, variables)


_CHOSEN = (
    "server",
    "database_read",
    "embedder",
    "languages",
    "cues",
    "tools",
    "log_level",
    "log_content",
    "listen",
    "traces",
    "gateway",
    "http",
    "behind_proxy",
)


def test_every_setting_has_a_variable_and_a_flag(config: Path) -> None:
    config.touch()
    for known in fields(Settings):
        variable = f"MEMMUX_{known.name.upper()}"
        if known.name in _CHOSEN:
            with pytest.raises(SettingInvalidError, match=variable):
                load(environment=environment(config, **{variable: "nonsense"}))
        else:
            found = load(environment=environment(config, **{variable: "7"}))
            (flag,) = (flag for flag in found.flags() if flag.startswith(f"--{known.name.replace('_', '-')}="))
            assert flag.removesuffix(".0").removesuffix(".json").endswith("7")


def test_empty_variable_is_not_given(config: Path) -> None:
    config.touch()
    assert load(environment=environment(config, MEMMUX_READERS="")).readers == Settings().readers


@pytest.mark.parametrize("text", ["readers = ", "\x00", "= 3"])
def test_file_that_is_not_toml_is_named(config: Path, text: str) -> None:
    config.write_text(text)
    with pytest.raises(SettingInvalidError, match=r"memmux\.toml"):
        load(environment=environment(config))


def test_unknown_name_in_the_file_is_named_with_those_there_are(config: Path) -> None:
    config.write_text("reeders = 3\n")
    with pytest.raises(SettingInvalidError, match=r"reeders.*readers"):
        load(environment=environment(config))


def test_file_that_is_named_must_exist(tmp_path: Path) -> None:
    with pytest.raises(SettingInvalidError, match="does not exist"):
        load(environment={"MEMMUX_CONFIG": str(tmp_path / "missing.toml")})


def test_file_that_is_not_named_need_not_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert load(environment={}) == Settings()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a database of mcp-memory-service at its default place, and a working directory."""
    home, work = tmp_path / "home", tmp_path / "work"
    for folder in (home / ".local/share/mcp-memory", home / "Library/Application Support/mcp-memory", work):
        folder.mkdir(parents=True)
        if folder is not work:
            (folder / "sqlite_vec.db").write_bytes(b"SQLite format 3\x00")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(work)
    return home


def test_a_database_of_mcp_memory_service_is_found_if_there_is_none_of_ours(config: Path, home: Path) -> None:
    config.touch()
    found = load(environment=environment(config)).adopt_from
    assert found is not None
    assert found.is_relative_to(home)
    assert load(environment=environment(config, MEMMUX_ADOPT_FROM="none")).adopt_from is None
    assert load({"adopt_from": "none"}, environment(config)).adopt_from is None
    database = load(environment=environment(config)).database
    database.parent.mkdir(parents=True)
    database.touch()
    assert load(environment=environment(config)).adopt_from == found  # an empty file is none yet
    database.write_bytes(b"ours")
    assert load(environment=environment(config)).adopt_from is None


def test_for_a_database_that_was_named_nothing_is_looked_for_at_home(config: Path, home: Path, tmp_path: Path) -> None:
    config.touch()
    (home / ".mcp-memory").mkdir()
    (home / ".mcp-memory" / ".env").write_text(f"MCP_MEMORY_SQLITE_PATH={config}\n")
    config.write_text("# not empty")
    named = environment(config, MEMMUX_DATABASE=str(tmp_path / "m.db"))
    assert load(environment=environment(config)).adopt_from == config
    assert load(environment=named).adopt_from is None
    assert load({"database": tmp_path / "m.db"}, environment(config)).adopt_from is None
    assert load(environment={**named, "MCP_MEMORY_SQLITE_PATH": str(config)}).adopt_from == config
    assert load({"adopt_from": str(config)}, named).adopt_from == config


def test_what_is_adopted_is_passed_on_and_so_is_that_nothing_is(config: Path, home: Path) -> None:
    del home
    config.touch()
    for settings in (load(environment=environment(config)), load({"adopt_from": "none"}, environment(config))):
        assert parse_flags(settings.flags()).adopt_from == settings.adopt_from
        flags = dict(flag.removeprefix("--").split("=", 1) for flag in settings.flags())
        again = load({name.replace("-", "_"): value for name, value in flags.items()}, environment(config))
        assert again.adopt_from == settings.adopt_from


def test_what_was_found_for_one_database_is_not_adopted_by_another(config: Path, home: Path, tmp_path: Path) -> None:
    del home
    config.touch()
    settings = load(environment=environment(config))
    assert find.choose(None, settings).adopt_from == settings.adopt_from
    assert find.choose(tmp_path / "other.db", settings).adopt_from is None


def test_a_remote_is_named_by_its_file_or_by_its_name_beside_the_toml_file(config: Path, tmp_path: Path) -> None:
    config.write_text('remote = "team"\n')
    kept = tmp_path / "remotes" / "team.json"
    assert load(environment=environment(config)).remote == kept
    assert load(environment=environment(config, MEMMUX_REMOTE=str(tmp_path / "x"))).remote == tmp_path / "x"
    assert load({"remote": "other"}, environment(config)).remote == tmp_path / "remotes" / "other.json"
    assert load(environment=environment(config, MEMMUX_REMOTE="none")).remote is None
    assert parse_flags(load(environment=environment(config)).flags()).remote == kept


def test_a_database_that_is_named_wins_over_a_remote_of_lower_rank(config: Path, tmp_path: Path) -> None:
    config.write_text(f'remote = "team"\ndatabase = "{tmp_path}/a.db"\n')
    assert load(environment=environment(config)).remote is not None
    assert load(environment=environment(config, MEMMUX_DATABASE=f"{tmp_path}/b.db")).remote is None
    assert load({"database": f"{tmp_path}/b.db"}, environment(config, MEMMUX_REMOTE="x")).remote is None
    assert load({"database": f"{tmp_path}/b.db", "remote": "x"}, environment(config)).remote is not None


def test_a_cluster_that_listens_does_not_leave_unless_it_is_told_to(config: Path) -> None:
    config.write_text('listen = "tcp://*:7700"\n')
    found = load(environment=environment(config))
    assert (found.listen, found.idle_exit_s) == ("tcp://0.0.0.0:7700", 0.0)
    assert load(environment=environment(config, MEMMUX_IDLE_EXIT_S="9")).idle_exit_s == 9.0
    for nowhere in ("none", "off", "false"):
        off = load(environment=environment(config, MEMMUX_LISTEN=nowhere))
        assert (off.listen, off.idle_exit_s) == (None, Settings().idle_exit_s)
    assert parse_flags(found.flags()) == found


LISTS = ("ingest_roots", "languages", "cues", "http_hosts")  # which may be empty


@pytest.mark.parametrize("name", [known.name for known in fields(Settings) if known.name not in LISTS])
@pytest.mark.parametrize("empty", ["", "  "])
def test_setting_that_is_empty_is_absent_as_a_variable_and_an_error_elsewhere(
    name: str, empty: str, config: Path
) -> None:
    config.touch()
    found = load(environment=environment(config, **{f"MEMMUX_{name.upper()}": empty}))
    assert getattr(found, name) == getattr(Settings(), name)
    flag = f"--{name.replace('_', '-')}"
    with pytest.raises(SettingInvalidError, match=f"^{flag} is empty; .*leave it out"):
        load({name: empty}, environment(config))
    config.write_text(f"{name} = '{empty}'\n")
    with pytest.raises(SettingInvalidError, match=f"{config}: {name} is empty; .*leave it out"):
        load(environment=environment(config))
