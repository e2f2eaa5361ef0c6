from __future__ import annotations

from pathlib import Path

import pytest

from memmux.config.loader import load
from memmux.config.settings import EmbedderChoice, LogLevel, Settings, ToolList, parse_flags
from memmux.errors import SettingInvalidError
from memmux.wire.cues import Cue
from tests.unit.memmux.config.written import environment


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


@pytest.mark.parametrize(("written", "meant"), [("true", True), ("1", True), ("False", False), ("off", False)])
def test_a_switch_is_written_in_any_of_the_usual_ways(config: Path, written: str, meant: bool) -> None:
    config.touch()
    assert load(environment=environment(config, MEMMUX_TRACES=written)).traces is meant
    assert parse_flags(Settings(traces=meant).flags()).traces is meant


@pytest.mark.parametrize(
    ("name", "written", "meant"),
    [
        ("log_level", "DEBUG", LogLevel.DEBUG),
        ("tools", " Full ", ToolList.FULL),
        ("embedder", "ONNX", EmbedderChoice.ONNX),
        ("remote", "None", None),
        ("adopt_from", "NONE", None),
    ],
)
def test_a_word_is_written_in_any_case(config: Path, name: str, written: str, meant: object) -> None:
    config.touch()
    assert getattr(load(environment=environment(config, **{f"MEMMUX_{name.upper()}": written})), name) is meant


def test_what_is_neither_true_nor_false_is_refused(config: Path) -> None:
    config.touch()
    with pytest.raises(SettingInvalidError, match="MEMMUX_TRACES is 'maybe'; it must be true or false"):
        load(environment=environment(config, MEMMUX_TRACES="maybe"))


def test_a_database_in_memory_is_refused(config: Path) -> None:
    config.touch()
    with pytest.raises(SettingInvalidError, match=r"MEMMUX_DATABASE is :memory:, .* name a file"):
        load(environment=environment(config, MEMMUX_DATABASE=":memory:"))


def test_a_relative_path_in_the_file_is_from_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, elsewhere = tmp_path / "memmux.toml", tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    config.write_text(
        'database = "m.db"\nbackups_dir = "./b"\ntls_cert = "c.pem"\ntls_key = "none"\nmodel = "./m"\n'
        'ingest_roots = ["notes", "~", "/docs"]\nremote = "keys/team.json"\nadopt_from = "../old.db"\n'
    )
    found = load(environment=environment(config))
    assert (found.database, found.backups_dir, found.tls_cert) == tuple(
        tmp_path / name for name in ("m.db", "b", "c.pem")
    )
    assert (found.tls_key, found.model, found.adopt_from) == (None, str(tmp_path / "m"), tmp_path.parent / "old.db")
    assert (found.ingest_roots, found.remote) == (
        (tmp_path / "notes", Path.home(), Path("/docs")),
        tmp_path / "keys" / "team.json",
    )
    config.write_text('ingest_roots = "a:b:"\nremote = "team"\nmodel = "all-MiniLM-L6-v2"\n')
    found = load(environment=environment(config))
    assert found.ingest_roots == (tmp_path / "a", tmp_path / "b")
    assert (found.remote, found.model) == (tmp_path / "remotes" / "team.json", "all-MiniLM-L6-v2")
    flag = load({"database": "m.db"}, environment(config))
    assert flag.database == elsewhere / "m.db", "what is typed is from where it is typed"


@pytest.mark.parametrize("given", ["$HOME/m.db", "${HOME}/m.db", "/data/$USER/m.db", "${XDG_DATA_HOME:-~}/m.db"])
def test_a_variable_in_a_path_is_refused_with_the_remedy(config: Path, given: str) -> None:
    config.touch()
    with pytest.raises(SettingInvalidError, match="is not replaced in it; write the whole path"):
        load(environment=environment(config, MEMMUX_DATABASE=given))
    config.write_text(f'ingest_roots = ["{given}"]\n')
    with pytest.raises(SettingInvalidError, match="is not replaced in it; write the whole path"):
        load(environment=environment(config))


@pytest.mark.parametrize("quote", ["'", '"'])
def test_quotes_around_a_path_are_refused_with_the_remedy(config: Path, quote: str) -> None:
    config.touch()
    with pytest.raises(SettingInvalidError, match="leave them out"):
        load(environment=environment(config, MEMMUX_DATABASE=f"{quote}/x/m.db{quote}"))


def test_a_name_that_only_holds_such_characters_is_a_name(config: Path, tmp_path: Path) -> None:
    config.touch()
    for name in ("$RECYCLE.BIN", "a$b", "it's"):
        found = load(environment=environment(config, MEMMUX_DATABASE=f"{tmp_path}/{name}/m.db"))
        assert found.database == tmp_path / name / "m.db"
