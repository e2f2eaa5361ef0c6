from __future__ import annotations

from pathlib import Path

import pytest

from memmux.cluster import find
from memmux.config import database_url
from memmux.config.loader import load, load_with_sources
from memmux.config.settings import Settings, parse_flags
from memmux.errors import SettingInvalidError

URL = "postgresql://app@h1,h2:5433,h3/memmux?sslmode=verify-full"
SECRET = "s3cr3t"  # noqa: S105


def environment(tmp_path: Path, **variables: str) -> dict[str, str]:
    return {"MEMMUX_CONFIG": str(_file(tmp_path)), **variables}


def _file(tmp_path: Path) -> Path:
    file = tmp_path / "memmux.toml"
    file.touch()
    return file


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "PostgreSQL"])
def test_a_url_of_either_scheme_is_the_database_and_its_files_have_a_folder_of_this_machine(
    tmp_path: Path, scheme: str
) -> None:
    found = load(environment=environment(tmp_path, MEMMUX_DATABASE=f"{scheme}://h1,h2/memmux"))
    assert found.server == found.read_server == found.where == "postgresql://h1,h2/memmux"
    assert found.database.name == "memmux"
    assert found.database.parent.parent == Settings().database.parent
    assert found.database.parent.name.startswith("pg-")


def test_two_urls_have_two_folders_and_one_has_always_the_same(tmp_path: Path) -> None:
    def home(url: str) -> Path:
        return load({"database": url}, environment(tmp_path)).database

    assert home(URL) == home(URL.replace("postgresql:", "postgres:"))
    assert len({home(URL), home("postgresql://h1/memmux"), home("postgresql://h1/other")}) == 3


def test_a_file_has_no_server(tmp_path: Path) -> None:
    found = load({"database": tmp_path / "x.db"}, environment(tmp_path))
    assert (found.server, found.read_server, found.where) == (None, None, str(tmp_path / "x.db"))


def test_who_names_a_file_means_no_server_that_lower_sources_name(tmp_path: Path) -> None:
    variables = environment(tmp_path, MEMMUX_DATABASE=URL, MEMMUX_DATABASE_READ="postgresql://r/memmux")
    found, sources = load_with_sources({"database": tmp_path / "x.db"}, variables)
    assert (found.server, found.read_server, found.database) == (None, None, tmp_path / "x.db")
    assert "server" not in sources


def test_who_names_a_url_means_no_file_that_lower_sources_name(tmp_path: Path) -> None:
    _file(tmp_path).write_text(f'database = "{tmp_path}/x.db"\n')
    found = load({}, environment(tmp_path, MEMMUX_DATABASE=URL))
    assert found.server == URL
    assert found.database.parent.name.startswith("pg-")


def test_a_folder_of_its_own_can_be_named_beside_the_url(tmp_path: Path) -> None:
    found = load({}, environment(tmp_path, MEMMUX_SERVER=URL, MEMMUX_DATABASE=str(tmp_path / "one" / "memmux")))
    assert (found.server, found.database) == (URL, tmp_path / "one" / "memmux")


def test_reads_may_go_to_another_url(tmp_path: Path) -> None:
    variables = environment(tmp_path, MEMMUX_DATABASE=URL, MEMMUX_DATABASE_READ="postgres://replica/memmux")
    assert load({}, variables).read_server == "postgresql://replica/memmux"


@pytest.mark.parametrize("other", ["postgresql://other/memmux", "x.db"])
def test_who_names_another_database_means_no_replica_of_the_one_before(tmp_path: Path, other: str) -> None:
    _file(tmp_path).write_text(f'database = "{URL}"\ndatabase_read = "postgresql://replica/memmux"\n')
    found, sources = load_with_sources({}, environment(tmp_path))
    assert found.read_server == "postgresql://replica/memmux"
    for database, read in ((other, None), (URL, "postgresql://replica/memmux")):
        assert load({"database": database}, environment(tmp_path)).database_read == read
        assert load({}, environment(tmp_path, MEMMUX_DATABASE=database)).database_read == read
        if database_url.is_url(database):
            assert find.choose(database, found).database_read == read
    assert "database_read" in sources
    assert "database_read" not in load_with_sources({"database": other}, environment(tmp_path))[1]


def test_a_replica_that_a_lower_source_names_alone_is_of_the_database_that_is_meant(tmp_path: Path) -> None:
    _file(tmp_path).write_text('database_read = "postgresql://replica/memmux"\n')
    assert load({}, environment(tmp_path, MEMMUX_DATABASE=URL)).read_server == "postgresql://replica/memmux"


def test_another_process_gets_the_same_settings_by_flags(tmp_path: Path) -> None:
    found = load({}, environment(tmp_path, MEMMUX_DATABASE=URL, MEMMUX_DATABASE_READ="postgresql://r/memmux"))
    assert parse_flags(found.flags()) == found


