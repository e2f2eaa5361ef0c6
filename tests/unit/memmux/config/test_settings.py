from __future__ import annotations

from pathlib import Path

import pytest

from memmux.cluster import find
from memmux.config.loader import load
from memmux.config.settings import EmbedderChoice, LogLevel, Settings, parse_flags
from memmux.errors import SettingInvalidError
from tests.unit.memmux.config.written import environment


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


def test_flags_give_another_process_the_same_settings(config: Path, tmp_path: Path) -> None:
    config.touch()
    flags = {"database": tmp_path / "a b=c.db", "embedder": "hash", "log_level": "debug", "idle_exit_s": 0.25}
    settings = load(flags, environment(config))
    assert settings.embedder is EmbedderChoice.HASH
    assert settings.log_level is LogLevel.DEBUG
    assert parse_flags(settings.flags()) == settings


@pytest.mark.parametrize("settings", [None, Settings()])
def test_database_without_a_name_is_not_the_working_directory(settings: Settings | None) -> None:
    with pytest.raises(SettingInvalidError, match="leave it out"):
        find.choose("", settings)
