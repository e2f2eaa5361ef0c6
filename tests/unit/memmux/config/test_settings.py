from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from memmux.cluster import find
from memmux.config.settings import EmbedderChoice, LogLevel, Settings, load, load_with_sources, parse_flags
from memmux.errors import SettingInvalidError
from memmux.wire.cues import Cue


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "memmux.toml"


def environment(config: Path, **variables: str) -> dict[str, str]:
    return {"MEMMUX_CONFIG": str(config), **variables}


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


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("true", "127.0.0.1:8765"),
        ("1", "127.0.0.1:8765"),
        ("127.0.0.1", "127.0.0.1:8765"),
        ("localhost:9000", "127.0.0.1:9000"),
        (":9000", "127.0.0.1:9000"),
        ("9000", "127.0.0.1:9000"),
        (":0", "127.0.0.1:0"),
        ("*:9000", "0.0.0.0:9000"),
        ("::1", "[::1]:8765"),
        ("[fd00::5]:9000", "[fd00::5]:9000"),
        ("none", None),
        ("off", None),
    ],
)
def test_http_is_served_at_an_address_of_which_each_part_may_be_left_out(
    config: Path, given: str, address: str | None
) -> None:
    config.touch()
    found = load(environment=environment(config, MEMMUX_HTTP=given))
    assert found.http == address
    assert parse_flags(found.flags()) == found
    assert found.idle_exit_s == (300.0 if address is None else 0.0), "who comes over HTTP can't start it again"


@pytest.mark.parametrize("given", ["desk.local:9000", "127.0.0.1:70000", "a:b", "[::1", "http://127.0.0.1:8765"])
def test_http_address_that_is_none_of_this_machine_is_refused(config: Path, given: str) -> None:
    config.touch()
    with pytest.raises(SettingInvalidError, match=r"MEMMUX_HTTP is .*127\.0\.0\.1:8765"):
        load(environment=environment(config, MEMMUX_HTTP=given))


def test_names_of_hosts_are_separated_by_commas(config: Path) -> None:
    config.write_text('http_hosts = ["One.example"]\nhttp = true\n')
    found = load(environment=environment(config))
    assert (found.http, found.http_hosts) == ("127.0.0.1:8765", ("one.example",))
    more = load({"http_hosts": "one.example, Two.example:443,one.example"}, environment(config))
    assert more.http_hosts == ("one.example", "two.example:443")
    assert parse_flags(more.flags()) == more


@pytest.mark.parametrize("given", ["German, french", "german:french", "german,french,german,"])
def test_languages_are_listed_and_known(config: Path, given: str) -> None:
    config.touch()
    found = load(environment=environment(config, MEMMUX_LANGUAGES=given))
    assert found.languages == ("german", "french")
    assert parse_flags(found.flags()).languages == found.languages
    config.write_text('languages = ["czech"]\n')
    assert load(environment=environment(config)).languages == ("czech",)
    with pytest.raises(SettingInvalidError, match=r"'klingon'; the languages are arabic, .*yiddish"):
        load({"languages": "czech,klingon"}, environment(config))


@pytest.mark.parametrize(
    ("given", "cues"),
    [
        ("Date, speaker", (Cue.DATE, Cue.SPEAKER)),
        ("speaker:date:", (Cue.DATE, Cue.SPEAKER)),
        ("proximity,when,speaker,date", tuple(Cue)),
        ("none", ()),
    ],
)
def test_cues_are_listed_and_known(config: Path, given: str, cues: tuple[Cue, ...]) -> None:
    config.touch()
    assert load(environment=environment(config)).cues == tuple(Cue)
    found = load(environment=environment(config, MEMMUX_CUES=given))
    assert found.cues == cues
    assert parse_flags(found.flags()).cues == cues
    config.write_text("cues = []\n")
    assert load(environment=environment(config)).cues == ()
    with pytest.raises(SettingInvalidError, match=r"'smell'; the cues are date, when, proximity, speaker, or none"):
        load({"cues": "date,smell"}, environment(config))


def test_a_namespace_is_a_name(config: Path) -> None:
    config.touch()
    with pytest.raises(SettingInvalidError, match="namespace"):
        load(environment=environment(config, MEMMUX_NAMESPACE="x" * 1000))


@pytest.mark.parametrize("name", ["*", " * "])
def test_no_namespace_is_called_as_all_of_them_are(config: Path, name: str) -> None:
    config.touch()
    with pytest.raises(SettingInvalidError, match="all of them"):
        load(environment=environment(config, MEMMUX_NAMESPACE=name))
    with pytest.raises(SettingInvalidError, match="all of them"):
        Settings(namespace=name)