_WITH_PASSWORD = (
    f"postgresql://app:{SECRET}@h/memmux",
    f"postgres://:{SECRET}@h/memmux",
    f"POSTGRESQL://app:{SECRET}@h1,h2/memmux",
    f"postgresql://h/memmux?password={SECRET}",
    f"postgresql://h/memmux?user=app&password={SECRET}",
    f"postgresql://h/memmux?p%61ssword={SECRET}",
    f"postgresql://h/memmux?PASSWORD={SECRET}",
    f"postgresql://h/memmux?sslpassword={SECRET}",
    f"postgresql://app%3A{SECRET}@h/memmux",
    f"postgresql://app:{SECRET}/x@h/memmux",
    f"postgresql://app:{SECRET}?x@h/memmux",
    f"postgresql://app:{SECRET}#x@h/memmux",
    f"postgresql://app:{SECRET}@/memmux",
    f"postgresql://app:a@{SECRET}@h/memmux",
    f"  postgresql://app:{SECRET}@h/memmux",
)


@pytest.mark.parametrize("value", _WITH_PASSWORD)
@pytest.mark.parametrize("name", ["database", "server", "database_read"])
def test_a_password_is_refused_with_the_remedy_and_never_repeated(tmp_path: Path, name: str, value: str) -> None:
    variables = environment(tmp_path, **{f"MEMMUX_{name.upper()}": value})
    for given in ((None, variables), ({name: value}, environment(tmp_path))):
        with pytest.raises(SettingInvalidError) as refused:
            load(*given)
        assert SECRET not in str(refused.value)
        assert "pgpass" in str(refused.value)
        assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    "value",
    [
        f"mysql://app:{SECRET}@h/memmux",
        f"postgresql+psycopg://app:{SECRET}@h/memmux",
        f"postgresql:/app:{SECRET}@h/memmux",
        f"postgresql:app:{SECRET}@h",
        f"host=h password={SECRET} dbname=memmux",
        f"https://{SECRET}@h",
    ],
)
def test_what_is_a_url_of_something_else_is_no_file_and_is_not_repeated(tmp_path: Path, value: str) -> None:
    with pytest.raises(SettingInvalidError) as refused:
        load({"database": value}, environment(tmp_path))
    assert SECRET not in str(refused.value)
    assert "postgresql://HOST/NAME" in str(refused.value)


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("postgresql://h:x/memmux", "port"),
        ("postgresql://h:70000/memmux", "port"),
        ("postgresql://h", "name of a database"),
        ("postgresql://", "name of a database"),
        ("postgresql://h/a/b", "name of a database"),
        ("postgresql://h/memmux?sslmode", "parameter"),
        ("postgresql://h/memmux#x", "fragment"),
        ("postgresql://h h/memmux", "space"),
    ],
)
def test_what_is_wrong_with_a_url_is_said(tmp_path: Path, value: str, what: str) -> None:
    with pytest.raises(SettingInvalidError, match=what):
        load({"database": value}, environment(tmp_path))


@pytest.mark.parametrize(
    "value",
    [
        "postgresql:///memmux",
        "postgresql:///memmux?host=/run/postgresql&port=5433",
        "postgresql://%2Frun%2Fpg:5433,%2Frun%2Fpg2/memmux",
        "postgresql://app@[::1]:5432,[fe80::1]/memmux",
        "postgresql:///memmux?service=memmux",
        "postgresql:///?service=memmux",
        "postgresql://h/memmux?passfile=/home/u/.pgpass&sslrootcert=/x/ca.pem",
        "postgresql://app%40corp@h/memmux",
    ],
)
def test_what_libpq_takes_is_taken(tmp_path: Path, value: str) -> None:
    assert load({"database": value}, environment(tmp_path)).server == value


def test_what_cannot_be_adopted_there_is_said_with_the_way_that_can(tmp_path: Path) -> None:
    with pytest.raises(SettingInvalidError, match="memmux import"):
        load({"database": URL, "adopt_from": str(tmp_path / "old.db")}, environment(tmp_path))
    assert load({"database": URL, "adopt_from": "none"}, environment(tmp_path)).adopt_from is None


def test_nothing_is_adopted_that_only_stands_there(tmp_path: Path) -> None:
    (tmp_path / "old.db").write_bytes(b"x")
    variables = environment(tmp_path, MEMMUX_DATABASE=URL, MCP_MEMORY_SQLITE_PATH=str(tmp_path / "old.db"))
    assert load({}, variables).adopt_from is None


def test_a_url_is_known_by_how_it_begins() -> None:
    assert database_url.is_url("postgres://h/x")
    assert not any(map(database_url.is_url, ("/a/postgres://x", "memories.db", "postgres.db", Path("postgresql:x"))))


def test_a_client_that_names_a_url_means_it_whatever_its_settings_say(tmp_path: Path) -> None:
    chosen = find.choose(URL, Settings(database=tmp_path / "x.db", adopt_from=tmp_path / "old.db"))
    assert (chosen.server, chosen.adopt_from) == (URL, None)
    assert chosen.database == load({"database": URL}, environment(tmp_path)).database
    assert find.choose(tmp_path / "x.db", chosen).server is None
    assert find.choose(None, chosen) == chosen
