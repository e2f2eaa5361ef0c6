"""Full text of words: what is found, what is left of what is gone, and what a change of the words does."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.workers.desk import Desk
from workers.runtime.jobs import silent
from workers.storage.sqlite import bulk, engine, fulltext, migrate
from workers.storage.sqlite.checking.check import check
from workers.storage.sqlite.writer import SqliteWriter
from workers.words import version


@pytest.mark.parametrize(
    ("content", "query"),
    [
        ("重启nginx服务后端口5433生效", "nginx"),
        ("重启nginx服务后端口5433生效", "5433"),
        ("每晚三点备份数据库", "数据库"),
        ("每晚三点备份数据库", "备"),
        ("バックアップは夜に動く", "ﾊﾞｯｸｱｯﾌﾟ"),
        ("call getUserInfo first", "user info"),
        ("the commit is 3f2a9bc1d4e5f60718293a4b5c6d7e8f90123456", "3f2a9bc"),
        ("Das Café in Łódź", "cafe lodz"),
        ("deploy 🚀", "🚀"),
    ],
)
def test_a_memory_is_found_by_its_words(desk: Desk, content: str, query: str) -> None:
    desk.store("something else")
    desk.store(content)
    assert desk.contents(query, mode="keyword") == [content]


def _words(desk: Desk) -> list[tuple[str, int]]:
    desk.sql("CREATE VIRTUAL TABLE IF NOT EXISTS temp.words_now USING fts5vocab ('main', 'texts', 'instance')")
    return sorted((term, doc) for term, doc in desk.sql("SELECT term, doc FROM temp.words_now"))


def test_what_changes_or_goes_leaves_no_words_in_the_index(desk: Desk) -> None:
    first = desk.store("alpha beta")["id"]
    second = desk.store("gamma")["id"]
    assert _words(desk) == [("alpha", 1), ("beta", 1), ("gamma", 2)]
    desk.ask("memory.rewrite", {"id": first, "content": "beta delta"})
    desk.ask("memory.delete", {"id": second})
    assert _words(desk) == [("beta", 1), ("delta", 1)]
    desk.ask("memory.undo", {"seq": desk.sql("SELECT max(seq) FROM changes")[0][0]})
    assert _words(desk) == [("beta", 1), ("delta", 1), ("gamma", 2)]
    desk.ask("memory.update", {"id": first, "tags": ["x"]})
    assert _words(desk) == [("beta", 1), ("delta", 1), ("gamma", 2)]


def _version(database: Path) -> str:
    with closing(engine.open_reader(database)) as reader:
        return fulltext.written(reader)


def test_a_database_of_an_older_schema_gets_its_words_after_a_backup(tmp_path: Path) -> None:
    path = tmp_path / "memories.db"
    scripts = migrate.migrations()
    migrate.prepare(path, {step: script for step, script in scripts.items() if step < migrate._WORDS})
    with closing(engine.open_writer(path)) as writer:
        for row, content in enumerate(("备份数据库", "get_user_info", "gone"), 1):
            writer.execute(
                "INSERT INTO memories (id, namespace, created_at, updated_at, content_hash, content, deleted_at)"
                " VALUES (?1, 'default', 1, 1, ?1, ?2, iif(?2 = 'gone', 1, NULL))",
                (str(row), content),
            )
            writer.execute(
                "INSERT INTO changes (at, operation, memory, row, client, request)"
                " VALUES (1, 'memory.store', ?1, ?1, '', '')",
                (row,),
            )
    desk = Desk(path)
    assert desk.contents("数据", mode="keyword") == ["备份数据库"]
    assert desk.contents("getUserInfo", mode="keyword") == ["get_user_info"]
    assert desk.contents("gone", mode="keyword") == []
    assert _version(path) == version.version()
    desk.check()
    desk.close()
    assert len(list(path.with_name(f"{path.name}.backups").iterdir())) == 1


@pytest.mark.parametrize("former", ["", "words 0 []"])
def test_words_of_another_version_are_made_anew_by_the_writer_and_readers_say_so(tmp_path: Path, former: str) -> None:
    path = tmp_path / "memories.db"
    desk = Desk(path)
    desk.store("an alpha", (1, 0))
    desk.sql("DELETE FROM texts")
    desk.sql("DELETE FROM meta WHERE key = 'words'")
    if former:
        desk.sql("INSERT INTO meta VALUES ('words', ?)", former)
    for mode in ("keyword", "hybrid"):
        assert "words_outdated" in desk.answer("memory.search", {"query": "alpha", "mode": mode}).degraded
    assert desk.answer("memory.search", {"query": "alpha", "mode": "exact"}).degraded == ()
    desk.close()
    desk = Desk(path)
    assert desk.contents("alpha", mode="keyword") == ["an alpha"]
    assert desk.answer("memory.search", {"query": "alpha", "mode": "keyword"}).degraded == ()
    desk.close()
    assert not path.with_name(f"{path.name}.backups").exists()


def test_a_change_of_the_languages_makes_full_text_anew(tmp_path: Path) -> None:
    path = tmp_path / "memories.db"
    desk = Desk(path)
    desk.store("taloissa")
    assert desk.contents("talojen", mode="keyword") == []
    desk.close()
    SqliteWriter(path, languages=("finnish",)).close()
    desk = Desk(path, languages=("finnish",))
    assert desk.contents("talojen", mode="keyword") == ["taloissa"]
    desk.close()
    assert _version(path) == version.version(("finnish",))
    with closing(SqliteWriter(path, languages=("finnish",))) as writer:
        writer._raw.execute("UPDATE memories SET content = 'taloissa ja' WHERE row = 1")
        assert check(path, deep=True)[0].code == "content_changed"  # and nothing about full text
    migrate.prepare(path)
    assert _version(path) == version.version()


def test_a_repair_keeps_the_languages(tmp_path: Path) -> None:
    path = tmp_path / "memories.db"
    with closing(SqliteWriter(path, languages=("german",))) as writer:
        fulltext.fill(writer._raw, version.languages_of(fulltext.written(writer._raw)), silent)
    assert _version(path) == version.version(("german",))


def test_a_database_that_is_filled_at_once_has_its_words_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "memories.db"
    with bulk.filling(path, silent, ("german",)), closing(SqliteWriter(path, languages=("german",))) as writer:
        writer._raw.execute(
            "INSERT INTO memories (id, namespace, created_at, updated_at, content_hash, content)"
            " VALUES ('i', 'default', 1, 1, 'h', 'Sicherungen')"
        )
    assert _version(path) == version.version(("german",))
    with closing(engine.open_reader(path)) as reader:
        assert reader.execute("SELECT count(*) FROM texts WHERE texts MATCH 'sicher'").get == 1


def test_a_sign_of_life_is_given_while_words_are_cut(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "memories.db")
    for number in range(4):
        desk.store(f"{number} " + "word " * 40_000)
    signs: list[None] = []
    fulltext.fill(desk.engine._raw, (), lambda: signs.append(None))
    assert len(signs) >= 2
    desk.close()