@pytest.mark.parametrize("path", ["/", "//", "/tmp/..", "/."])
def test_a_database_has_a_name(config: Path, path: str) -> None:
    config.touch()
    for refused in (
        lambda: load({"database": path}),
        lambda: load(environment=environment(config, MEMMUX_DATABASE=path)),
        lambda: find.choose(path, Settings()),
        lambda: find.choose(path, None),
        lambda: Settings(database=Path(path).resolve()),
    ):
        with pytest.raises(SettingInvalidError, match="database is /"):
            refused()


def test_a_number_of_any_length_is_refused_in_a_short_message() -> None:
    with pytest.raises(SettingInvalidError, match=r"^readers is a number of thousands of digits") as raised:
        Settings(readers=10**5000)
    assert len(raised.value.message) < 200


def test_empty_variable_is_not_given(config: Path) -> None:
    config.touch()
    assert load(environment=environment(config, MEMMUX_READERS="")).readers == Settings().readers


def test_flags_give_another_process_the_same_settings(config: Path, tmp_path: Path) -> None:
    config.touch()
    flags = {"database": tmp_path / "a b=c.db", "embedder": "hash", "log_level": "debug", "idle_exit_s": 0.25}
    settings = load(flags, environment(config))
    assert settings.embedder is EmbedderChoice.HASH
    assert settings.log_level is LogLevel.DEBUG
    assert parse_flags(settings.flags()) == settings


@pytest.mark.parametrize(("word", "meant"), [("true", True), ("0", False), ("Yes", True), ("off", False)])
def test_switch_is_a_word_and_in_the_file_true_or_false(config: Path, word: str, meant: bool) -> None:
    config.write_text(f"log_content = {str(not meant).lower()}\n")
    assert load(environment=environment(config)).log_content is not meant
    settings = load(environment=environment(config, MEMMUX_LOG_CONTENT=word))
    assert settings.log_content is meant
    assert parse_flags(settings.flags()) == settings


def test_folders_are_a_list_in_the_file_and_separated_by_colons_elsewhere(config: Path, tmp_path: Path) -> None:
    config.write_text(f'ingest_roots = ["{tmp_path}/a b", "~"]\n')
    assert load(environment=environment(config)).ingest_roots == (tmp_path / "a b", Path.home())
    settings = load({"ingest_roots": f"{tmp_path}/c:{tmp_path}/d:"}, environment(config))
    assert settings.ingest_roots == (tmp_path / "c", tmp_path / "d")
    assert parse_flags(settings.flags()) == settings
    config.write_text("")
    assert load(environment=environment(config)).ingest_roots == ()


def test_links_to_a_database_are_resolved(config: Path, tmp_path: Path) -> None:
    config.touch()
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert load({"database": tmp_path / "link" / "m.db"}, environment(config)).database == tmp_path / "real" / "m.db"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MEMMUX_READERS", "many"),
        ("MEMMUX_READERS", "0"),
        ("MEMMUX_READERS", "65"),
        ("MEMMUX_DRAIN_S", "nan"),
        ("MEMMUX_DRAIN_S", "-1"),
        ("MEMMUX_REQUEST_TIMEOUT_S", "0"),
        ("MEMMUX_EMBEDDER", "magic"),
        ("MEMMUX_LOG_LEVEL", "loud"),
    ],
)
def test_wrong_value_is_refused_by_its_name(config: Path, variable: str, value: str) -> None:
    config.touch()
    with pytest.raises(SettingInvalidError) as raised:
        load(environment=environment(config, **{variable: value}))
    name = variable.removeprefix("MEMMUX_")
    assert name in raised.value.message.upper()


def test_choices_of_a_setting_are_named(config: Path) -> None:
    config.touch()
    with pytest.raises(SettingInvalidError, match="auto, onnx, torch, hash"):
        load({"embedder": "magic"}, environment(config))


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
    off = load(environment=environment(config, MEMMUX_LISTEN="none"))
    assert (off.listen, off.idle_exit_s) == (None, Settings().idle_exit_s)
    assert parse_flags(found.flags()) == found


@pytest.mark.parametrize(("written", "meant"), [("true", True), ("1", True), ("False", False), ("off", False)])
def test_a_switch_is_written_in_any_of_the_usual_ways(config: Path, written: str, meant: bool) -> None:
    config.touch()
    assert load(environment=environment(config, MEMMUX_TRACES=written)).traces is meant
    assert parse_flags(Settings(traces=meant).flags()).traces is meant


def test_what_is_neither_true_nor_false_is_refused(config: Path) -> None:
    config.touch()
    with pytest.raises(SettingInvalidError, match="MEMMUX_TRACES is 'maybe'; it must be true or false"):
        load(environment=environment(config, MEMMUX_TRACES="maybe"))


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


@pytest.mark.parametrize("settings", [None, Settings()])
def test_database_without_a_name_is_not_the_working_directory(settings: Settings | None) -> None:
    with pytest.raises(SettingInvalidError, match="leave it out"):
        find.choose("", settings)
